"""`tfnxc plot ranking` and `tfnxc plot maps`: pictures of single probes."""

import click

from tfnxc.cli.plot._options import PAIRS, PEOPLE, RUNS, file_options, like_evaluate, save, tested
from tfnxc.errors import InputError
from tfnxc.evaluation import PROBE_KINDS, PROTOCOLS, ProbeChoice

_PROTOCOL = click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)), help="Its first draw is the gallery. Default: the data set's own."
)


def _choice_options(command):
    """The options that say which probes are pictured."""
    kind = click.option(
        "--kind",
        default="random",
        show_default=True,
        type=click.Choice(PROBE_KINDS),
        help="Which probes: at random; or by the ranks of their true matches; or the hardest in one respect, which "
        "the synthetic set knows of its pictures.",
    )
    probes = click.option(
        "--probe",
        "probes",
        multiple=True,
        metavar="PICTURE",
        help="This probe: its position in the test part, as the picture's title has it, or its file name. May be "
        "given several times.",
    )
    among = click.option(
        "--among",
        default=50,
        show_default=True,
        type=click.IntRange(1),
        help="At most so many probes, drawn at random, are scored to find those of a kind.",
    )
    seed = click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws the gallery, and which probes."
    )
    return kind(probes(among(seed(command))))


@like_evaluate(*PEOPLE, "baselines", "scorer", *PAIRS)
@click.command()
@RUNS
@_choice_options
@click.option("--count", default=4, show_default=True, type=click.IntRange(1), help="The most probes.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1, 20), help="Pictures of the gallery a row.")
@_PROTOCOL
@file_options("ranking.png")
def ranking(folders, baselines, kind, probes, among, seed, count, top, protocol, scorer, path, dpi, **options):
    """Draws what runs rank first for some probes (Figures 2 to 6).

    A row is the probe and the best of its gallery: the true match in a thick green frame, the rank of every other
    picture in red, probabilities below; several runs stand below each other, and so do several scorers of a run, of
    which the embedding shows cosines. A row ends after 20 pictures; under the probe stands where its true match is.

    \b
    tfnxc plot ranking runs/ahmed runs/normxcorr runs/fused --kind only-fused
    tfnxc plot ranking runs/mine --kind false-match --among 200 --seed 1
    tfnxc plot ranking runs/mine --scorer head --scorer embedding --scorer both
    tfnxc plot ranking runs/mine --probe 12 --probe 0042_a_00.png
    tfnxc plot ranking runs/mine --kind occlusion --to occlusion.pdf

    \b
    --kind  all-right     every run has the true match at rank 1 (the title says so, as for all kinds)
            only-fused    only the run of the model fused has
            false-match   the run of the model normxcorr has somebody else there
            all-fail      no run has the true match in its row
            occlusion, light, viewpoint   the hardest in this respect, best known first: synthetic set only
    """
    from tfnxc.console import console
    from tfnxc.evaluation import rank_probes
    from tfnxc.visualization import plot_rankings
    from tfnxc.visualization.rankings import MOST_ROWS

    subjects = [*folders, *dict.fromkeys(baselines)]
    if not subjects:
        raise InputError("nothing to draw: name a run folder, or --baseline colour-histogram.")
    scorers = scorer or ("head",)
    rows = (len(folders) * len(scorers) + len(subjects) - len(folders)) * (len(probes) or count)
    if rows > MOST_ROWS:
        raise InputError(f"{rows} rows, one a run and probe, are more than {MOST_ROWS}: take fewer with --count.")
    choice, who = ProbeChoice(kind, probes, count, among, seed), tested(folders, baselines, scorer=scorer, **options)
    who["scorer"] = scorers
    found = rank_probes(subjects, choice=choice, protocol=protocol, top=top, console=console, **who)
    save(plot_rankings(found.probes()), path, dpi)


@like_evaluate(*PEOPLE, *PAIRS)
@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path())
@_choice_options
@_PROTOCOL
@click.option(
    "--scale",
    default="shared",
    show_default=True,
    type=click.Choice(["shared", "map"]),
    help="One colour scale a run, or one for each of its maps, the same in all rows.",
)
@file_options("maps.png")
def maps(folders, kind, probes, among, seed, protocol, scale, path, dpi, **options):
    """Draws what the towers of runs make of a probe (Figures 7 and 8).

    Rows are the probe, the picture at rank 1 and the true match, each with its maps after the second stage of the
    tower; several runs stand below each other.

    \b
    tfnxc plot maps runs/normxcorr --kind all-right
    tfnxc plot maps runs/normxcorr runs/fused --kind only-fused --among 200
    tfnxc plot maps runs/mine --probe 12 --scale map --to maps.pdf
    """
    from tfnxc.console import console
    from tfnxc.evaluation import rank_probes
    from tfnxc.visualization import plot_maps
    from tfnxc.visualization.maps import MOST_ROWS

    if len(probes) > 1:
        raise InputError("maps are drawn of one probe: give --probe once.")
    if 3 * len(folders) > MOST_ROWS:
        raise InputError(f"maps of {len(folders)} runs are more than {MOST_ROWS} rows: name at most {MOST_ROWS // 3}.")
    choice, who = ProbeChoice(kind, probes, 1, among, seed), tested(folders, (), **options)
    found = rank_probes(folders, choice=choice, protocol=protocol, console=console, **who)
    (rows,), (title,) = found.maps(), found.titles.values()
    save(plot_maps(rows, scale, title), path, dpi)
