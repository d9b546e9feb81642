"""Scorers of a model beside its head: the embedding, both together, both with the camera; and two stages."""

import io

import numpy as np
import pytest
from rich.console import Console

from tests.evaluation.embedded_run import (
    COMBINATION,
    SPLIT,
    embedded_run,
    fitted_embedding,
    vectors_of,
)
from tfnxc.datasets import Split, open_dataset, synthetic
from tfnxc.distribution import strategy_named
from tfnxc.embedding import log_odds_of
from tfnxc.errors import InputError
from tfnxc.evaluation import EvaluationPlan, ProbeChoice, Results, SavedScores, evaluate, rank_probes
from tfnxc.runs import Run
from tfnxc.scoring import ModelScores, PairScorer, Pictures, views
from tfnxc.scoring.hubs import KReciprocal

DRAWS = {"repeats": 2, "batch_size": 8}


@pytest.fixture(scope="module")
def tested():
    return SPLIT.test_part(open_dataset("synthetic"))


@pytest.fixture(scope="module")
def alike(model, tested):
    """Cosines of all pairs."""
    vectors = vectors_of(fitted_embedding(model, "digest"), model, tested.images())
    return vectors @ vectors.T


@pytest.fixture(scope="module")
def odds(model, tested):
    """Log-odds of all pairs by the head, probe first."""
    everyone = np.argwhere(np.ones((len(tested),) * 2, bool))
    return log_odds_of(PairScorer(model, tested.images(), 8).score(everyone)).reshape((len(tested),) * 2)


def same_figures(result, curves):
    for name, spread in curves.figures.items():
        assert result.figures[name].mean == pytest.approx(spread.mean), name


def scores_of(run, tested):
    """The scores of the head that a run keeps."""
    pictures = Pictures(tested, (160, 60))
    pictures.digests(np.arange(len(tested)))
    return ModelScores(run.folder / "scores", None, run.model_digest(), pictures)


def test_the_embedding_is_measured_by_the_cosine_and_no_pair_is_scored(run, tested, alike):
    found = evaluate(run, scorer="embedding", repeats=2)
    assert [each.label for each in found] == ["normxcorr, embedding"] * 2
    for result in found:
        same_figures(result, EvaluationPlan.of(result.protocol, tested, repeats=2).measure(alike))
        assert result.scorer == "embedding" and result.pairs_per_second is None and result.shortlist is None
        assert result.extra["embedding"]["dimensions"] == 6 and result.extra["embedding"]["identities"] == 10
    assert not (run.folder / "scores").exists()
    paths = found.save()
    assert paths[0].name == "trained-embedding-cross-camera-2draws-allprobes-seed0-pessimistic.json"
    assert sorted(each.scorer for each in Run.open(run.folder).results()) == ["embedding"] * 2


@pytest.mark.parametrize("protocol", ["market", "cuhk03-classic"])
def test_the_embedding_is_measured_under_any_protocol(run, tested, alike, protocol):
    (result,) = evaluate(run, scorer="embedding", protocols=protocol)
    same_figures(result, EvaluationPlan.of(protocol, tested).measure(alike))


def test_the_head_stays_as_it_is_whatever_stands_beside_it(run, tmp_path, model):
    beside = evaluate(run, scorer=["head", "embedding", "both"], protocols="paper", **DRAWS)
    (alone,) = evaluate(embedded_run(tmp_path / "other", model), protocols="paper", **DRAWS)
    assert beside[0].figures == alone.figures and beside[0].file_name() == alone.file_name()
    assert beside[0].to_dict().keys() == alone.to_dict().keys() and alone.scorer == "head"
    assert beside[0].pairs_per_second == beside[2].pairs_per_second > 0  # no pair is scored twice


def test_both_are_the_weighted_sum_of_log_odds_and_cosine(run, tested, alike, odds):
    (result,) = evaluate(run, scorer="both", protocols="market", batch_size=8)
    same_figures(result, EvaluationPlan.of("market", tested).measure(1.5 * odds + 8 * alike))
    assert result.label == "normxcorr, both" and result.extra["combination"]["log_odds"] == 1.5


