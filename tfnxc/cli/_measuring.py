"""What `tfnxc evaluate` and `tfnxc plot cmc` measure: runs, baselines and saved scores, one after the other."""

from tfnxc.cli._options import OF_PAIRS, OF_RUNS, people_of, where
from tfnxc.evaluation import SCORERS
from tfnxc.evaluation.scorer import VECTORS
from tfnxc.runs.result import HEAD


def measured_scorers(run, state, tested):
    """Scorers other than the head, with the shortlist of each, that a run has results of on one of the tested parts."""
    people = {(each.dataset, each.split.digest) for each in tested}
    there = [each for each in run.results() if each.state == state and (each.dataset, each.split_digest) in people]
    asked = {(each.scorer, None if each.shortlist is None else each.shortlist["asked"]) for each in there}
    others = [each for each in asked if each[0] != HEAD]
    return sorted(others, key=lambda each: (SCORERS.index(each[0]), each[1] or 0))


def measured(folders, baselines, files, dataset, data, split_name, partial, known_scorers=False, call=None, **options):
    """The `Results` of each subject in turn, or what another `call` gives of the options of `evaluate`.

    Where no scorer is named, it is the head of a run; with `known_scorers` also each other one that was measured on the
    same people.
    """
    from tfnxc.evaluation import evaluate
    from tfnxc.runs import Run

    evaluate = call or evaluate
    of_runs = {name: options.pop(name) for name in OF_RUNS if name in options}
    named = of_runs.pop("scorer", ())
    tested = {}
    for folder in folders:
        run = Run.open(folder)
        people = {**where(run, dataset, data, split_name), "partial": partial}
        found = evaluate(run, scorer=named or HEAD, **people, **of_runs, **options)
        yield found
        for each in found.tested:
            tested.setdefault((each.dataset, each.split.digest), each)
        if known_scorers and not named:
            for scorer, shortlist in measured_scorers(run, of_runs["state"], found.tested):
                asked = options["protocols"] or ("paper",)
                if scorer == "both-camera" and "paper" not in asked:
                    continue
                if "open-set" in asked and (shortlist is not None or scorer == "embedding-k-reciprocal"):
                    continue  # their scores do not compare from probe to probe
                how = {**of_runs, **options, "scorer": scorer, "shortlist": shortlist}
                if scorer in VECTORS:
                    how = {name: value for name, value in how.items() if name not in OF_PAIRS}
                yield evaluate(run, **people, **how)
    for baseline in dict.fromkeys(baselines):
        if not folders:
            yield evaluate(baseline, **people_of(dataset, data, split_name), partial=partial, **options)
        for each in tested.values():
            yield evaluate(baseline, each.people, split=each.split, **options)
    for file in files:
        yield evaluate(file, **options)
