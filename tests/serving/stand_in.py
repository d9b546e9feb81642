"""Servers that stand in for TensorFlow Serving: they check each request as its APIs are described, and run the export.

REST: https://www.tensorflow.org/tfx/serving/api_rest. gRPC: the protobufs of tensorflow-serving-api.
"""

import base64
import contextlib
import http.server
import json
import re

import tensorflow as tf

from tests.serving.local_server import listening
from tests.serving.small_export import graph_of


class StandIn:
    """The versions of one model; `requests` keeps what was asked: `(signature, pictures or rows)`."""

    def __init__(self, folder):
        self.name, self.requests = folder.name, []
        self._signatures = {path.name: tf.saved_model.load(str(path)).signatures for path in folder.iterdir()}
        self._described = {path.name: graph_of(path).signature_def for path in folder.iterdir()}

    def described(self, name, version, signature):
        version = str(version or max(map(int, self._signatures)))
        if name != self.name or version not in self._signatures:
            raise LookupError(f"Servable not found for request: Specific({name}, {version})")
        if signature not in self._described[version]:
            raise ValueError(f'Serving signature name: "{signature}" not found in signature def')
        return version, self._described[version][signature]

    def predict(self, version, signature, inputs):
        """Tensors by name to tensors by name."""
        self.requests.append((signature, int(next(iter(inputs.values())).shape[0])))
        return self._signatures[version][signature](**inputs)


@contextlib.contextmanager
def rest(stand_in):
    """Gives the address of a server of the REST API."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                code, reply = 200, {"outputs": answer(stand_in, self.path, json.loads(body))}
            except LookupError as error:
                code, reply = 404, {"error": str(error)}
            except (ValueError, tf.errors.InvalidArgumentError) as error:
                code, reply = 400, {"error": str(error)}
            text = json.dumps(reply).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text)

    with listening(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def answer(stand_in, path, body):
    """Outputs of a request in the columnar format: one list a tensor."""
    address = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict", path)
    if address is None:
        raise LookupError(f"Malformed request: POST {path}")
    if not isinstance(body, dict) or not {"inputs"} <= set(body) <= {"inputs", "signature_name"}:
        raise ValueError(f"expected signature_name and inputs; got {sorted(body)}")
    name = body.get("signature_name", "serving_default")
    version, described = stand_in.described(*address.groups(), name)
    if set(body["inputs"]) != set(described.inputs):
        raise ValueError(f"expected the inputs {sorted(described.inputs)}; got {sorted(body['inputs'])}")
    inputs = {each: tensor(each, described.inputs[each], value) for each, value in body["inputs"].items()}
    outputs = stand_in.predict(version, name, inputs)
    found = {each: value.numpy().tolist() for each, value in outputs.items()}
    return next(iter(found.values())) if len(found) == 1 else found  # as the columnar format has it


def tensor(name, description, value):
    """JSON as a tensor: strings of an input whose name ends in _bytes are objects {"b64": ...}."""
    if description.dtype == tf.string.as_datatype_enum:
        if not (name.endswith("_bytes") and isinstance(value, list)):
            raise ValueError(f"{name}: expected a list of encoded strings")
        if any(not isinstance(each, dict) or list(each) != ["b64"] for each in value):
            raise ValueError(f'{name}: expected objects {{"b64": ...}}')
        value = [base64.b64decode(each["b64"], validate=True) for each in value]
    return tf.constant(value, tf.as_dtype(description.dtype))


@contextlib.contextmanager
def grpc_(stand_in):
    """Gives the address of a server of the gRPC API."""
    from concurrent import futures

    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            assert isinstance(request, predict_pb2.PredictRequest)
            spec, reply = request.model_spec, predict_pb2.PredictResponse()
            try:
                version, described = stand_in.described(spec.name, spec.version.value, spec.signature_name)
                for each, info in described.inputs.items():
                    if each not in request.inputs or request.inputs[each].dtype != info.dtype:
                        raise ValueError(f"{each}: missing, or of another type")
                inputs = {each: tf.constant(tf.make_ndarray(value)) for each, value in request.inputs.items()}
                for each, value in stand_in.predict(version, spec.signature_name, inputs).items():
                    reply.outputs[each].CopyFrom(tf.make_tensor_proto(value))
            except LookupError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, str(error))
            except (ValueError, tf.errors.InvalidArgumentError) as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return reply

    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