def test_both_orders_are_averaged_as_log_odds_and_flips_as_vectors(run, tested, model):
    (result,) = evaluate(run, scorer="both", protocols="market", both_orders=True, flips=True, batch_size=8)
    assert result.name.startswith("trained-both-both-orders-flips-market-") and len(result.views) == 4
    images, everyone = tested.images(), np.argwhere(np.ones((len(tested),) * 2, bool))
    total = 0
    for exchanged, mirrored in views(both_orders=True, flips=True):
        pairs = everyone[:, ::-1] if exchanged else everyone
        total = total + log_odds_of(PairScorer(model, images, 8, mirrored=mirrored).score(pairs))
    embedding = run.embedding()
    mean = vectors_of(embedding, model, images) + vectors_of(embedding, model, images[:, :, ::-1])
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    scores = 1.5 * total.reshape((len(tested),) * 2) / 4 + 8 * (mean @ mean.T)
    same_figures(result, EvaluationPlan.of("market", tested).measure(scores))


def test_a_common_camera_counts_under_paper_alone(run, tested, alike, odds):
    found = evaluate(run, scorer=["both", "both-camera"], **DRAWS)
    assert [(each.scorer, each.protocol) for each in found] == [
        ("both", "cross-camera"), ("both", "paper"), ("both-camera", "paper")
    ]  # fmt: skip
    same = tested.cameras[:, None] == tested.cameras
    plan = EvaluationPlan.of("paper", tested, repeats=2)
    same_figures(found[1], plan.measure(1.5 * odds + 8 * alike))
    same_figures(found[2], plan.measure(1.5 * odds + 8 * alike - 0.5 * same))
    assert found[2].name.startswith("trained-both-camera-paper-") and "normxcorr, both-camera" in found[2].label
    with pytest.raises(InputError, match=r"for the protocol paper, and market was asked for\. Add --protocol paper"):
        evaluate(run, scorer="both-camera", protocols="market")


@pytest.mark.parametrize("protocol", ["market", "paper"])
def test_two_stages_score_the_shortlist_and_order_the_rest_by_the_embedding(run, tested, alike, odds, protocol):
    (result,) = evaluate(run, scorer="both", shortlist=3, protocols=protocol, **DRAWS)
    both, plan = 1.5 * odds + 8 * alike, EvaluationPlan.of(protocol, tested, repeats=2)
    ranks, inside, pairs = [], [], set()
    for trial in (trial for repeat in plan.trials() for trial in repeat):
        for at, probe in enumerate(trial.probes):
            out = np.broadcast_to(trial.left_out(slice(at, at + 1)), (1, len(trial.gallery)))[0]
            row, gallery = plan.rows[probe], plan.columns[trial.gallery[~out]]
            listed = gallery[np.argsort(-alike[row, gallery], kind="stable")]
            order = [*sorted(listed[:3], key=lambda each, row=row: -both[row, each]), *listed[3:]]
            hits = tested.identities[order] == tested.identities[row]
            ranks.append(1 + np.flatnonzero(hits))
            inside.append(np.count_nonzero(hits[:3]) / hits.sum())
            pairs |= {(row, each) for each in listed[:3]}
    assert result.rank(1) == pytest.approx(np.mean([each[0] == 1 for each in ranks]))
    precisions = [np.mean(np.arange(1, 1 + len(each)) / each) for each in ranks]
    assert result.figures["mAP"].mean == pytest.approx(np.mean(precisions))
    found = [np.sum((np.arange(1, 1 + len(each)) / each)[each <= 3]) / len(each) for each in ranks]
    told = result.shortlist
    assert (told["asked"], told["length"], told["pairs"]) == (3, 3.0, len(pairs))
    assert told["pairs_exhaustive"] == plan.needed().sum() > len(pairs)
    assert told["inside"]["mean"] == pytest.approx(100 * np.mean(inside))
    assert told["mAP_found"]["mean"] == pytest.approx(100 * np.mean(found)) and np.mean(found) < np.mean(precisions)
    # The head scored these pairs and no others.
    scored = ~np.isnan(scores_of(run, tested).read(*[np.arange(len(tested))] * 2))
    assert set(map(tuple, np.argwhere(scored))) == pairs


