"""Asks TensorFlow Serving about an export of tfnxc: are these one person; where else was this person seen; its vectors.

python scripts/serving_client.py match probe.png gallery.png --model campus
python scripts/serving_client.py rank probe.png gallery/ --model campus --top 10
python scripts/serving_client.py rank probe.png gallery/ --model campus --grpc --server localhost:8500
python scripts/serving_client.py rank probe.png gallery/ --model campus --by vectors
python scripts/serving_client.py embed gallery/ --model campus > vectors.jsonl

`rank --by vectors` compares the cosines of vectors: each picture is sent once, and the pair head is not asked. `embed`
prints a line of JSON for each picture, or for each image in a .npy file, (images, height, width, 3) with values in
[0, 1]. REST needs Python alone, a .npy file NumPy; gRPC needs TensorFlow, grpcio and tensorflow-serving-api.
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

BATCH = 32  # pairs or pictures a request
SUFFIXES = {".png", ".jpg", ".jpeg"}


def main(arguments=None):
    """The whole program."""
    options = parse(arguments)
    try:
        ask = over_grpc(options) if options.grpc else over_rest(options)
        if options.command == "embed":
            for name, vector in embed(ask, options.probe):
                print(json.dumps({"picture": name, "vector": vector}))
            return
        compare = by_vectors if options.by == "vectors" else by_pairs
        found = sorted(compare(ask, options.probe, pictures_of(options.gallery)), key=lambda each: -each[1])
    except RefusedError as error:
        sys.exit(f"Error: {error}")
    print(f"rank  {'cosine' if options.by == 'vectors' else 'probability':>11}  picture")
    for rank, (name, score) in enumerate(found[: options.top], start=1):
        print(f"{rank:4}  {score:11.4f}  {shown(name)}")


def shown(name):
    """The name of a file, with replacement characters for what is not UTF-8."""
    return re.sub("[\ud800-\udfff]", "\ufffd", name)


def parse(arguments):
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = ["match", "rank", "embed"]
    parser.add_argument("command", choices=commands, help="two pictures; a picture and a folder; or what to embed")
    parser.add_argument("probe", type=pathlib.Path, help="a JPEG or PNG crop of a person; embed: or a folder, or .npy")
    parser.add_argument("gallery", type=pathlib.Path, nargs="?", help="match: another crop; rank: a folder of them")
    parser.add_argument("--by", choices=["pairs", "vectors"], default="pairs", help="how to compare (default: pairs)")
    parser.add_argument("--model", default="demo", help="name of the model on the server (default: demo)")
    parser.add_argument("--version", type=int, help="its version (default: what the server takes, the latest)")
    parser.add_argument("--server", help="default: http://localhost:8501, or with --grpc localhost:8500")
    parser.add_argument("--grpc", action="store_true", help="ask over gRPC")
    parser.add_argument("--top", type=int, default=20, help="rows of the ranking (default: 20)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each request (default: 60)")
    options = parser.parse_args(arguments)
    if options.top < 1:
        parser.error("--top takes 1 or more")
    if (options.command == "embed") != (options.gallery is None):
        parser.error("match and rank take two arguments, embed takes one")
    if options.gallery is not None and (options.command == "rank") != options.gallery.is_dir():
        parser.error("match takes two pictures, rank a picture and a folder")
    return options


class RefusedError(Exception):
    """The server, or this program, refused something; the message says why."""


def pictures_of(path):
    """The picture of a path, or those of a folder."""
    found = [path]
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
    if not found:
        raise RefusedError(f"{path}: no JPEG or PNG picture here.")
    return found


def by_pairs(ask, probe, gallery):
    """Each name of the gallery with the probability that it shows the person of the probe."""
    found = []
    for start in range(0, len(gallery), BATCH):
        batch = gallery[start : start + BATCH]
        asked = asked_of_files(ask, "match_bytes", {"probe_bytes": [probe] * len(batch), "gallery_bytes": batch})
        found += zip([path.name for path in batch], asked["same"], strict=True)
    return found


def by_vectors(ask, probe, gallery):
    """Each name of the gallery with the cosine of its vector and that of the probe."""
    ((_, wanted),) = embed_pictures(ask, [probe])
    for name, vector in embed_pictures(ask, gallery):
        yield name, sum(a * b for a, b in zip(wanted, vector, strict=True))


def embed(ask, path):
    """Names and vectors of a picture, of those of a folder, or of the images in a .npy file."""
    if path.suffix.lower() == ".npy":
        yield from embed_images(ask, path)
    else:
        yield from embed_pictures(ask, pictures_of(path))


def embed_pictures(ask, pictures):
    """Names and vectors of JPEG or PNG pictures."""
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        asked = asked_of_files(ask, "embed_vector_bytes", {"image_bytes": batch})
        yield from zip([path.name for path in batch], asked["vector"], strict=True)


def embed_images(ask, path):
    """Positions and vectors of images, values in [0, 1], in a .npy file."""
    try:
        import numpy as np

        images = np.load(path)
    except ImportError as error:
        raise RefusedError(f"{error}. A .npy file needs NumPy; pictures do not.") from None
    except (OSError, ValueError) as error:
        raise RefusedError(f"{path}: no .npy file of numbers ({error}).") from None
    if images.ndim != 4 or images.dtype.kind != "f":
        raise RefusedError(f"{path}: expected floats (images, height, width, 3); got {images.dtype} {images.shape}.")
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH].astype("float32")
        yield from enumerate(ask("embed_vector", {"image": batch.tolist()})["vector"], start=start)


def asked_of_files(ask, signature, files):
    """What a signature says of pictures, given as lists of paths by the name of the input; errors name the picture."""
    try:
        return ask(signature, {name: [path.read_bytes() for path in paths] for name, paths in files.items()})
    except RefusedError as error:
        picture = re.search(r"(\w+_bytes), picture (\d+): ([^\]\n]*)", str(error))
        if picture is None or picture[1] not in files:
            raise
        raise RefusedError(f"{files[picture[1]][int(picture[2])]}: {picture[3]}") from None
    except OSError as error:
        raise RefusedError(f"{error.filename}: {error.strerror}") from None


def over_rest(options):
    """A function of a signature and its inputs (bytes of files, or floats) to its outputs as lists, by the REST API."""
    version = "" if options.version is None else f"/versions/{options.version}"
    url = f"{options.server or 'http://localhost:8501'}/v1/models/{options.model}{version}:predict"

    def sent(value):
        return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value

    def ask(signature, inputs):
        inputs = {name: [sent(each) for each in values] for name, values in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=options.timeout) as reply:
                outputs = json.load(reply)["outputs"]
                # TensorFlow Serving leaves out the name of a single output.
                return outputs if isinstance(outputs, dict) else {"vector": outputs}
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

    def ask(signature, inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = options.model, signature
        if options.version is not None:
            request.model_spec.version.value = options.version
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        try:
            reply = stub.Predict(request, timeout=options.timeout)
        except grpc.RpcError as error:
            raise RefusedError(f"{server}: {error.code().name}: {error.details()}") from None
        return {name: tf.make_ndarray(value).tolist() for name, value in reply.outputs.items()}

    return ask


if __name__ == "__main__":
    main()
