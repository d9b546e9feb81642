"""Trains the model that comes with the package (`tfnxc.models.pretrained`) on drawn people, and writes its files.

    python experiments/make_pretrained.py [--run runs/pretrained] [--epochs 16]
    python experiments/make_pretrained.py --embedding-only

It takes about seven minutes on two cores with the compiled op, and resumes what was stopped. The embedding of the model
(`tfnxc.embedding.pretrained_embedding`) is fitted on the same people, and combined with the pair head on others; it can
be made anew alone. Seeds 1000 to 1002 draw other people than the examples, tests and demo of the package.
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command tfnxc

import numpy as np

import tfnxc
from tfnxc.console import console
from tfnxc.evaluation import evaluate
from tfnxc.files import replacing, write_json
from tfnxc.runs import versions
from tfnxc.training import Pictures, Recipe, TrainingData, train
from tfnxc.training.embedding import EmbeddingFitter

TRAIN_SEED, TEST_SEED, COMBINED_SEED = 1000, 1001, 1002
TESTED, COMBINED = 100, 100
PACKAGE = pathlib.Path(tfnxc.__file__).parent
FOLDER = PACKAGE / "models" / "weights"


def main():
    """Makes the model, unless told otherwise, and its embedding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/pretrained", help="run folder (default %(default)s)")
    parser.add_argument("--identities", type=int, default=1000, help="drawn people (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=16, help="epochs over their images (default %(default)s)")
    parser.add_argument("--embedding-only", action="store_true", help="keep the model as it is")
    arguments = parser.parse_args()
    people = tfnxc.datasets.synthetic(identities=arguments.identities, seed=TRAIN_SEED)
    if not arguments.embedding_only:
        make_model(arguments, people)
    make_embedding(people)


def make_model(arguments, people):
    """Trains, measures, writes the model and its card."""
    data = TrainingData.of_arrays(people.images(), people.identities, people.cameras, name="drawn people")
    recipe = Recipe.named("grouped", epochs=arguments.epochs)
    model = train(arguments.run, data, recipe).load_model()
    weights = [weight.astype(np.float16) for weight in model.get_weights()]
    FOLDER.mkdir(exist_ok=True)
    with replacing(FOLDER / "synthetic.npz") as new, open(new, "wb") as file:
        np.savez_compressed(file, **{f"weight{index}": weight for index, weight in enumerate(weights)})
    test = tfnxc.datasets.synthetic(identities=TESTED, seed=TEST_SEED)
    results = evaluate("pretrained", test, protocols=["cross-camera", "paper"])
    cmc, cmc_paper = ({f"rank {k}": round(100 * each.rank(k), 2) for k in (1, 5, 10, 20)} for each in results)
    card = {
        "model": "normxcorr",
        "data": f"synthetic set, {arguments.identities} people of seed {TRAIN_SEED}, every difficulty at its default",
        "recipe": f"grouped, positives {recipe.positives}",
        "epochs": arguments.epochs,
        "test": f"{TESTED} other people of seed {TEST_SEED}, cross-camera, ten draws, in per cent",
        "cmc": cmc,
        "cmc, protocol paper": cmc_paper,
        "intended_use": "examples and tests; it has seen no photograph of a person",
        "licence": "Apache-2.0",
        "versions": versions(),
    }
    write_json(FOLDER / "synthetic.json", card)
    print(card)


def make_embedding(people):
    """Fits the embedding on the people who trained, the combination on others; writes both."""
    others = tfnxc.datasets.synthetic(identities=COMBINED, seed=COMBINED_SEED)
    own, held_back = (Pictures(each.images(), each.identities, each.cameras) for each in (people, others))
    digest = tfnxc.models.pretrained_card()["digest"]
    embedding = EmbeddingFitter(tfnxc.models.pretrained(), digest, "drawn people", own, 0, console).fit(held_back)
    components, bias = embedding.model.get_layer("projection").get_weights()
    mean = np.linalg.lstsq(components.T.astype(np.float64), -bias.astype(np.float64), rcond=None)[0]
    folder = PACKAGE / "embedding" / "weights"
    folder.mkdir(exist_ok=True)
    with replacing(folder / "synthetic.npz") as new, open(new, "wb") as file:
        np.savez_compressed(file, mean=mean.astype(np.float32), components=components.astype(np.float16))
    write_json(folder / "synthetic.json", embedding.card.to_dict())
    print(embedding.card.combination, embedding.card.choice)


if __name__ == "__main__":
    main()