def test_a_shortlist_is_a_share_of_each_gallery_and_told_beside_the_table(run):
    console = Console(file=io.StringIO(), width=80)
    found = evaluate(run, scorer=["embedding", "both"], shortlist=0.25, console=console, **DRAWS)
    assert [each.label for each in found][2:] == ["normxcorr, both, shortlist 25 %"] * 2
    assert found[2].name.startswith("trained-both-shortlist25percent-cross-camera-")
    assert found[2].shortlist["length"] == 1.0 and found[0].shortlist is None
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert f"{found[2].shortlist['inside']['mean']:.2f} % of the true matches" in text.replace("\n", " ")
    said = " ".join(console.file.getvalue().split())
    assert "normxcorr, embedding, few-1: 16 pictures, at most 1 s, 1 MB" in said
    assert (
        f"{found[2].shortlist['pairs']} of the {found[2].shortlist['pairs_exhaustive']} pairs that cross-camera" in said
    )
    assert f"normxcorr, both, shortlist 25 %, few-1: {2 * 8 * 1 + 2 * 12 * 1} pairs of" in said
    found.save()
    (again,) = [each for each in run.results() if each.shortlist and each.protocol == "paper"]
    assert again.shortlist == found[3].shortlist and str(Results(run.results())).count("shortlist of 1 pictures") == 2


def test_csls_takes_off_how_near_a_vector_is_to_training_pictures(run, tested, alike):
    found = evaluate(run, scorer=["embedding", "embedding-csls"], protocols="market")
    assert [each.scorer for each in found] == ["embedding", "embedding-csls"] and found[1].views == found[0].views
    people = open_dataset("synthetic")
    training = people.of_identities(run.split.train)
    vectors, own = (vectors_of(run.embedding(), run.load_model(), each.images()) for each in (training, tested))
    near = np.sort(own @ vectors.T, axis=1)[:, -10:].mean(axis=1)
    corrected = alike - near[:, None] / 2 - near / 2
    same_figures(found[1], EvaluationPlan.of("market", tested).measure_part(corrected))
    saved = found.saved_scores["mine-trained-embedding-csls"]
    assert saved.about["scorer"] == "embedding-csls"
    np.testing.assert_allclose(saved.scores, corrected, atol=1e-6)


def test_csls_needs_pictures_that_the_embedding_was_fitted_on(run, tested):
    with pytest.raises(InputError, match="embedding-csls needs pictures of those whom the embedding was fitted on"):
        evaluate(run.load_model(), tested, scorer="embedding-csls", embedding=run.embedding())


def test_k_reciprocal_looks_at_the_gallery_that_is_drawn(run, tested):
    found = evaluate(run, scorer="embedding-k-reciprocal", repeats=2)
    own = vectors_of(run.embedding(), run.load_model(), tested.images())
    for result in found:
        plan = EvaluationPlan.of(result.protocol, tested, repeats=2)
        same_figures(result, plan.measure_part(KReciprocal(own, plan.rows, plan.columns)))
    assert not found.saved_scores  # they depend on the gallery
    rankings = rank_probes(run, choice=ProbeChoice(count=1), scorer="embedding-k-reciprocal")
    ((ranked,),) = (of.values() for of in rankings.ranked.values())
    (probe,) = rankings.titles
    scores = KReciprocal(own, *[np.arange(len(own))] * 2).scores(np.array([probe]), ranked.pictures)[0]
    np.testing.assert_allclose(ranked.scores, scores, atol=1e-6)


def test_another_embedding_is_told_from_the_runs_own(run, model):
    other = fitted_embedding(model, run.model_digest(), fitted_on=range(8))
    scorers = {"scorer": ["embedding", "both"], "protocols": "market", "batch_size": 8}
    own, again, found = (evaluate(run, **scorers, embedding=each) for each in (None, run.embedding(), other))
    assert [each.name for each in own] == [each.name for each in again]
    assert not {each.name for each in own} & {each.name for each in found}
    for each in found:
        digest = each.extra["embedding"]["digest"]
        assert f"vectors {digest}" in each.label and f"-vectors-{digest}-" in each.name
    assert (found[0].mean != own[0].mean).any()


