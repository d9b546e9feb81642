"""`tfnxc evaluate`."""

import click

from tfnxc.cli._measuring import measured
from tfnxc.cli._options import OTHER_PEOPLE, SCORER, SHORTLIST, check_options, check_scorers
from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.datasets import CATALOGUE
from tfnxc.errors import InputError
from tfnxc.evaluation import BASELINES, PROTOCOLS, TIES


@click.command()
@click.argument("folders", metavar="[RUN]...", nargs=-1, type=click.Path())
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Choice(list(BASELINES)),
    help="Measure this instead of, or beside, runs; may be given more than once. Those of LOMO features are fitted on "
    "the training identities of the split.",
)
@click.option(
    "--scores", "files", multiple=True, type=click.Path(), help="Measure scores that --save-scores wrote; no model."
)
@click.option("--dataset", type=click.Choice(list(CATALOGUE)), help="Data set to test on. Default: the run's own.")
@click.option("--data", type=click.Path(), help="Its folder or file. Default: the one that the run was trained from.")
@click.option(
    "--split", "split_name", help="Split, or family of splits, to test on: see tfnxc splits. Default: the run's own."
)
@click.option("--partial", is_flag=True, help="Test on those of the split's identities that are on disk.")
@OTHER_PEOPLE
@click.option(
    "--held-back",
    is_flag=True,
    help="Test on the training people that tfnxc train --validate held back: to choose between trainings.",
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice(list(PROTOCOLS)),
    help="May be given more than once. Default: that of the data set, and paper where images are drawn.",
)
@click.option(
    "--state",
    default="trained",
    show_default=True,
    type=click.Choice(["trained", "best", "initial"]),
    help="The model after the last epoch; the best by tfnxc train --validate; or before the first.",
)
@click.option("--repeats", type=click.IntRange(1), help="How often the gallery is drawn. Default: the protocol's own.")
@click.option("--probes", type=click.IntRange(1), help="At most so many probes a draw. Default: all.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the draws.")
@click.option(
    "--ties",
    default=TIES[0],
    show_default=True,
    type=click.Choice(TIES),
    help="Whether ties count against the probe; expected: the expectation over random orders of equal scores.",
)
@click.option("--both-orders", is_flag=True, help="Average over probe first and gallery image first: twice the work.")
@click.option("--flips", is_flag=True, help="Average over the probe as it is and mirrored: twice the work.")
@SCORER
@SHORTLIST
@click.option("--batch-size", type=click.IntRange(1), help="Pairs at a time. Default: found by itself.")
@click.option(
    "--strategy",
    "strategy_name",
    default="none",
    show_default=True,
    type=click.Choice(["none", "mirrored", "multi-worker"]),
    help="Share the pairs among the GPUs of this machine, or among the processes that TF_CONFIG names.",
)
@click.option(
    "--save-scores", "save_to", type=click.Path(), help="Folder for the scores, to be measured again with --scores."
)
@click.option("--all-pairs", is_flag=True, help="Score every pair, so that saved scores serve any protocol.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say how many pairs and pictures there are to score, how long and in what memory.",
)
@click.option(
    "--to", "results", default="results", show_default=True, type=click.Path(), help="Folder of what is no run's own."
)
@as_json_option
def evaluate(folders, baselines, files, results, dry_run, as_json, **options):
    """Measures runs by CMC and mean average precision on the test identities of their splits.

    Each figure carries its protocol, because figures of different protocols do not compare: cross-camera (probes from
    camera A, one gallery image an identity from camera B), paper (the gallery from any camera, all other images are
    probes: usually easier), market (every gallery image; the probe's own view and junk left out), cuhk03-classic (a
    draw for each probe, of all cameras, as in Open-ReID), cuhk03-torchreid (as in torchreid), open-set (as
    cross-camera, half of the people not in the gallery: who is found at a rate of false alarms). docs/evaluation.md
    says more. Several runs, one a split, are put together: mean, standard deviation and 95 % interval over splits.
    Published figures stand beside.

    How many pairs there are, and about how long and in what memory they are scored, is said beforehand; with --dry-run
    nothing else is done. Figures of some of the probes (--probes) carry the 95 % interval over their identities.

    The towers run once an image, the head once a pair. Scores are kept in the run, so that a stopped command goes on
    and other draws score only what is new. With --scorer embedding no pair is scored: vectors of pictures are compared,
    in a moment, also in a large gallery. --scorer both adds what the head says of each pair, or of a shortlist.

    \b
    tfnxc evaluate runs/cuhk01-normxcorr
    tfnxc evaluate runs/split-*                                    mean and spread over splits
    tfnxc evaluate runs/market --dry-run                           pairs, time and memory beforehand
    tfnxc evaluate runs/market --probes 200                        an estimate with its interval, in minutes
    tfnxc evaluate runs/mine --both-orders --flips
    tfnxc evaluate runs/mine --protocol open-set --scorer both     people who may not be in the gallery
    tfnxc evaluate runs/mine --scorer embedding --scorer both --shortlist 100 --both-orders
    tfnxc evaluate runs/this runs/that --held-back                 choose one without a look at the test
    tfnxc evaluate runs/mine --dataset grid --data underground_reid --split grid-125
    tfnxc evaluate --baseline colour-histogram --dataset cuhk01 --data cuhk01 --split cuhk01-486
    tfnxc evaluate runs/mine --baseline lomo-xqda --baseline lomo-kissme
    tfnxc evaluate runs/mine --save-scores scores --all-pairs
    tfnxc evaluate --scores scores/mine-trained.npz --protocol market
    tfnxc evaluate runs/mine --json | jq '.results[].ranks."1".mean'
    """
    if not folders and not files and not baselines:
        raise InputError("nothing to measure: name a run folder, --scores FILE.npz, or --baseline colour-histogram.")
    from tfnxc.console import console
    from tfnxc.distribution import is_chief, strategy_named
    from tfnxc.evaluation import Results, estimate

    options["strategy"] = strategy_named(options.pop("strategy_name"))
    chief = is_chief(options["strategy"])  # it speaks and writes for all workers
    save_to = options.pop("save_to")
    check_options(folders, baselines, files, options)
    check_scorers(options, save_to)
    options["console"] = console if chief else None
    if dry_run:
        costs = list(measured(folders, baselines, files, call=estimate, **options))
        if chief:
            print_json([each for cost in costs for each in cost.to_dict()]) if as_json else console.print(*costs)
        return
    found = Results()
    for each in measured(folders, baselines, files, **options):
        found = Results.join([found, each])
        if chief:
            each.save_results(results)
            for path in each.save_scores(save_to) if save_to is not None else ():
                console.print(f"Scores: {path}")
    if chief:
        for path in found.save_summaries(results):
            console.print(f"Summary: {path}")
        print_json(found.to_dict()) if as_json else console.print(found)
