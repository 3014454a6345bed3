"""Makes a synthetic source and a synthetic target, in the trees that the readers of the published data know.

One call makes `synthetic_animal/` (clean pictures, labels for every vertex) and `behaviorDiscovery2.0/` (video shots with
landmarks) below one folder; species that the published data do not have, and several species as one source, become COCO files in
`animals/`. It can be stopped and called again: what is complete is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..commandline.limits import check_limits
from ..errors import OptionError
from .animal_sets import labelled_animals
from .coco_set import write_set
from .making import Report, process_pool, same_as_before
from .options import MakeOptions
from .plans import body_of
from .source import check_size
from .writers import JOINT_ROWS, Pool, synthetic_folder, write_synthetic_animal, write_tigdog

DOMAINS = ("source", "target", "both")
LIVESTOCK = ("horse", "cow", "sheep", "goat", "pig")
HELD_OUT = 5  # of pictures in COCO files: one of so many is for validation


def check(options: MakeOptions) -> tuple[str, ...]:
    """Refuse what cannot work before anything is written.

    Returns:
        The species to draw, each once.

    Raises:
        OptionError: naming the option.
    """
    check_limits(options)
    if options.domain not in DOMAINS:
        raise OptionError(f"a domain out of {', '.join(DOMAINS)}", repr(options.domain), "--domain both")
    animals = species_of(options.animal)
    for animal in animals:
        body_of(animal)
        if options.domain != "target" and options.layout == "published" and animal not in JOINT_ROWS:
            raise OptionError(
                f"a source animal with a published layout: {', '.join(JOINT_ROWS)}", repr(animal), "--layout coco"
            )
    if in_coco_files(options, animals) and options.domain != "target" and options.pictures < HELD_OUT:
        found = f"{options.pictures}"
        raise OptionError(
            f"--pictures of {HELD_OUT} or more, so that some are held out", found, f"--pictures {HELD_OUT}"
        )
    return animals


def species_of(words: Sequence[str]) -> tuple[str, ...]:
    """Species of --animal, each once: horse tiger, or horse,tiger, or livestock.

    Raises:
        OptionError: none.
    """
    names = [name.strip() for word in words for name in word.split(",") if name.strip()]
    found = [animal for name in names for animal in (LIVESTOCK if name == "livestock" else (name,))]
    if not found:
        raise OptionError("at least one animal", "none", "--animal horse")
    return tuple(dict.fromkeys(found))


def in_coco_files(options: MakeOptions, animals: Sequence[str]) -> bool:
    """Whether source pictures go into COCO files, see --layout."""
    unpublished = any(animal not in JOINT_ROWS for animal in animals)
    return options.layout == "coco" or (options.layout == "auto" and unpublished)


def make(options: MakeOptions, progress: Report | None = None) -> list[Path]:
    """Make what is missing.

    Args:
        options: what to make.
        progress: called with (what, pieces there, pieces wanted).

    Returns:
        The folder of every tree asked for, or the COCO files.

    Raises:
        OptionError: for options that cannot work, or a folder made with other ones. Only more pictures and videos may be added.
        DataError: when the folder cannot be written.
    """
    animals = check(options)
    names = ("frames", "seed", "size", "target_size", "views", "gap", "site", "zoom", "individuals")
    same_as_before(Path(options.out), options, names)
    with process_pool(options.workers) as pool:
        made = [] if options.domain == "target" else _sources(options, animals, progress, pool)
        if options.domain != "source":
            made += [_target(options, animal, progress, pool) for animal in animals]
    return made


def _sources(o: MakeOptions, animals: Sequence[str], progress: Report | None, pool: Pool) -> list[Path]:
    if in_coco_files(o, animals):
        folder = Path(o.out) / "animals"
        drawn = replace(o, animal=tuple(animals))
        same_as_before(folder, drawn, ("animal", "seed", "size", "views", "zoom", "individuals"))
        plan = labelled_animals(
            folder,
            animals,
            o.pictures * len(animals),
            HELD_OUT,
            seed=o.seed,
            size_hw=check_size(o.size),
            zoom=o.zoom,
            views=o.views,
            individuals=o.individuals,
        )
        return write_set(plan, _reporter(progress, "labelled animals"), pool)
    made = []
    for animal in animals:
        write_synthetic_animal(
            o.out,
            animal,
            o.pictures,
            seed=o.seed,
            size_hw=o.size,
            zoom=o.zoom,
            views=o.views,
            individuals=o.individuals,
            progress=_reporter(progress, f"{animal} source"),
            pool=pool,
        )
        made.append(synthetic_folder(o.out, animal))
    return made


def _target(o: MakeOptions, animal: str, progress: Report | None, pool: Pool) -> Path:
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
        progress=_reporter(progress, f"{animal} target"),
        pool=pool,
    )
    return tree / animal


def _reporter(progress: Report | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else partial(progress, what)
