"""Asks TensorFlow Serving about an export of tfnxc: are these one person; where else was this person seen; its vectors.

python scripts/serving_client.py match probe.png gallery.png --model campus
python scripts/serving_client.py rank probe.png gallery/ --model campus --top 10
python scripts/serving_client.py rank probe.png gallery/ --model campus --grpc --server localhost:8500
python scripts/serving_client.py rank probe.png gallery/ --model campus --by vectors
python scripts/serving_client.py embed gallery/ --model campus > vectors.jsonl

Hidden files of a folder are passed over; folders in it and files of other formats are counted on standard error.
A picture of it that cannot be read is named there and left out; one that is named itself ends the program. If the
server fails halfway, what it had answered is printed. The exit status is 0 only if nothing was left out and nothing
failed. The address of the server may have a path, as behind a proxy.

`rank --by vectors` compares the cosines of vectors: each picture is sent once, and the pair head is not asked. `embed`
prints a line of JSON for each picture, or for each image in a .npy file, (images, height, width, 3) with values in
[0, 1]. REST needs Python alone, a .npy file NumPy; gRPC needs TensorFlow, grpcio and tensorflow-serving-api.
"""

import argparse
import base64
import http.client
import io
import json
import os
import pathlib
import re
import stat
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

BATCH = 32  # pairs or pictures a request
LARGEST_ANSWER = 1 << 24  # bytes: 32 vectors of 10,000 numbers are less
LARGEST_NUMBER = 1e30  # of a vector; NaN is no smaller
LONGEST_MESSAGE = 2000  # letters of a server's message that are looked at and shown
LONGEST_WAIT = 86400  # seconds
LARGEST = 16 << 20  # bytes of a picture that is sent: a crop of a person has thousands
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"}


def main(arguments=None):
    """The whole program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console may not have all letters of a name
    options, left_out, found, problem = parse(arguments), [], [], None

    def leave_out(what):
        left_out.append(what)
        print(shown(f"Left out: {what}"), file=sys.stderr)

    try:
        ask = over_grpc(options) if options.grpc else over_rest(options)
        if options.command == "embed":
            for name, vector in embed(ask, options.probe, leave_out):
                print(as_json({"picture": name, "vector": vector}))
        else:
            compare = by_vectors if options.by == "vectors" else by_pairs
            for each in compare(ask, options.probe, options.gallery, leave_out):
                found.append(each)
    except RefusedError as error:
        problem = shown(f"Error: {error}")
    if found:
        print_ranking(sorted(found, key=lambda each: -each[1])[: options.top], options.by)
        if problem:
            problem += f" The ranking holds the {len(found)} pictures that were compared before."
    if problem or left_out:
        sys.exit(problem or 1)


def print_ranking(found, by):
    """Prints names and scores, the best first."""
    print(f"rank  {'cosine' if by == 'vectors' else 'probability':>11}  picture")
    for rank, (name, score) in enumerate(found, start=1):
        print(f"{rank:4}  {score:11.4f}  {shown(name)}")


def as_json(data):
    """A line of JSON in which nothing steers a terminal: json.dumps leaves the one letter DEL as it is."""
    return json.dumps(data).replace("\x7f", "\\u007f")


def shown(text):
    """A text with the name of a file, with replacement characters for what is not UTF-8 or would steer a terminal."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", text)


class Parser(argparse.ArgumentParser):
    """A parser whose errors, which repeat names of files, do not steer a terminal."""

    def error(self, message):
        """Ends the program with a message."""
        super().error(shown(message))


