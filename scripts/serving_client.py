"""Asks TensorFlow Serving about an export of tfnxc: are these one person; where else was this person seen; its vectors.

python scripts/serving_client.py match probe.png gallery.png --model campus
python scripts/serving_client.py rank probe.png gallery/ --model campus --top 10
python scripts/serving_client.py rank probe.png gallery/ --model campus --grpc --server localhost:8500
python scripts/serving_client.py rank probe.png gallery/ --model campus --by vectors
python scripts/serving_client.py embed gallery/ --model campus > vectors.jsonl

Hidden files of a folder are passed over; folders in it and files of other formats are counted on standard error.
A picture of it that cannot be read is named there and left out; one that is named itself ends the program. The address
of the server may have a path, as behind a proxy.

`rank --by vectors` compares the cosines of vectors: each picture is sent once, and the pair head is not asked. `embed`
prints a line of JSON for each picture, or for each image in a .npy file, (images, height, width, 3) with values in
[0, 1]. REST needs Python alone, a .npy file NumPy; gRPC needs TensorFlow, grpcio and tensorflow-serving-api.
"""

import argparse
import base64
import http.client
import io
import json
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

BATCH = 32  # pairs or pictures a request
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"}


def main(arguments=None):
    """The whole program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console may not have all letters of a name
    options = parse(arguments)
    try:
        ask = over_grpc(options) if options.grpc else over_rest(options)
        if options.command == "embed":
            for name, vector in embed(ask, options.probe):
                print(json.dumps({"picture": name, "vector": vector}))
            return
        compare = by_vectors if options.by == "vectors" else by_pairs
        found = sorted(compare(ask, options.probe, options.gallery), key=lambda each: -each[1])
    except RefusedError as error:
        sys.exit(shown(f"Error: {error}"))
    print(f"rank  {'cosine' if options.by == 'vectors' else 'probability':>11}  picture")
    for rank, (name, score) in enumerate(found[: options.top], start=1):
        print(f"{rank:4}  {score:11.4f}  {shown(name)}")


def shown(text):
    """A text with the name of a file, with replacement characters for what is not UTF-8 or would steer a terminal."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", text)


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
    parser.add_argument("--server", help="default: http://localhost:8501, or with --grpc localhost:8500; or https://")
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


class RefusedPictureError(RefusedError):
    """A picture, given for the named input, cannot be read, here or by the server."""

    def __init__(self, name, path, why):
        super().__init__(f"{path}: {why}")
        self.name, self.path = name, path


def pictures_of(path):
    """The picture of a path, or those of a folder."""
    found = [path]
    if path.is_dir():
        seen = sorted(each for each in path.iterdir() if not each.name.startswith("."))
        found = [each for each in seen if each.suffix.lower() in SUFFIXES and not each.is_dir()]
        tell_others(path, "folders in it", [each for each in seen if each.is_dir()])
        tell_others(path, "files of other formats", [each for each in seen if each not in found and not each.is_dir()])
    if not found:
        raise RefusedError(f"{path}: no JPEG or PNG picture here.")
    return found


def tell_others(folder, what, paths):
    """Says on standard error what in a folder is not looked at."""
    if paths:
        names = ", ".join(each.name for each in paths[:5]) + (", ..." if len(paths) > 5 else "")
        print(shown(f"Passed over: {folder}: {len(paths)} {what} ({names})"), file=sys.stderr)


def by_pairs(ask, probe, gallery):
    """Each name of the gallery with the probability that it shows the person of the probe."""

    def inputs_of(batch):
        return {"probe_bytes": [probe] * len(batch), "gallery_bytes": batch}

    return asked_of_each(ask, "match_bytes", gallery, inputs_of, "same")


def by_vectors(ask, probe, gallery):
    """Each name of the gallery with the cosine of its vector and that of the probe."""
    ((_, wanted),) = embed_pictures(ask, probe)
    for name, vector in embed_pictures(ask, gallery):
        yield name, sum(a * b for a, b in zip(wanted, vector, strict=True))


def embed(ask, path):
    """Names and vectors of a picture, of those of a folder, or of the images in a .npy file."""
    if path.suffix.lower() == ".npy":
        yield from embed_images(ask, path)
    else:
        yield from embed_pictures(ask, path)


def embed_pictures(ask, path):
    """Names and vectors of a JPEG or PNG picture, or of those of a folder."""
    return asked_of_each(ask, "embed_vector_bytes", path, lambda batch: {"image_bytes": batch}, "vector")


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


def asked_of_each(ask, signature, path, inputs_of, output):
    """Names and what a signature says of a picture, or of those of a folder, of which broken ones are left out.

    `inputs_of` gives the inputs of a batch of paths, the last of which are these paths themselves.
    """
    pictures, whole = pictures_of(path), 0
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        while batch:
            inputs = inputs_of(batch)
            try:
                asked = asked_of_files(ask, signature, inputs)
            except RefusedPictureError as error:
                if error.name != list(inputs)[-1] or not path.is_dir():
                    raise
                print(shown(f"Left out: {error}"), file=sys.stderr)
                batch = [each for each in batch if each != error.path]
                continue
            whole += len(batch)
            yield from zip([each.name for each in batch], asked[output], strict=True)
            break
    if not whole:
        raise RefusedError(f"{path}: none of its pictures can be read.")


def asked_of_files(ask, signature, files):
    """What a signature says of pictures, given as lists of paths by the name of the input; errors name the picture."""
    try:
        return ask(signature, {name: [content(name, path) for path in paths] for name, paths in files.items()})
    except RefusedPictureError:
        raise
    except RefusedError as error:
        picture = re.search(r"(\w+_bytes), picture (\d+): ([^\]\n]*)", str(error))
        if picture is None or picture[1] not in files:
            raise
        raise RefusedPictureError(picture[1], files[picture[1]][int(picture[2])], picture[3]) from None


def content(name, path):
    """The bytes of a file that is given for the named input."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise RefusedPictureError(name, path, "not a file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefusedPictureError(name, path, error.strerror) from None


def address_of(server):
    """`(scheme, host and port, path without a slash at its end)` of an address, which needs no scheme."""
    if "@" in server:  # not repeated: it may hold a password
        raise RefusedError("no address of a server: it has an @; names and passwords are not sent to a server.")
    try:
        parts = urllib.parse.urlsplit(server if "://" in server else f"http://{server}")
        parts.port  # noqa: B018  looked at, because a port that is none is an error only then
    except ValueError as error:
        raise RefusedError(f"{server!r}: no address of a server ({error}).") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise RefusedError(f"{server!r}: no address of a server; expected one such as http://localhost:8501.")
    path = re.sub("/v1(/models)?$", "", parts.path.rstrip("/"))
    if re.search("/v1/models/|:[a-z]+$", path):
        raise RefusedError(f"{server}: the address of a model; give that of the server, and the model as --model.")
    return parts.scheme, parts.netloc, path


def over_rest(options):
    """A function of a signature and its inputs (bytes of files, or floats) to its outputs as lists, by the REST API."""
    scheme, place, path = address_of("http://localhost:8501" if options.server is None else options.server)
    version = "" if options.version is None else f"/versions/{options.version}"
    url = f"{scheme}://{place}{path}/v1/models/{urllib.parse.quote(options.model, safe='')}{version}:predict"

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

    scheme, server, path = address_of("localhost:8500" if options.server is None else options.server)
    if scheme != "http" or path:
        raise RefusedError(f"{options.server}: --grpc takes a host and a port, such as localhost:8500.")
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
