"""Asks TensorFlow Serving about an export of tfnxc: are these one person; where else was this person seen.

python scripts/serving_client.py match probe.png gallery.png --model campus
python scripts/serving_client.py rank probe.png gallery/ --model campus --top 10
python scripts/serving_client.py rank probe.png gallery/ --model campus --grpc --server localhost:8500

REST needs Python alone. gRPC needs TensorFlow, grpcio and tensorflow-serving-api.
"""

import argparse
import base64
import http.client
import json
import pathlib
import re
import sys
import urllib.error
import urllib.request

BATCH = 32  # pairs a request
SUFFIXES = {".png", ".jpg", ".jpeg"}


def main(arguments=None):
    """The whole program."""
    options = parse(arguments)
    try:
        ask = over_grpc(options) if options.grpc else over_rest(options)
        gallery = [options.gallery]
        if options.gallery.is_dir():
            gallery = sorted(each for each in options.gallery.iterdir() if each.suffix.lower() in SUFFIXES)
        if not gallery:
            raise RefusedError(f"{options.gallery}: no JPEG or PNG picture here.")
        found = sorted(compare(ask, options.probe, gallery), key=lambda each: -each[1])
    except RefusedError as error:
        sys.exit(f"Error: {error}")
    print("rank  probability  picture")
    for rank, (name, probability) in enumerate(found[: options.top], start=1):
        print(f"{rank:4}  {probability:11.4f}  {name}")


def parse(arguments):
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["match", "rank"], help="two pictures; or a picture and a folder")
    parser.add_argument("probe", type=pathlib.Path, help="a JPEG or PNG crop of a person")
    parser.add_argument("gallery", type=pathlib.Path, help="match: another such crop; rank: a folder of them")
    parser.add_argument("--model", default="demo", help="name of the model on the server (default: demo)")
    parser.add_argument("--version", type=int, help="its version (default: what the server takes, the latest)")
    parser.add_argument("--server", help="default: http://localhost:8501, or with --grpc localhost:8500")
    parser.add_argument("--grpc", action="store_true", help="ask over gRPC")
    parser.add_argument("--top", type=int, default=20, help="rows of the ranking (default: 20)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each request (default: 60)")
    options = parser.parse_args(arguments)
    if options.top < 1:
        parser.error("--top takes 1 or more")
    if (options.command == "rank") != options.gallery.is_dir():
        parser.error("match takes two pictures, rank a picture and a folder")
    return options


class RefusedError(Exception):
    """The server, or this program, refused something; the message says why."""


def compare(ask, probe, gallery):
    """Each name of the gallery with the probability that it shows the person of the probe."""
    found = []
    for start in range(0, len(gallery), BATCH):
        batch = gallery[start : start + BATCH]
        try:
            probabilities = ask([probe.read_bytes()] * len(batch), [path.read_bytes() for path in batch])
        except RefusedError as error:
            picture = re.search(r"(probe|gallery)_bytes, picture (\d+): ([^\]\n]*)", str(error))
            if picture is None:
                raise
            path = probe if picture[1] == "probe" else batch[int(picture[2])]
            raise RefusedError(f"{path}: {picture[3]}") from None
        except OSError as error:
            raise RefusedError(f"{error.filename}: {error.strerror}") from None
        found += zip([path.name for path in batch], probabilities, strict=True)
    return found


def over_rest(options):
    """A function of two lists of files to a list of probabilities, by TensorFlow Serving's REST API."""
    version = "" if options.version is None else f"/versions/{options.version}"
    url = f"{options.server or 'http://localhost:8501'}/v1/models/{options.model}{version}:predict"

    def ask(probes, galleries):
        sides = {"probe_bytes": probes, "gallery_bytes": galleries}
        inputs = {name: [{"b64": base64.b64encode(file).decode()} for file in files] for name, files in sides.items()}
        body = json.dumps({"signature_name": "match_bytes", "inputs": inputs}).encode()
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=options.timeout) as reply:
                return json.load(reply)["outputs"]["same"]
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                message = json.loads(text)["error"]
            except (ValueError, KeyError, TypeError):
                message = f"{url}: {error} {text[:200]}"
            raise RefusedError(message) from None
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise RefusedError(f"{url}: no answer of TensorFlow Serving ({error}).") from None

    return ask


def over_grpc(options):
    """The same by its gRPC API."""
    try:
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
    except ImportError as error:
        raise RefusedError(
            f"{error}. --grpc needs TensorFlow, grpcio and tensorflow-serving-api. Beside tensorflow-cpu: pip install "
            "--no-deps tensorflow-serving-api, which would bring a second TensorFlow otherwise. REST needs none."
        ) from None

    server = options.server or "localhost:8500"
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(server))

    def ask(probes, galleries):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = options.model, "match_bytes"
        if options.version is not None:
            request.model_spec.version.value = options.version
        for name, files in {"probe_bytes": probes, "gallery_bytes": galleries}.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(files, tf.string))
        try:
            reply = stub.Predict(request, timeout=options.timeout)
        except grpc.RpcError as error:
            raise RefusedError(f"{server}: {error.code().name}: {error.details()}") from None
        return tf.make_ndarray(reply.outputs["same"]).tolist()

    return ask


if __name__ == "__main__":
    main()
