"""What each way to fit an embedding is worth on people held back from the fit, and what each part of it buys.

    python -m experiments.embeddings runs/mine [--data cuhk01/campus] [--folds 4] [--to experiments/results/NAME.json]

Only training identities of the run are looked at: they are divided into folds, and each is ranked by what was fitted on
the others. The towers have seen all of them, if the run was trained on them. Every picture is a probe, the pictures of
other cameras are its gallery. Beside the towers of the run stand those of a network that
nobody trained, and colour histograms. It takes some minutes on two cores, and says so before it starts.
"""

import argparse
import functools
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command tfnxc

import keras
import numpy as np
import tensorflow as tf

from experiments import reporting
from tfnxc import models
from tfnxc.console import console, progress_bar
from tfnxc.datasets import open_dataset
from tfnxc.embedding import KISSME, XQDA, Discriminant, MetricProjection, pooling_model
from tfnxc.files import write_json
from tfnxc.metrics import cmc
from tfnxc.runs import Run, versions
from tfnxc.scoring import colour_histogram_features
from tfnxc.scoring.hubs import KReciprocal, hubness
from tfnxc.scoring.pair_head import Embedder


class Plain:
    """No projection: every number scaled by its deviation over the training pictures."""

    def fit(self, features, identities, cameras=None):
        """Looks at mean and deviation."""
        self.mean_, self.scale_ = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
        return self

    def transform(self, features):
        """The scaled features."""
        return (features - self.mean_) / self.scale_


class ByGradient:
    """The projection of a discriminant, trained further by a softmax over the cosines to a vector an identity.

    The cosine to the own identity is lowered by a margin: Wang et al., "CosFace", CVPR 2018.
    """

    def __init__(self, epochs=10, learning_rate=1e-3, scale=16.0, margin=0.2, batch_size=128):
        self.epochs, self.learning_rate, self.batch_size = epochs, learning_rate, batch_size
        self.scale, self.margin = scale, margin

    def fit(self, features, identities, cameras=None):
        """Fits the discriminant, and goes on from it."""
        begun = Discriminant().fit(features, identities)
        self.mean_ = begun.mean_
        people, labels = np.unique(identities, return_inverse=True)
        values, size = (features - self.mean_).astype(np.float32), np.sqrt(np.mean(begun.components_**2))
        vectors = values @ begun.components_
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        centres = np.stack([vectors[labels == each].mean(axis=0) for each in range(len(people))])
        start = tf.constant(begun.components_, tf.float32)
        change, centres = tf.Variable(tf.zeros_like(start)), tf.Variable(centres.astype(np.float32))
        optimizer = keras.optimizers.Adam(self.learning_rate)
        optimizer.build([change, centres])

        @tf.function
        def step(some, of):
            with tf.GradientTape() as tape:
                embedded = tf.nn.l2_normalize(some @ (start + size * change), axis=1)
                cosines = embedded @ tf.transpose(tf.nn.l2_normalize(centres, axis=1))
                logits = self.scale * (cosines - self.margin * tf.one_hot(of, len(people)))
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(of, logits))
            variables = [change, centres]
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

        rng = np.random.default_rng(0)
        for _ in range(self.epochs):
            order = rng.permutation(len(values))
            for begin in range(0, len(values) - self.batch_size + 1, self.batch_size):
                batch = order[begin : begin + self.batch_size]
                step(values[batch], labels[batch].astype(np.int32))
        self.components_ = (start + size * change).numpy()
        return self

    def transform(self, features):
        """The projection."""
        return (features - self.mean_) @ self.components_


WAYS = {  # of each: towers, whether square roots are taken, whether mirror images are fitted on too, the estimator
    "discriminant, as tfnxc fits it": ("run", True, True, Discriminant),
    "- without weights": ("run", True, True, functools.partial(Discriminant, weighted=False)),
    "- without square roots": ("run", False, True, Discriminant),
    "- without mirror images": ("run", True, False, Discriminant),
    "trained further by gradient, 10 epochs": ("run", True, True, ByGradient),
    "trained further by gradient, 30 epochs": ("run", True, True, functools.partial(ByGradient, 30, 3e-3)),
    "XQDA": ("run", True, True, lambda: MetricProjection(XQDA(regularization=0.1))),
    "KISSME": ("run", True, True, lambda: MetricProjection(KISSME(60))),
    "no projection": ("run", True, True, Plain),
    "discriminant, towers that nobody trained": ("random", True, True, Discriminant),
    "discriminant, colour histograms": ("histograms", True, True, Discriminant),
}


