"""Makes a synthetic source and a synthetic target, in the trees that the readers of the published data know.

One call makes `synthetic_animal/` (clean pictures, labels for every vertex) and `behaviorDiscovery2.0/` (video shots with
landmarks) below one folder. It can be stopped and called again: what is complete is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..commandline.limits import check_limits
from ..errors import OptionError
from .making import Report, process_pool, same_as_before
from .options import MakeOptions
from .plans import body_of
from .writers import JOINT_ROWS, synthetic_folder, write_synthetic_animal, write_tigdog

DOMAINS = ("source", "target", "both")


def check(options: MakeOptions) -> None:
    """Refuse what cannot work before anything is written.

    Raises:
        OptionError: naming the option.
    """
    check_limits(options)
    if options.domain not in DOMAINS:
        raise OptionError(f"a domain out of {', '.join(DOMAINS)}", repr(options.domain), "--domain both")
    if not options.animal:
        raise OptionError("at least one animal", "none", "--animal horse")
    for animal in options.animal:
        body_of(animal)
        if options.domain != "target" and animal not in JOINT_ROWS:
            raise OptionError(
                f"a source animal out of {', '.join(JOINT_ROWS)}", repr(animal), "--domain target, or another --animal"
            )


def make(options: MakeOptions, progress: Report | None = None) -> list[Path]:
    """Make what is missing.

    Args:
        options: what to make.
        progress: called with (what, pieces there, pieces wanted).

    Returns:
        The folder of every tree asked for.
    """
    check(options)
    made = []
    names = ("frames", "seed", "size", "target_size", "views", "gap", "site", "zoom")
    same_as_before(Path(options.out), options, names)

    def reporter(what: str) -> Callable[[int, int], None] | None:
        return None if progress is None else partial(progress, what)

    o = options
    with process_pool(o.workers) as pool:
        for animal in dict.fromkeys(o.animal):
            if o.domain != "target":
                what = reporter(f"{animal} source")
                write_synthetic_animal(
                    o.out,
                    animal,
                    o.pictures,
                    seed=o.seed,
                    size_hw=o.size,
                    zoom=o.zoom,
                    views=o.views,
                    progress=what,
                    pool=pool,
                )
                made.append(synthetic_folder(o.out, animal))
            if o.domain != "source":
                what = reporter(f"{animal} target")
                tree = write_tigdog(
                    o.out,
                    animal,
                    o.shots,
                    o.frames,
                    seed=o.seed,
                    size_hw=o.target_size,
                    gap=o.gap,
                    zoom=o.zoom,
                    site=o.site,
                    progress=what,
                    pool=pool,
                )
                made.append(tree / animal)
    return made
