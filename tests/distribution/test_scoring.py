import json

import numpy as np
import pytest
import tensorflow as tf

from tests.distribution import scoring_worker as distributed_worker
from tests.workers import run_workers, two_workers
from tfnxc.distribution import DistributedScorer, is_chief, strategy_named
from tfnxc.errors import InputError

pytestmark = pytest.mark.distributed

PROGRAM = ["tests.distribution.scoring_worker"]
CLUSTER = {"worker": ["localhost:2222", "localhost:2223"]}
TASK = {"type": "worker", "index": 0}


def check_scores(found, model):
    for name, scores in found.items():
        count = int(name.split()[0])
        assert scores.dtype == np.float32 and scores.shape == (count,)
        if count:
            np.testing.assert_array_equal(scores, distributed_worker.scores_of(None, model, count), name)


@pytest.fixture(scope="module")
def model():
    with tf.device("CPU:0"):
        return distributed_worker.small_model()


def test_two_devices_give_the_scores_of_one(model, tmp_path):
    ((facts, found),) = run_workers([*PROGRAM, "mirrored"], tmp_path, [{}], seconds=120)
    assert facts == {"replicas": 2, "chief": True, "done": [6, 6, 1, 6, 6, 1], "refused": []}
    assert len(found) == 6
    check_scores(found, model)


def test_two_processes_give_the_scores_of_one_and_only_one_of_them_writes(model, tmp_path):
    workers = list(run_workers([*PROGRAM, "multi-worker"], tmp_path, two_workers(), seconds=120))
    assert [facts["chief"] for facts, _ in workers] == [True, False]
    assert "A worker was lost" in workers[0][0]["refused"].pop()
    for facts, found in workers:
        assert facts["replicas"] == 2
        assert facts["done"] == [6, 6, 1, 6, 6, 1]
        refused = ("different numbers of pairs: 4, 5", "different batch sizes: 3, 4", "different digests")
        assert all(each in message for each, message in zip(refused, facts["refused"], strict=True))
        assert len(found) == 4
        check_scores(found, model)


@pytest.mark.parametrize("strategy", [tf.distribute.get_strategy(), tf.distribute.OneDeviceStrategy("CPU:0")], ids=type)
def test_a_strategy_of_one_device_gives_the_same_scores(strategy, model):
    done = []
    with tf.device("CPU:0"):
        scores = distributed_worker.scores_of(strategy, model, progress=done.append)
        np.testing.assert_array_equal(scores, distributed_worker.scores_of(None, model))
    assert done == [3, 3, 3, 3, 1]


def test_a_scorer_that_is_kept_traces_once():
    traced = []

    def score(batch):
        traced.append(batch)
        return tf.cast(batch[:, 0] - batch[:, 1], tf.float32)

    scorer = DistributedScorer(strategy_named("mirrored"), score, 2)
    for count in (5, 2, 3):
        pairs = np.stack([np.arange(count), np.ones(count, int)], axis=1)
        np.testing.assert_array_equal(scorer.score(pairs), np.arange(count) - 1)
    assert len(traced) == scorer._strategy.num_replicas_in_sync


def test_what_are_no_pairs_is_refused():
    strategy = tf.distribute.get_strategy()
    with pytest.raises(InputError, match=r"integers of shape \(pairs, 2\); got int64 of shape \(4, 3\)"):
        DistributedScorer(strategy, tf.identity, 2).score(np.ones((4, 3), np.int64))
    with pytest.raises(InputError, match="got float64"):
        DistributedScorer(strategy, tf.identity, 2).score(np.ones((4, 2)))
    with pytest.raises(InputError, match="batch_size must be 1 or more; got 0"):
        DistributedScorer(strategy, tf.identity, 0)


def test_strategies_have_names():
    assert strategy_named("none") is None
    assert is_chief(None)
    assert isinstance(strategy_named("mirrored"), tf.distribute.MirroredStrategy)
    with pytest.raises(InputError, match="Unknown strategy 'tpu': expected one of none, mirrored, multi-worker"):
        strategy_named("tpu")


@pytest.mark.parametrize(
    ("tf_config", "message"),
    [
        (None, "is not set"),
        ("", "is not set"),
        ("{'cluster'", "is not JSON"),
        ([], "cluster/worker"),
        ({"task": TASK}, "cluster/worker"),
        ({"cluster": {"chief": ["localhost:2222"]}, "task": TASK}, "cluster/worker"),
        ({"cluster": {"worker": []}, "task": TASK}, "cluster/worker"),
        ({"cluster": {"worker": ["localhost"]}, "task": TASK}, "cluster/worker"),
        ({"cluster": {"worker": "localhost:2222"}, "task": TASK}, "cluster/worker"),
        ({"cluster": {"worker": ["localhost:2222"] * 2}, "task": TASK}, "one address to two workers"),
        ({"cluster": {**CLUSTER, "ps": ["localhost:2224"]}, "task": TASK}, "other tasks"),
        ({"cluster": CLUSTER}, "which of the workers"),
        ({"cluster": CLUSTER, "task": {"type": "worker"}}, "which of the workers"),
        ({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}, "not in its cluster, worker 2"),
        ({"cluster": CLUSTER, "task": {"type": "chief", "index": 0}}, "not in its cluster, chief 0"),
    ],
)
def test_a_bad_tf_config_is_refused(tf_config, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if tf_config is not None:
        monkeypatch.setenv("TF_CONFIG", tf_config if isinstance(tf_config, str) else json.dumps(tf_config))
    with pytest.raises(InputError, match=f"TF_CONFIG, which .*{message}.*Set it to"):
        strategy_named("multi-worker")


def test_several_workers_are_refused_once_tensorflow_has_started(monkeypatch):
    assert tf.zeros(1).shape == (1,)
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": CLUSTER, "task": TASK}))
    with pytest.raises(InputError, match="before anything else runs in TensorFlow"):
        strategy_named("multi-worker")