def test_several_shortlists_are_compared_with_all_pairs(run):
    found = evaluate(run, scorer=["both", "embedding"], shortlist=[0.5, None, 2], protocols="market")
    assert [each.label.removeprefix("normxcorr, ") for each in found] == [
        "both", "both, shortlist 50 %", "both, shortlist 2", "embedding"
    ]  # fmt: skip
    every, half, two, _ = found
    assert every.shortlist is None
    for each in (half, two):
        paired = each.shortlist["to_exhaustive"]
        assert paired["rank 1"]["mean"] == pytest.approx(100 * (each.rank(1) - every.rank(1)))
        assert paired["mAP"]["mean"] == pytest.approx(100 * (each.figures["mAP"].mean - every.figures["mAP"].mean))
    (alone,) = evaluate(run, scorer="both", shortlist=2, protocols="market")
    assert "to_exhaustive" not in alone.shortlist and alone.mean.tolist() == two.mean.tolist()
    with pytest.raises(ValueError, match="shortlist must be at least one length"):
        evaluate(run, scorer="both", shortlist=[])


def test_scores_of_embedding_and_both_are_saved_and_those_of_shortlists_refused(run, tmp_path):
    found = evaluate(run, scorer=["embedding", "both"], protocols="market", all_pairs=True, batch_size=8)
    paths = found.save_scores(tmp_path / "scores")
    assert [path.name for path in paths] == ["mine-trained-embedding.npz", "mine-trained-both.npz"]
    for path, result in zip(paths, found, strict=True):
        (again,) = evaluate(SavedScores.load(path), protocols="market")
        assert (again.label, again.scorer) == (result.label, result.scorer)
        same_figures(again, result)
    listed = evaluate(run, scorer="both", shortlist=2, protocols="market")
    with pytest.raises(InputError, match="are of the shortlists that were drawn inside its galleries"):
        listed.save_scores(tmp_path / "more")
    with pytest.raises(ValueError, match="all_pairs: no effect with a shortlist"):
        evaluate(run, scorer="both", shortlist=2, all_pairs=True)


def test_a_keras_model_takes_an_embedding_and_others_are_refused_with_the_remedy(run, model, tmp_path):
    people = synthetic(identities=4)
    embedding = fitted_embedding(model, "whatever")
    drawn, options = open_dataset("synthetic"), {"scorer": "embedding", "embedding": embedding, "protocols": "market"}
    (result,) = evaluate(model, drawn, split=SPLIT, **options)
    (of_run,) = evaluate(run, scorer="embedding", protocols="market")
    same_figures(result, of_run)
    digest = result.extra["embedding"]["digest"]
    assert result.name.startswith(f"normxcorr-embedding-vectors-{digest}-synthetic-few-1-market-")
    with pytest.raises(
        InputError, match=r"normxcorr has no embedding\. Give one with embedding= .* tfnxc embed fit RUN"
    ):
        evaluate(model, people, scorer="both")
    model.save(tmp_path / "alone.keras")
    with pytest.raises(InputError, match=r"alone has no embedding"):
        evaluate(tmp_path / "alone.keras", people, scorer="embedding")
    with pytest.raises(InputError, match=r"alone: the embedding is of the model whatever, and this is"):
        evaluate(tmp_path / "alone.keras", open_dataset("synthetic"), split=SPLIT, scorer="both", embedding=embedding)
    with pytest.raises(InputError, match=r"colour-histogram has no embedding.*tfnxc embed fit RUN"):
        evaluate("colour-histogram", people, scorer="embedding")
    (run.folder / "embedding.json").unlink()
    with pytest.raises(InputError, match=r"no embedding here\. Fit one with tfnxc embed fit"):
        evaluate(run, scorer="both")


