"""Loading saved models after `import tfnxc` alone, and that nothing else is imported for it."""

import ast
import pathlib
import subprocess
import sys

import keras
import pytest

from tfnxc import layers, losses, models, optimizers
from tfnxc.embedding import StatisticsPooling
from tfnxc.keras_registry import SERIALIZABLE, stand_in

pytestmark = pytest.mark.slow

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "tfnxc"

LOADING = """
import sys
import {first}
assert "{first}" == "keras" or not {{"keras", "tensorflow"}} & set(sys.modules)
import {second}
assert not {{"tfnxc.layers", "tfnxc.losses", "tfnxc.optimizers", "tfnxc.models", "tfnxc.embedding"}} & set(sys.modules)
compiled, every_layer = (keras.models.load_model(path) for path in sys.argv[1:])
assert type(compiled.loss).__name__ == "GroupLoss" and type(compiled.optimizer).__name__ == "KernelMuon"
assert keras.saving.get_registered_object("tfnxc>GroupLoss") is tfnxc.losses.GroupLoss
print(sorted({{type(layer).__name__ for layer in every_layer.layers}} - {{"InputLayer"}}))
"""


def registered_classes():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any("keras_serializable" in ast.dump(e) for e in node.decorator_list):
                yield node.name


def test_every_registered_class_is_listed():
    assert sorted(registered_classes()) == sorted(SERIALIZABLE)


def save_models(folder):
    model = models.in_batch(models.fused(input_shape=(40, 28, 3), filters=(3, 4), units=8))
    model.compile(optimizers.KernelMuon(), losses.GroupLoss(2))
    model.save(folder / "compiled.keras")
    pair = [keras.Input((6, 4, 2)), keras.Input((6, 4, 2))]
    plain = layers.NormXcorr(), layers.CrossInputNeighborhood()
    maps = [layer(pair) for layer in (*plain, layers.NormXcorrSummary(2), layers.CrossInputSummary(2))]
    cost = layers.NormXcorr(3, 3, reduction="mean", output_axes=5)(pair)
    maps.append(layers.BestDisplacement()(cost))
    keras.Model(pair, [StatisticsPooling()(maps[0]), *maps[1:]]).save(folder / "every_layer.keras")
    return [str(folder / name) for name in ("compiled.keras", "every_layer.keras")]


@pytest.mark.parametrize("order", [("keras", "tfnxc"), ("tfnxc", "keras")], ids="_".join)
def test_models_load_where_only_the_package_is_imported(order, tmp_path):
    code = LOADING.format(first=order[0], second=order[1])
    done = subprocess.run([sys.executable, "-c", code, *save_models(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = {*SERIALIZABLE} - {"GroupLoss", "GroupRankingLoss", "KernelMuon", "TakeMaps"}
    assert done.stdout.strip() == str(sorted(expected))


AGAIN = {
    "reload": "importlib.reload(tfnxc)",
    "reload_inner": "importlib.reload(importlib.import_module('tfnxc.keras_registry')).make_known()",
    "import": "[sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == 'tfnxc']; import tfnxc",
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_the_package_may_be_imported_twice_before_keras(again):
    code = f"""
import importlib, sys, tfnxc
{again}
waiting = [finder for finder in sys.meta_path if type(finder).__name__ == "_AfterKeras"]
import keras
assert len(waiting) == 1 and waiting[0] not in sys.meta_path
print(keras.saving.get_registered_object("tfnxc>NormXcorr").__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "NormXcorr\n", done.stderr


def test_a_stand_in_makes_instances_of_its_class():
    made = stand_in("GroupLoss", SERIALIZABLE["GroupLoss"])
    assert made.__name__ == "GroupLoss" and made is not losses.GroupLoss
    assert type(made(4)) is losses.GroupLoss and made(4).identities_per_group == 4
    read = made.from_config(losses.GroupLoss(5).get_config())
    assert type(read) is losses.GroupLoss and read.identities_per_group == 5
