"""What stands beside a measurement in two stages, worked out by hand."""

import io

import numpy as np
import pytest
from rich.console import Console

from tfnxc.evaluation.shortlists import shortlist_line, shortlist_record, shortlisted
from tfnxc.metrics import EvaluationPlan
from tfnxc.runs import Result
from tfnxc.scoring.two_stages import Shortlist, TwoStages

# Pictures 0 and 1 are probes, of persons 1 and 2, by camera 0; 2 to 6 are the gallery, by camera 1.
IDENTITIES, CAMERAS = np.array([1, 2, 1, 1, 2, 3, 3]), np.array([0, 0, 1, 1, 1, 1, 1])
PROBES = np.array([True, True, False, False, False, False, False])
FIRST = np.array([[0.9, 0.1, 0.5, 0.8, 0.7], [0.9, 0.8, 0.2, 0.7, 0.6]])
SECOND = np.array([[1.0, 9.0, 9.0, 2.0, 9.0], [5.0, 6.0, 9.0, 9.0, 9.0]])


def stages(asked):
    plan = EvaluationPlan("market", IDENTITIES, CAMERAS, fixed_probes=PROBES)
    first, second = np.full((7, 7), np.nan), np.full((7, 7), np.nan)
    first[:2, 2:], second[:2, 2:] = FIRST, SECOND
    return plan, TwoStages(
        Shortlist(asked), plan.rows, plan.columns, lambda rows, columns: first[rows][:, columns], lambda *at: second[at]
    )  # fmt: skip


def test_a_shortlist_of_two_by_hand():
    plan, two_stages = stages(2)
    console = Console(file=io.StringIO(), width=200)
    pairs = shortlisted("mine", plan, two_stages, console)
    assert pairs.positions().tolist() == [[0, 2], [0, 5], [1, 2], [1, 3]]
    assert console.file.getvalue() == "mine: 4 of the 10 pairs that market reads are on a shortlist.\n"
    curves = plan.measure_part(two_stages)
    # Probe 0: the head puts picture 5 before its match 2; behind them 6, 4, and last its other match, 3.
    # Probe 1: pictures 3, 2; behind them 5, 6, and last its only match, 4.
    assert curves.matches[0].ranks.tolist() == [[2, 5], [5, 0]]
    record = shortlist_record(Shortlist(2), curves, len(pairs), 10)
    assert (record["asked"], record["length"], record["pairs"], record["pairs_exhaustive"]) == (2, 2.0, 4, 10)
    assert record["inside"]["mean"] == pytest.approx(100 * (1 / 2 + 0) / 2)
    assert record["mAP_found"]["mean"] == pytest.approx(100 * ((1 / 2) / 2 + 0) / 2)
    assert 100 * curves.mean_average_precision == pytest.approx(100 * ((1 / 2 + 2 / 5) / 2 + 1 / 5) / 2)
    result = Result.of(curves, "mine", dataset="few", split="all", scorer="both", shortlist=record)
    assert shortlist_line("mine", [result, result]) == (
        "mine: 25.00 % of the true matches of a probe are inside its shortlist of 2 pictures; if those outside count "
        "as not found, mAP is 12.50. The head scored 4 pairs instead of 10."
    )


def test_a_share_of_the_gallery_and_one_that_holds_all():
    plan, two_stages = stages(0.4)  # of five pictures
    assert len(shortlisted("mine", plan, two_stages, None)) == 4
    plan, two_stages = stages(5)
    curves = plan.measure_part(two_stages)
    record = shortlist_record(Shortlist(5), curves, 10, 10)
    assert record["inside"]["mean"] == 100
    assert record["mAP_found"]["mean"] == pytest.approx(100 * curves.mean_average_precision)


def test_the_difference_to_all_pairs_is_paired_by_probe():
    plan, two_stages = stages(2)
    curves = plan.measure_part(two_stages)  # matches at ranks 2 and 5; 5
    every = plan.measure_part(np.array([[9.0, 1.0, 4.0, 3.0, 2.0], [4.0, 3.0, 9.0, 2.0, 1.0]]))  # at 1 and 5; 1
    record = shortlist_record(Shortlist(2), curves, 4, 10, rate=8.0, exhaustive=every)
    assert record["milliseconds"] == 250  # two pictures of eight a second
    assert record["to_exhaustive"]["rank 1"] == {"mean": -100.0, "standard_error": 0.0}
    # Average precision 0.45 for 0.7, and 0.2 for 1: differences of -0.25 and -0.8.
    paired = record["to_exhaustive"]["mAP"]
    assert (paired["mean"], paired["standard_error"]) == (pytest.approx(-52.5), pytest.approx(27.5))
    result = Result.of(curves, "mine", dataset="few", split="all", scorer="both", shortlist=record)
    line = shortlist_line("mine", [result, result])
    assert "pairs instead of 10, 250 ms a probe. To all pairs, probe by probe: " in line
    assert line.endswith("rank 1 -100.00 (standard error 0.00), mAP -52.50 (standard error 19.45).")
    again = Result.from_dict(result.to_dict(), result.mean, result.deviation)
    assert again.shortlist == result.shortlist