def test_arguments_of_scorers_are_checked(run):
    with pytest.raises(ValueError, match=r"scorer must be of 'head', 'embedding', .*'both', 'both-camera'; got 'boht'"):
        evaluate(run, scorer=["head", "boht"])
    with pytest.raises(ValueError, match="at least one of"):
        evaluate(run, scorer=[])
    with pytest.raises(ValueError, match="shortlist: no effect on the head or the embedding alone"):
        evaluate(run, scorer=["head", "embedding"], shortlist=5)
    with pytest.raises(ValueError, match="shortlist must be a whole number"):
        evaluate(run, scorer="both", shortlist=1.5)
    with pytest.raises(ValueError, match="both_orders, batch_size: no effect on the embedding alone"):
        evaluate(run, scorer="embedding", both_orders=True, batch_size=8)
    with pytest.raises(ValueError, match="embedding: no effect on the head alone"):
        evaluate(run, embedding=run.embedding())


def test_nobody_is_tested_whom_embedding_or_combination_was_fitted_on(tmp_path, model):
    other = Split("few-2", "by hand", (0, 1), (6, 30, 31))
    run = embedded_run(tmp_path / "a", model, fitted_on=(5, 6, 7), chosen=other)
    evaluate(run, protocols="market", batch_size=8)  # the head was not fitted on them
    for scorer in ("embedding", "both", ["head", "both"]):
        with pytest.raises(
            InputError, match=r"the embedding of .*a was fitted on 1 of the 3 .* such as 6: .* Fit it on"
        ):
            evaluate(run, scorer=scorer, protocols="market")
    run = embedded_run(tmp_path / "b", model, fitted_on=(0, 1), combined_on=(31, 40), chosen=other)
    with pytest.raises(InputError, match=r"was fitted on 1 of the 3 test identities of few-2, such as 31"):
        evaluate(run, scorer="both", protocols="market")
    with pytest.raises(InputError, match="was fitted on 1 of the 3"):
        rank_probes(run, scorer="embedding")


def test_of_the_people_held_back_it_is_noted_that_the_combination_knows_them(tmp_path, model):
    chosen = Split("few-3", "by hand", tuple(range(10)), (20, 21))
    held = chosen.hold_back(3, 0)
    run = embedded_run(tmp_path / "a", model, held.train, held.test, chosen, validate=3)
    console = Console(file=io.StringIO(), width=300)
    (result,) = evaluate(run, scorer="both", held_back=True, protocols="market", batch_size=8, console=console)
    assert result.split == "few-3-held-back-3" and "was chosen, and combined with the head," in console.file.getvalue()
    run = embedded_run(tmp_path / "b", model, chosen.train, (), chosen, validate=3)
    with pytest.raises(InputError, match=r"the embedding of .*b was fitted on 3 of the 3"):
        evaluate(run, scorer="embedding", held_back=True)


def test_devices_share_the_pairs_of_both(run, tmp_path, model):
    options = {"scorer": "both", "shortlist": 2, "protocols": "market", "batch_size": 8}
    (shared,) = evaluate(run, strategy=strategy_named("mirrored"), **options)
    (alone,) = evaluate(embedded_run(tmp_path / "alone", model), **options)
    np.testing.assert_allclose(shared.mean, alone.mean)


def test_rankings_show_the_probability_of_both_and_the_cosine(run, tested, alike, odds):
    found = rank_probes(run, scorer=["head", "embedding", "both"], protocol="market", batch_size=8)
    assert list(found.ranked) == ["NormXcorr", "NormXcorr, embedding", "NormXcorr, both"]
    assert list(found.models) == ["NormXcorr"]  # its maps are shown once
    for probe in found.titles:
        ranked = found.ranked["NormXcorr, embedding"][probe]
        np.testing.assert_allclose(ranked.scores, alike[probe, ranked.pictures], atol=1e-5)
        assert (np.diff(ranked.scores) <= 0).all()
        ranked = found.ranked["NormXcorr, both"][probe]
        score = COMBINATION.scores(odds[probe, ranked.pictures], alike[probe, ranked.pictures])
        np.testing.assert_allclose(ranked.scores, COMBINATION.probabilities(score), atol=1e-4)
        assert (np.diff(ranked.scores) <= 0).all()


def test_the_model_of_the_package_has_an_embedding_of_its_own():
    (result,) = evaluate("pretrained", synthetic(identities=6), scorer="embedding", protocols="paper", repeats=1)
    assert result.label == "normxcorr, pretrained, embedding" and result.probes == 18
    assert result.name.startswith("pretrained-embedding-synthetic-all-paper-")