def unit(vectors):
    """Vectors of length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def cosine(vectors, training):
    """Cosines."""
    return vectors @ vectors.T


def centred(vectors, training):
    """Cosines of vectors less the mean of all that are ranked."""
    return cosine(unit(vectors - vectors.mean(axis=0)), training)


def z_scores(vectors, training):
    """The mean of a cosine's two distances from those to training pictures, in their deviations."""
    others = vectors @ training.T
    scores = (vectors @ vectors.T - others.mean(axis=1)) / others.std(axis=1)
    return (scores + scores.T) / 2


def csls(vectors, training):
    """Cosines less the hubness of both."""
    half = hubness(vectors, training) / 2
    return vectors @ vectors.T - half - half[:, None]


def k_reciprocal(vectors, training):
    """Neighbourhoods among all that are ranked."""
    everyone = np.arange(len(vectors))
    return KReciprocal(vectors, everyone, everyone).scores(everyone, everyone)


REMEDIES = {
    "discriminant, centred on the mean of the gallery": centred,
    "discriminant, z-scores by training pictures": z_scores,
    "discriminant, `embedding-csls`": csls,
    "discriminant, `embedding-k-reciprocal`": k_reciprocal,
}
"""Against hubs, with the discriminant as tfnxc fits it: what makes scores of vectors and of those fitted on."""


def measured(estimator, views, identities, cameras, folds, remedy=cosine):
    """Rank 1 and mAP in per cent, a value a fold."""
    ranks, precisions = [], []
    for fold in folds:
        held = np.isin(identities, fold)
        features = np.concatenate([each[~held] for each in views]).astype(np.float64)
        known = (np.tile(each[~held], len(views)) for each in (identities, cameras))
        fitted = estimator().fit(features, *known)
        vectors, training = (unit(fitted.transform(views[0][of].astype(np.float64))) for of in (held, ~held))
        who, by = identities[held], cameras[held]
        found = cmc(remedy(vectors, training), who, who, by, by, "market")
        ranks.append(100 * found.rank(1))
        precisions.append(100 * found.figures["mAP"].mean)
    return {"rank 1": ranks, "mAP": precisions}


def table(results):
    """The table of results as `main` writes them."""
    head = "rank 1", "mAP"
    cells = []
    for row in results["rows"]:
        cells.append((row["way"], *(reporting.cell(reporting.spread_of(row[name])) for name in head)))
    caption = f"Training identities of {results['split']}, per cent, mean ± deviation over {results['folds']} folds."
    return reporting.Table(("way", *head), cells, caption)


def main(words=None):
    """Measures each way, prints a table, writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder")
    parser.add_argument("--data", help="where its data set lies (default: where it was trained from)")
    parser.add_argument("--folds", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--to", type=pathlib.Path, default="embeddings.json", help="default: %(default)s")
    options = parser.parse_args(words)
    run = Run.open(options.run)
    people = open_dataset(run.settings.dataset, options.data or run.data).of_identities(run.split.train)
    count = len(WAYS) + len(REMEDIES)
    minutes = (len(people) / 250 + options.folds * count * 4) / 60
    console.print(f"{count} ways, {options.folds} folds, {len(people)} pictures: about {minutes:.0f} minutes.")
    images, identities, cameras = people.images(), people.identities, people.cameras
    model = run.load_model()
    keras.utils.set_random_seed(0)
    options_of = {"input_shape": model.input_shape[0][1:], "scaling": run.settings.recipe.scaling}
    random = models.BUILDERS[run.settings.model](**options_of)
    mirrors = images, np.ascontiguousarray(images[:, :, ::-1])
    views = {
        name: [Embedder(pooling_model(models.split(of).tower))(each) for each in mirrors]
        for name, of in (("run", model), ("random", random))
    }
    views["histograms"] = [np.sqrt(colour_histogram_features(each)) for each in mirrors]
    folds = np.array_split(np.random.default_rng(0).permutation(run.split.train), options.folds)
    rows = []
    with progress_bar("Fits", count, console) as advance:
        for way, (towers, rooted, mirrored, estimator) in WAYS.items():
            shown = views[towers] if mirrored else views[towers][:1]
            shown = shown if rooted or towers == "histograms" else [each**2 for each in shown]
            rows.append({"way": way, **measured(estimator, shown, identities, cameras, folds)})
            advance(1)
        for way, remedy in REMEDIES.items():
            rows.append({"way": way, **measured(Discriminant, views["run"], identities, cameras, folds, remedy)})
            advance(1)
    about = {"run": run.settings.to_dict(), "split": run.split.name, "folds": options.folds, "versions": versions()}
    results = {**about, "rows": rows}
    write_json(options.to, results)
    print("\n".join(table(results).lines()))


if __name__ == "__main__":
    main()
