"""Makes three domains for adaptation across species: people with labels, animals with labels, other animals without.

People are written as the published COCO person tree (17 joints), animals as COCO keypoint files (18 joints). The target is a body
plan that is not among the labelled ones, filmed at one site; the labels in its files are for scoring and for an oracle. It can be
stopped and called again: what is complete is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..commandline.limits import check_limits
from ..errors import OptionError
from ..pose.skeleton import COCO17
from .animal_sets import animal_files, category_number, labelled_animals
from .coco_set import CocoSet, Drawn, category, write_set
from .making import Report, process_pool, same_as_before
from .options import ThreeOptions
from .people import render_person
from .plans import ANIMALS, body_of
from .source import check_size
from .target import TargetShot
from .writers import Pool


@dataclass(frozen=True)
class ThreeDomains:
    """The files of the three domains.

    Attributes:
        people: ROOT of the COCO person tree, for `coco_person:ROOT`.
        people_train, people_valid: its annotation files.
        animals_train, animals_valid, target_train, target_valid: for `coco:FILE`.
    """

    people: Path
    people_train: Path
    people_valid: Path
    animals_train: Path
    animals_valid: Path
    target_train: Path
    target_valid: Path


def check(options: ThreeOptions) -> None:
    """Refuse what cannot work before anything is written.

    Raises:
        OptionError: naming the option.
    """
    check_limits(options)
    o = options
    if not o.animal or len(set(o.animal)) != len(o.animal):
        raise OptionError(
            "labelled species, each once", " ".join(o.animal) or "none", f"--animal out of {', '.join(ANIMALS)}"
        )
    for animal in (*o.animal, o.target):
        body_of(animal)
    if o.target in o.animal:
        raise OptionError("a --target that is not among the labelled species", o.target, "--target tiger")
    for name, least in (("people", o.held_out), ("pictures", o.held_out * len(o.animal)), ("shots", o.held_out)):
        if getattr(o, name) < least:
            raise OptionError(
                f"--{name} of {least} or more, so that some are held out", f"{getattr(o, name)}", f"--{name} {least}"
            )


def make_three(options: ThreeOptions, progress: Report | None = None) -> ThreeDomains:
    """Make what is missing.

    Args:
        options: what to make.
        progress: called with (what, pictures or videos there, wanted).

    Returns:
        The files.

    Raises:
        OptionError: for options that cannot work, or a folder made with other ones. Only more pictures and videos may be added.
        DataError: when the folder cannot be written.
    """
    check(options)
    names = ("animal", "target", "frames", "held_out", "seed", "size", "views", "gap", "site", "zoom")
    same_as_before(Path(options.out), options, names)
    with process_pool(options.workers) as pool:
        people = _write("people", people_set(options), progress, pool)
        animals = _write("labelled animals", animal_set(options), progress, pool)
        target = _write("target videos", target_set(options), progress, pool)
    return ThreeDomains(Path(options.out) / "coco", *people, *animals, *target)


def _write(what: str, plan: CocoSet, progress: Report | None, pool: Pool) -> list[Path]:
    return write_set(plan, None if progress is None else partial(progress, what), pool)


def people_set(o: ThreeOptions) -> CocoSet:
    """People as the published COCO tree, joints of COCO17."""
    return CocoSet(
        folder=Path(o.out) / "coco",
        files={
            "train": "annotations/person_keypoints_train2017.json",
            "valid": "annotations/person_keypoints_val2017.json",
        },
        pictures={"train": "train2017", "valid": "val2017"},
        categories=[category(COCO17, 1, "person", "person")],
        pieces=o.people,
        per_piece=1,
        held_out=o.held_out,
        draw=partial(_draw_person, o.seed, check_size(o.size)[::-1]),
        about="people drawn by zoopose",
    )


def _draw_person(seed: int, size_hw: tuple[int, int], piece: int) -> list[Drawn]:
    return [Drawn(f"{piece + 1:012d}.jpg", render_person(seed, piece, size_hw), 1, {})]


def animal_set(o: ThreeOptions) -> CocoSet:
    """Labelled animals, the species in turn, joints of TIGDOG18."""
    return labelled_animals(
        Path(o.out) / "animals",
        o.animal,
        o.pictures,
        o.held_out,
        seed=o.seed,
        size_hw=check_size(o.size),
        zoom=o.zoom,
        views=o.views,
        individuals="one",
    )


def target_set(o: ThreeOptions) -> CocoSet:
    """Videos of the target species, joints of TIGDOG18."""
    draw = partial(
        _draw_shot,
        animal=o.target,
        seed=o.seed,
        size_hw=check_size(o.size),
        gap=o.gap,
        zoom=o.zoom,
        site=o.site,
        frames=o.frames,
    )
    return animal_files(Path(o.out) / "target", (o.target,), o.held_out, draw, pieces=o.shots, per_piece=o.frames)


def _draw_shot(
    piece: int, *, animal: str, seed: int, size_hw: tuple[int, int], gap: float, zoom: float, site: bool, frames: int
) -> list[Drawn]:
    shot, name = TargetShot(animal, seed, piece, size_hw, gap=gap, zoom=zoom, site=site), f"shot_{piece:05d}"
    return [
        Drawn(
            f"images/{name}/{k:05d}.jpg",
            shot[k],
            category_number(animal),
            {"video_id": piece + 1, "frame_id": k, "group": name},
        )
        for k in range(frames)
    ]