def parse(arguments):
    """What the user asks for."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = ["match", "rank", "embed"]
    parser.add_argument("command", choices=commands, help="two pictures; a picture and a folder; or what to embed")
    parser.add_argument("probe", type=pathlib.Path, help="a JPEG or PNG crop of a person; embed: or a folder, or .npy")
    parser.add_argument("gallery", type=pathlib.Path, nargs="?", help="match: another crop; rank: a folder of them")
    parser.add_argument("--by", choices=["pairs", "vectors"], default="pairs", help="how to compare (default: pairs)")
    parser.add_argument("--model", default="campus", help="name of the model on the server (default: campus)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="its version (default: what the server takes, the latest)")
    which.add_argument("--label", help="or the label of a version on the server, such as stable")
    parser.add_argument("--server", help="default: http://localhost:8501, or with --grpc localhost:8500; or https://")
    parser.add_argument("--grpc", action="store_true", help="ask over gRPC")
    parser.add_argument("--top", type=int, default=20, help="rows of the ranking (default: 20)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each request, all of it (default: 60)")
    options = parser.parse_args(arguments)
    if options.top < 1:
        parser.error("--top takes 1 or more")
    if (options.command == "embed") != (options.gallery is None):
        parser.error("match and rank take two arguments, embed takes one")
    if options.gallery is not None and (options.command == "rank") != os.path.isdir(options.gallery):
        parser.error("match takes two pictures, rank a picture and a folder")
    if options.gallery is not None and os.path.isdir(options.probe):
        parser.error("the probe is one picture; got a folder")
    if not 0 < options.timeout <= LONGEST_WAIT:
        parser.error(f"--timeout takes seconds above 0, at most {LONGEST_WAIT}")
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
    if os.path.isdir(path):
        try:
            seen = sorted(each for each in path.iterdir() if not each.name.startswith("."))
        except OSError as error:
            raise RefusedError(f"{path}: {error.strerror}") from None
        found = [each for each in seen if each.suffix.lower() in SUFFIXES and not os.path.isdir(each)]
        folders = [each for each in seen if os.path.isdir(each)]
        tell_others(path, "folders in it", folders)
        known = {*found, *folders}
        tell_others(path, "files of other formats", [each for each in seen if each not in known])
    if not found:
        raise RefusedError(f"{path}: no JPEG or PNG picture here.")
    return found


def tell_others(folder, what, paths):
    """Says on standard error what in a folder is not looked at."""
    if paths:
        names = ", ".join(each.name for each in paths[:5]) + (", ..." if len(paths) > 5 else "")
        print(shown(f"Passed over: {folder}: {len(paths)} {what} ({names})"), file=sys.stderr)


def by_pairs(ask, probe, gallery, leave_out):
    """Each name of the gallery with the probability that it shows the person of the probe."""

    def inputs_of(batch):
        return {"probe_bytes": [probe] * len(batch), "gallery_bytes": batch}

    return asked_of_each(ask, "match_bytes", gallery, inputs_of, "same", leave_out)


def by_vectors(ask, probe, gallery, leave_out):
    """Each name of the gallery with the cosine of its vector and that of the probe."""
    for _, wanted in embed_pictures(ask, probe, leave_out):
        for name, vector in embed_pictures(ask, gallery, leave_out):
            if len(vector) != len(wanted):
                raise RefusedError(f"{name}: a vector of {len(vector)} numbers; that of the probe has {len(wanted)}.")
            yield name, sum(a * b for a, b in zip(wanted, vector, strict=True))


def embed(ask, path, leave_out):
    """Names and vectors of a picture, of those of a folder, or of the images in a .npy file."""
    return (embed_images if path.suffix.lower() == ".npy" else embed_pictures)(ask, path, leave_out)


def embed_pictures(ask, path, leave_out):
    """Names and vectors of a JPEG or PNG picture, or of those of a folder."""
    return asked_of_each(ask, "embed_vector_bytes", path, lambda batch: {"image_bytes": batch}, "vector", leave_out)


def embed_images(ask, path, leave_out):
    """Positions and vectors of images, values in [0, 1], in a .npy file."""
    try:
        import numpy as np

        refuse_other_than_files(path)
        images = np.lib.format.open_memmap(path, mode="r")
    except ImportError as error:
        raise RefusedError(f"{error}. A .npy file needs NumPy; pictures do not.") from None
    except (OSError, ValueError, OverflowError) as error:
        raise RefusedError(f"{path}: no .npy file of numbers ({error}).") from None
    if images.ndim != 4 or images.dtype.kind != "f":
        raise RefusedError(f"{path}: expected floats (images, height, width, 3); got {images.dtype} {images.shape}.")
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH].astype("float32")
        found = results(ask("embed_vector", {"image": batch.tolist()}), "vector", len(batch))
        for at, vector in enumerate(found, start=start):
            if vector is None:
                leave_out(f"{path}, image {at}: {UNUSABLE['vector']}")
            else:
                yield at, vector


def asked_of_each(ask, signature, path, inputs_of, output, leave_out):
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
                if error.name != list(inputs)[-1] or not os.path.isdir(path):
                    raise
                if not is_refused_alone(ask, signature, inputs_of([error.path])):
                    raise RefusedError(f"{error.path}: refused among others, taken alone: {BATCHING}.") from None
                leave_out(error)
                batch = [each for each in batch if each != error.path]
                continue
            for picture, found in zip(batch, results(asked, output, len(batch)), strict=True):
                if found is not None:
                    whole += 1
                    yield picture.name, found
                elif os.path.isdir(path):
                    leave_out(f"{picture}: {UNUSABLE[output]}")
                else:
                    raise RefusedError(f"{picture}: {UNUSABLE[output]}.")
            break
    if not whole:
        raise RefusedError(f"{path}: none of its pictures can be read.")


UNUSABLE = {
    "same": "the server answered no number from 0 to 1",
    "vector": "the server answered something other than finite numbers",
}
BATCHING = "the server puts requests of several clients together; ask a service without batching"


def is_refused_alone(ask, signature, files):
    """Whether a picture is refused in a request of its own: in a batch of the server's it may be another client's."""
    try:
        asked_of_files(ask, signature, files)
    except RefusedPictureError:
        return True
    return False


def results(outputs, name, count):
    """What a server says of each of `count` pictures: a probability, or a vector; `None` where it is none."""
    found = outputs.get(name)
    if not isinstance(found, list) or len(found) != count:
        got = f"{len(found)} results" if isinstance(found, list) else "no list"
        raise RefusedError(f"expected {count} results under {name}; the server answered {got}.")

    def is_number(value):
        return type(value) in (int, float) and abs(value) < LARGEST_NUMBER

    if name == "vector":
        return [each if isinstance(each, list) and each and all(map(is_number, each)) else None for each in found]
    return [each if is_number(each) and 0 <= each <= 1 else None for each in found]


def asked_of_files(ask, signature, files):
    """What a signature says of pictures, given as lists of paths by the name of the input; errors name the picture."""
    try:
        return ask(signature, {name: [content(name, path) for path in paths] for name, paths in files.items()})
    except RefusedPictureError:
        raise
    except RefusedError as error:
        picture = re.search(r"(\w+_bytes), picture (\d{1,9}): ([^\]\n]*)", str(error))
        if picture is None or picture[1] not in files:
            raise
        name, paths, at = picture[1], files[picture[1]], int(picture[2])
        if at >= len(paths):
            raise RefusedError(f"refused was picture {at} of {len(paths)} that were sent: {BATCHING}.") from None
        raise RefusedPictureError(name, paths[at], picture[3]) from None


def content(name, path):
    """The bytes of a file that is given for the named input."""
    try:
        refuse_other_than_files(path)
        return path.read_bytes()
    except OSError as error:
        raise RefusedPictureError(name, path, error.strerror or str(error)) from None


def refuse_other_than_files(path):
    """Raises an `OSError` before anything is opened that may never end: a pipe, a device, a socket."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a file")
    if path.suffix.lower() in SUFFIXES and status.st_size > LARGEST:
        raise OSError(f"{status.st_size} bytes; a picture has {LARGEST} at most")


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
    if options.label is not None:
        version = f"/labels/{urllib.parse.quote(options.label, safe='')}"
    url = f"{scheme}://{place}{path}/v1/models/{urllib.parse.quote(options.model, safe='')}{version}:predict"

    def sent(value):
        return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value

    def ask(signature, inputs):
        inputs = {name: [sent(each) for each in values] for name, values in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            status, text = within(options.timeout, lambda: answer_to(request, options.timeout))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RefusedError(f"{url}: no answer of TensorFlow Serving ({error}).") from None
        try:
            answer = json.loads(text)
            if status == 200:
                # TensorFlow Serving leaves out the name of a single output.
                outputs = answer["outputs"]
                return outputs if isinstance(outputs, dict) else {"vector": outputs}
            message = answer["error"]
        except (ValueError, KeyError, TypeError, RecursionError):
            said = text[:200].decode(errors="replace")
            raise RefusedError(f"{url}: no answer of TensorFlow Serving (status {status}: {said}).") from None
        raise RefusedError(str(message)[:LONGEST_MESSAGE])

    return ask


def answer_to(request, timeout):
    """The status and the content of the answer to a request, whether it is refused or not."""
    try:
        reply = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        text = reply.read(LARGEST_ANSWER + 1)
    if len(text) > LARGEST_ANSWER:
        raise ValueError(f"more than {LARGEST_ANSWER} bytes")
    return reply.status, text


def within(seconds, call):
    """What a call gives or raises, or a `TimeoutError`: it may look up a name, try several addresses, and read slowly.

    The time-out of a socket is for each of these, and each byte, by itself.
    """
    done = []

    def run():
        try:
            done.append((call(), None))
        except Exception as error:
            done.append((None, error))

    thread = threading.Thread(target=run, daemon=True)  # which is not waited for at the end
    thread.start()
    thread.join(seconds)
    if not done:
        raise TimeoutError(f"not answered within {seconds:g} s")
    ((value, error),) = done
    if error is not None:
        raise error
    return value


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
        if options.label is not None:
            request.model_spec.version_label = options.label
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        try:
            reply = stub.Predict(request, timeout=options.timeout)
        except grpc.RpcError as error:
            raise RefusedError(f"{server}: {error.code().name}: {error.details()}"[:LONGEST_MESSAGE]) from None
        return {name: tf.make_ndarray(value).tolist() for name, value in reply.outputs.items()}

    return ask


if __name__ == "__main__":
    main()
