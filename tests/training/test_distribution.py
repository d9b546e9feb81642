import types

import numpy as np
import pytest
import tensorflow as tf

from tests.training import distribution_worker
from tests.training.small_training import IDENTITIES, RECIPE, make_images
from tests.workers import run_workers, two_workers
from tfnxc.datasets import GroupPipeline
from tfnxc.distribution import training_strategy
from tfnxc.errors import InputError
from tfnxc.locks import LOCK
from tfnxc.recipes import make_pipeline
from tfnxc.training.distribution import share_of

pytestmark = pytest.mark.distributed

PROGRAM = ["tests.training.distribution_worker"]


def losses(folder):
    return [row.split(",") for row in (folder / "history.csv").read_text().splitlines()]


def assert_as_on_one_device(folder, found):
    """The weights within 1e-5, the history as rounding of the loss lets it be."""
    for name in {key.partition("/")[0] for key in found}:
        expected = distribution_worker.trained(None, folder / "alone" / name, name).get_weights()
        for number, each in enumerate(expected):
            np.testing.assert_allclose(found[f"{name}/{number}"], each, atol=1e-5, err_msg=name)
        one, other = (losses(folder / kind / name) for kind in ("alone", "runs"))
        assert one[0] == other[0] and len(one) == len(other) == 3
        np.testing.assert_allclose(np.array(one[1:], float), np.array(other[1:], float), rtol=1e-4)


def test_two_devices_train_as_one(tmp_path):
    ((refused, found),) = run_workers([*PROGRAM, "mirrored", str(tmp_path / "runs")], tmp_path, [{}], seconds=300)
    assert_as_on_one_device(tmp_path, found)
    assert "smallest batch of an epoch has 1 of 12 pairs, too few for 2" in refused[0]
    assert "the 1 groups of a batch cannot be shared out evenly in 2 parts" in refused[1]
    assert "the 2 groups of a batch cannot be shared out evenly in 4 parts" in refused[2]


def test_two_processes_train_as_one_and_only_one_of_them_writes(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environments = [{**each, "TMPDIR": str(temporary)} for each in two_workers()]
    program = [*PROGRAM, "multi-worker", str(tmp_path / "runs")]
    workers = list(run_workers(program, tmp_path, environments, seconds=300))
    assert_as_on_one_device(tmp_path, workers[0][1])
    for name, each in workers[0][1].items():
        np.testing.assert_array_equal(each, workers[1][1][name])
    for (steps, seeds, cameras, sources, _folder), _ in workers:
        assert steps == 1  # of two an epoch, where the chief's callback stopped both
        assert "the workers do not begin with the same seed" in seeds
        assert "the workers do not begin with the same cameras" in cameras
        assert "the workers do not begin with the same sets" in sources
    # The chief trains in a folder that the other one does not see.
    kept = {path.name for path in (tmp_path / "runs" / "separate").iterdir()}
    files = "run.json", "initial.keras", "model.keras", "progress.json", "history.csv", "embedding.json"
    assert kept == {LOCK, *files, "embedding.keras"}
    assert "A worker was lost" in workers[0][0][-1]
    assert "no run here, where the chief sees one" in workers[1][0][-1]
    assert not list(temporary.iterdir())


def test_shares_of_groups_are_the_batch():
    options = {"batch_size": 16, "identities_per_group": 2, "seed": 3}
    whole = next(iter(GroupPipeline(make_images(), IDENTITIES, **options).one_epoch(1)))
    shares = [
        next(iter(GroupPipeline(make_images(), IDENTITIES, shard=(n, 2), **options).one_epoch(1))) for n in (0, 1)
    ]
    for side in ("probe", "gallery"):
        shown = np.concatenate([images["images"].numpy()[images[side]] for images, _ in shares])
        np.testing.assert_array_equal(shown, whole[0]["images"].numpy()[whole[0][side]])
    np.testing.assert_array_equal(np.concatenate([same for _, same in shares]), whole[1])
    with pytest.raises(ValueError, match=r"shard must be \(number, of\) with 0 <= number < of; got \(2, 2\)"):
        GroupPipeline(make_images(), IDENTITIES, shard=(2, 2), **options)


def test_one_device_needs_no_strategy():
    assert training_strategy("none") is None
    assert training_strategy(tf.distribute.OneDeviceStrategy("CPU:0")) is None
    pairs = make_pipeline(RECIPE, make_images(), IDENTITIES)
    assert share_of(pairs, None) is pairs
    with pytest.raises(InputError, match="Unknown strategy 'tpu'"):
        training_strategy("tpu")


def test_a_strategy_of_another_kind_is_refused():
    other = types.SimpleNamespace(num_replicas_in_sync=2)
    with pytest.raises(InputError, match=r"a MirroredStrategy or a MultiWorkerMirroredStrategy.*; got SimpleNamespace"):
        training_strategy(other)
