"""The commands of docs/serving.md and docs/deployment.md are those that the programs take, in the order of the work."""

import importlib.util
import pathlib
import re
import shlex

import click
import pytest

from tfnxc.cli import main

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("serving", "deployment")}
LINES = [line.strip() for page in PAGES.values() for line in re.findall(r"^    (.*)", page, flags=re.MULTILINE)]


def test_the_page_follows_the_work():
    found = re.findall(r"^## ([\w-]+)", PAGES["serving"], flags=re.MULTILINE)
    assert found == ["Export", "Look", "Serve", "Ask", "Batch", "Warm-up", "Variants", "Vectors", "Other"]


@pytest.mark.parametrize("line", [line for line in LINES if "serving_client.py" in line])
def test_the_client_takes_its_commands(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("gallery").mkdir()
    script = ROOT / "scripts" / "serving_client.py"
    spec = importlib.util.spec_from_file_location("serving_client", script)
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    words = shlex.split(line.split(">")[0])
    assert words[0] == "python" and client.parse(words[2:]).model == "campus"


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("tfnxc ")])
def test_tfnxc_takes_its_commands(line):
    _, name, *words = shlex.split(line)
    command = main.get_command(click.Context(main), name)
    with click.Context(command) as context:
        command.make_parser(context).parse_args(words)  # an error where an option is not known


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("docker compose -f ")])
def test_files_of_services_are_there(line):
    assert (ROOT / line.split()[3]).is_file()
