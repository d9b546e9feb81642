"""scripts/deployment and docs/deployment.md, as far as they can be checked without Docker and TensorFlow Serving."""

import contextlib
import http.server
import importlib.util
import pathlib
import re
import shutil
import subprocess

import pytest
import tensorflow as tf
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from tests.serving.local_server import listening

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "scripts" / "deployment"
PAGE, SERVING, SEARCH = (
    (ROOT / "docs" / f"{each}.md").read_text("utf-8") for each in ("deployment", "serving", "search")
)
BLOCKS = re.findall(r"```proto\n(.*?)```", PAGE, flags=re.DOTALL)
FIELD = descriptor_pb2.FieldDescriptorProto
MODELS = re.compile(r'name: "(\w+)"\s+base_path: "/models/(\w+)"')


def read(name):
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(read("compose.yaml"))["services"]


@pytest.fixture(scope="module")
def config():
    reason = "tensorflow-serving-api is not installed: pip install --no-deps tensorflow-serving-api"
    protos = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2", reason=reason)

    def parsed(text):
        (model,) = text_format.Parse(text, protos.ModelServerConfig()).model_config_list.config
        assert model.base_path == f"/models/{model.name}" and model.model_platform == "tensorflow"
        versions = list(model.model_version_policy.specific.versions)
        assert set(model.version_labels.values()) <= set(versions)
        return model.name, versions, dict(model.version_labels)

    return parsed


def message(name, fields):
    """An empty message of these fields: `{name: (number, type, label, name of the type)}`."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="tests", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    made = file.message_type.add(name=name)
    for field, (number, kind, label, of) in fields.items():
        made.field.add(name=field, number=number, type=kind, label=label, type_name=of)
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tests.{name}"))()


def test_the_models_and_the_steps_of_a_new_version(config):
    stable = {"stable": 1}
    assert config(read("models.config")) == ("campus", [1], stable)
    canary, promoted = map(config, BLOCKS)
    assert canary == ("campus", [1, 2], {**stable, "canary": 2})
    assert promoted == ("campus", [1, 2], {"stable": 2, "canary": 2})


def test_one_name_of_the_model_everywhere(services):
    ((name, folder),) = MODELS.findall(read("models.config"))
    assert name == folder and [MODELS.findall(block) for block in BLOCKS] == [[(name, name)]] * 2
    for page in (PAGE, SERVING):
        assert set(re.findall(r"/v1/models/(\w+)", page)) == {name}
        assert set(re.findall(r"--model (\S+)", page)) == {name}
    exported = set(re.findall(r"tfnxc export \S+ --name ([\w-]+)", PAGE + SERVING))
    assert name in exported and exported <= {name, f"{name}-small"}
    assert f"/v1/models/{name}/labels/stable " in services["serving"]["healthcheck"]["test"][-1]
    script = ROOT / "scripts" / "serving_client.py"
    spec = importlib.util.spec_from_file_location("serving_client", script)
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    assert client.parse(["embed", "a.png"]).model == name


def test_batching(services):
    wrapped = (FIELD.TYPE_MESSAGE, FIELD.LABEL_OPTIONAL, ".google.protobuf.Int64Value")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    fields = {name: (number, *wrapped) for number, name in enumerate(names, start=1)}
    fields["allowed_batch_sizes"] = (6, FIELD.TYPE_INT64, FIELD.LABEL_REPEATED, None)
    found = text_format.Parse(read("batching.config"), message("BatchingParameters", fields))
    sizes = list(found.allowed_batch_sizes)
    assert sizes == sorted(set(sizes)) and sizes[-1] == found.max_batch_size.value
    assert "--enable_model_warmup=false # " in read("compose.yaml")
    assert len(sizes) == 6 and "TensorFlow sees six sizes" in PAGE


def test_monitoring():
    prometheus = message(
        "PrometheusConfig",
        {
            "enable": (1, FIELD.TYPE_BOOL, FIELD.LABEL_OPTIONAL, None),
            "path": (2, FIELD.TYPE_STRING, FIELD.LABEL_OPTIONAL, None),
        },
    )
    (inside,) = re.findall(r"prometheus_config \{(.*)\}", read("monitoring.config"), flags=re.DOTALL)
    path = text_format.Parse(inside, prometheus).path
    (job,) = yaml.safe_load(read("prometheus.yml"))["scrape_configs"]
    assert prometheus.enable and job["metrics_path"] == path and f"localhost:8501{path}" in PAGE
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8501"]}]


def test_the_containers_are_closed_and_bounded(services):
    for service in services.values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == "65534:65534"
        assert service["security_opt"] == ["no-new-privileges:true"] and service["init"]
        assert all(volume.endswith(":ro") for volume in service["volumes"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        limits = service["deploy"]["resources"]["limits"]
        assert f"{limits['cpus']} processors, {limits['memory'][:-1]} GB, {limits['pids']} processes" in PAGE
        assert sum(f"_parallelism={limits['cpus']}" in flag for flag in service["command"]) == 2
        assert {"interval", "timeout", "retries", "start_period"} < set(service["healthcheck"])


def test_the_files_that_services_name_are_there(services):
    named = {flag.split("=/config/")[1] for each in services.values() for flag in each["command"] if "/config/" in flag}
    there = {path.name for path in FOLDER.iterdir()}
    assert named == {"models.config", "monitoring.config", "batching.config"}
    assert there == named | {"compose.yaml", "prometheus.yml"}
    assert all(f"`{name}`" in PAGE for name in there)
    ports = {"serving": ("8500", "8501"), "batching": ("8510", "8511")}
    for name, (grpc, rest) in ports.items():
        assert services[name]["ports"] == [f"127.0.0.1:{grpc}:8500", f"127.0.0.1:{rest}:8501"]
        assert rest in SERVING and grpc in SERVING
    assert "profiles" not in services["serving"] and services["batching"]["profiles"] == ["batching"]


def test_the_image_is_pinned_and_no_older_than_what_exports(services):
    (image,) = {each["image"] for each in services.values()}
    version = re.fullmatch(r"tensorflow/serving:\$\{TENSORFLOW_SERVING:-(\d+\.\d+\.\d+)\}", image)[1]
    assert f"`tensorflow/serving:{version}`" in PAGE and f"(default: {version})" in read("compose.yaml")
    assert f"tensorflow-serving-api {version} is on PyPI" in PAGE
    ours, its = (tuple(map(int, each.split(".")[:2])) for each in (tf.__version__, version))
    assert its >= ours


@contextlib.contextmanager
def status_server(state):
    """Gives the port of a server that says this of every model, as TensorFlow Serving would."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            said = f'{{\n "model_version_status": [\n  {{\n   "version": "1",\n   "state": "{state}"\n  }}\n ]\n}}\n'
            self.wfile.write(said.encode())

    with listening(Handler) as port:
        yield port, asked


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_health_check_asks_for_the_stable_version(services):
    command, *options, script = services["serving"]["healthcheck"]["test"][1:]
    assert (command, options) == ("bash", ["-c"])

    def healthy(port):
        found = subprocess.run(["bash", "-c", script.replace("8501", str(port))], capture_output=True, timeout=60)
        return found.returncode == 0

    for state, expected in (("AVAILABLE", True), ("LOADING", False), ("END", False)):
        with status_server(state) as (port, asked):
            assert healthy(port) is expected and asked == ["/v1/models/campus/labels/stable"]
    assert not healthy(port)  # nobody answers any more


