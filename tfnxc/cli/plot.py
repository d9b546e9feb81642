"""`tfnxc plot`: the paper's pictures of any trained run."""

from __future__ import annotations

import dataclasses

import click

from tfnxc.cli._plot_options import (
    DATA,
    PAIRS,
    PROTOCOL,
    choice_options,
    file_options,
    like_evaluate,
    pixel_of,
    save,
    split_choice,
    subjects_of,
)
from tfnxc.errors import InputError


@click.group()
def plot():
    """Draws the paper's pictures of runs, and what their correlation sees.

    \b
    tfnxc plot cmc runs/split-* --to cmc.pdf             Figure 1: CMC curves beside published figures
    tfnxc plot ranking runs/normxcorr runs/fused         Figures 2-6: the best of the gallery for some probes
    tfnxc plot maps runs/normxcorr                       Figures 7-8: what the tower makes of pictures
    tfnxc plot correlation runs/normxcorr 0 match        which patches match where

    All are 7 inches wide, two columns of a paper. Nothing is trained; scores are kept in the run, as tfnxc evaluate
    keeps them. docs/pictures.md shows examples. In Python: tfnxc.visualization.
    """


@like_evaluate(*DATA, "protocols", "repeats", "probes", "seed", "ties", *PAIRS)
@plot.command()
@click.argument("folders", metavar="[RUN]...", nargs=-1, type=click.Path())
@click.option("--baseline", type=click.Choice(["colour-histogram"]), help="Draw this instead of, or beside, runs.")
@click.option("--scores", "files", multiple=True, type=click.Path(), help="Scores that tfnxc evaluate saved.")
@click.option("--ranks", default=20, show_default=True, type=click.IntRange(2), help="How many ranks are shown.")
@click.option("--published/--no-published", default=True, show_default=True, help="Published figures beside.")
@file_options("cmc.png")
def cmc(folders, baseline, files, ranks, published, path, dpi, protocols, repeats, probes, seed, ties, **options):
    """Draws CMC curves, a panel for each data set and protocol (Figure 1).

    The legend is sorted by rank 1. A band is one standard deviation: over splits where runs with the same settings were
    trained on several, otherwise over the draws of the gallery. Of published methods there are points at the ranks that
    are known; the legend says under which protocol, ? where the source does not say. Do not compare across protocols.

    \b
    tfnxc plot cmc runs/cuhk01-normxcorr runs/cuhk01-fused
    tfnxc plot cmc runs/split-* --protocol paper --to cmc.pdf
    tfnxc plot cmc runs/mine --baseline colour-histogram --probes 100 --no-published
    """
    from tfnxc.evaluation import subjects as _subjects
    from tfnxc.evaluation.groups import grouped
    from tfnxc.evaluation.measure import measure
    from tfnxc.evaluation.rankings import cmc_panels
    from tfnxc.visualization import plot_cmc_panels

    if not folders and not files and baseline is None:
        raise InputError("nothing to draw: name a run folder, --scores FILE.npz, or --baseline colour-histogram.")
    _subjects.check_options(folders, baseline, files, options)
    draws = {"repeats": repeats, "probes": probes, "seed": seed, "ties": ties}
    found = []
    for name, dataset, subject in _subjects.subjects(folders, baseline, files, ".", writes=False, **options):
        subject = dataclasses.replace(subject, results=None)
        asked = tuple(dict.fromkeys(protocols)) or _subjects.default_protocols(dataset, subject.people)
        found.append((name, dataset, measure(subject, asked, draws)))
    save(plot_cmc_panels(cmc_panels(grouped(found), published), ranks), path, dpi)