def rows_of(page, first):
    """The cells of the table whose header begins so."""
    lines = page.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(first)]
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_sizes_are_those_of_the_page_on_searching():
    measured = {}
    by_processor = "| gallery | shortlist | of the best, of the 10 best in it | processor, ms |"
    for gallery, shortlist, _, milliseconds in rows_of(SEARCH, by_processor):
        measured[gallery, shortlist] = milliseconds
    by_the_clock = "| gallery | shortlist | of the best, of the 10 best in it | by the clock, ms | processor, ms |"
    for gallery, shortlist, _, _, milliseconds in rows_of(SEARCH, by_the_clock):
        measured[gallery, shortlist] = milliseconds
    for what, _, milliseconds in rows_of(SEARCH, "| 1,000,000 vectors |"):
        if what == "search":
            measured["1,000,000", "scorer `embedding`"] = milliseconds
    each_map, others, kept = 22204, 256 + 150, {"MB": 1e6, "GB": 1e9}
    assert "| 22,204 |" in SEARCH and "| 256, always |" in SEARCH and "about 150, always" in SEARCH
    rows = list(rows_of(PAGE, "| pictures | scorer, shortlist |"))
    assert len(rows) == 7
    for pictures, scorer, milliseconds, rate, maps, paths in rows:
        shortlist = "scorer `embedding`" if scorer == "`embedding`" else scorer.removeprefix("`both`, ")
        assert measured[pictures, shortlist] == milliseconds
        assert float(rate) == pytest.approx(1000 / int(milliseconds), rel=0.03)
        count = int(pictures.replace(",", ""))
        for cell, size in ((maps, each_map + others), (paths, others)):
            number, unit = cell.split()
            assert float(number) * kept[unit] == pytest.approx(count * size, rel=0.02)
    for figure in ("1.76 GB", "648", "512 bytes"):
        assert figure in SEARCH and figure in PAGE