@like_evaluate(*DATA, "baseline", *PAIRS)
@plot.command()
@click.argument("folders", metavar="[RUN]...", nargs=-1, type=click.Path())
@choice_options
@click.option("--count", default=4, show_default=True, type=click.IntRange(1), help="The most probes.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1, 20), help="Pictures of the gallery a row.")
@PROTOCOL
@file_options("ranking.png")
def ranking(folders, baseline, top, protocol, path, dpi, **options):
    """Draws what runs rank first for some probes (Figures 2 to 6).

    A row is the probe and the best of its gallery: the true match in a thick green frame, the rank of every other
    picture in red, probabilities below; several runs stand below each other. A row ends after 20 pictures; under the
    probe stands where its true match is.

    \b
    tfnxc plot ranking runs/ahmed runs/normxcorr runs/fused --kind only-fused
    tfnxc plot ranking runs/mine --kind false-match --among 200 --seed 1
    tfnxc plot ranking runs/mine --probe 12 --probe 0042_a_00.png
    tfnxc plot ranking runs/mine --kind occlusion --to occlusion.pdf

    \b
    --kind  all-right     every run has the true match at rank 1 (the title says so, as for all kinds)
            only-fused    only the run of the model fused has
            false-match   the run of the model normxcorr has somebody else there
            all-fail      no run has the true match in its row
            occlusion, light, viewpoint   the hardest in this respect, best known first: synthetic set only
    """
    from tfnxc.evaluation.rankings import find_rankings
    from tfnxc.visualization import plot_rankings
    from tfnxc.visualization.rankings import MOST_ROWS

    if not folders and baseline is None:
        raise InputError("nothing to draw: name a run folder, or --baseline colour-histogram.")
    choice, options = split_choice(options)
    rows = (len(folders) + (baseline is not None)) * (len(choice.probes) or choice.count)
    if rows > MOST_ROWS:
        raise InputError(f"{rows} rows, one a run and probe, are more than {MOST_ROWS}: take fewer with --count.")
    found = find_rankings(subjects_of(folders, baseline, options), choice, protocol, top)
    save(plot_rankings(found.probes(top)), path, dpi)


@like_evaluate(*DATA, *PAIRS)
@plot.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path())
@choice_options
@PROTOCOL
@click.option(
    "--scale",
    default="shared",
    show_default=True,
    type=click.Choice(["shared", "map"]),
    help="One colour scale a run, or one for each of its maps, the same in all rows.",
)
@file_options("maps.png")
def maps(folders, scale, protocol, path, dpi, **options):
    """Draws what the towers of runs make of a probe (Figures 7 and 8).

    Rows are the probe, the picture at rank 1 and the true match, each with its maps after the second stage of the
    tower; several runs stand below each other.

    \b
    tfnxc plot maps runs/normxcorr --kind all-right
    tfnxc plot maps runs/normxcorr runs/fused --kind only-fused --among 200
    tfnxc plot maps runs/mine --probe 12 --scale map --to maps.pdf
    """
    from tfnxc.evaluation.rankings import find_maps, find_rankings
    from tfnxc.visualization import plot_maps
    from tfnxc.visualization.maps import MOST_ROWS

    choice, options = split_choice({**options, "count": 1})
    if len(choice.probes) > 1:
        raise InputError("maps are drawn of one probe: give --probe once.")
    if 3 * len(folders) > MOST_ROWS:
        raise InputError(f"maps of {len(folders)} runs are more than {MOST_ROWS} rows: name at most {MOST_ROWS // 3}.")
    state = options["state"]
    found = find_rankings(subjects_of(folders, None, options), choice, protocol)
    (rows,) = find_maps(found, folders, state)
    (title,) = found.titles.values()
    save(plot_maps(rows, scale, title), path, dpi)


@like_evaluate(*DATA)
@plot.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.argument("probe")
@click.argument("gallery")
@click.option("--patch", metavar="ROW,COLUMN", help="Pixel of the probe. Default: where the match is strongest.")
@click.option("--patches", default=6, show_default=True, type=click.IntRange(1, 12), help="How many are joined.")
@click.option("--channel", type=click.IntRange(1), help="One of the maps, from 1. Default: the mean over all.")
@file_options("correlation.png")
def correlation(folder, probe, gallery, patch, patches, channel, path, dpi, **options):
    """Draws where patches of a probe find their best matches in a gallery picture.

    PROBE and GALLERY are positions in the test part, as titles of tfnxc plot ranking have them, or file names there, or
    picture files of yours; GALLERY may be "match": the probe's person by another camera. On the left: one patch, and
    its normalized correlation with every patch of its search window. On the right: lines join patches with their best
    matches. Models without the layer, such as ahmed, are refused.

    \b
    tfnxc plot correlation runs/mine 0 match
    tfnxc plot correlation runs/mine probe.png gallery.png --patch 60,30 --channel 7
    tfnxc plot correlation runs/mine 0042_a_00.png 0042_b_01.png --to correlation.pdf
    """
    from tfnxc.evaluation.rankings import find_correlation
    from tfnxc.training import Run
    from tfnxc.visualization import plot_correlation
    from tfnxc.visualization.correlation import position_at

    pixel = None if patch is None else pixel_of(patch)
    state = options["state"]
    subjects = subjects_of([folder], None, {**options, **dict.fromkeys(PAIRS)})
    _, _, subject = next(subjects)
    *pictures, found = find_correlation(Run.open(folder), subject.people, probe, gallery, state)
    channels = found.values.shape[2]
    if channel is not None and channel > channels:
        raise InputError(f"--channel {channel}: this run has {channels} maps.")
    position = None if pixel is None else position_at(pixel, found.values.shape[:2])
    figure = plot_correlation(*pictures, found, position, patches, None if channel is None else channel - 1)
    save(figure, path, dpi)
