"""Writes frames in the trees of the published data sets, file by file.

Every file is written under another name and then renamed. The file that readers look for comes last: a picture that is there is
complete, and a run that was stopped continues.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import savemat

from ..datasets.synthetic_vertices import VERTICES
from ..errors import DataError, OptionError
from ..files import atomic_path, atomic_picture
from ..pose.skeleton import TIGER_TO_MODEL
from .frames import Frame
from .herd import render_labelled
from .plans import body_of
from .source import check_size
from .target import TargetShot

ROWS = 3299  # of a published vertex file
# animals that both have a published layout and can be drawn: rows of _kpts.npy that hold the 18 joints
JOINT_ROWS = {animal: VERTICES[animal][:18] for animal in ("horse", "tiger", "sheep", "hound")}
Progress = Callable[[int, int], None]
Pool = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def synthetic_folder(root: str | Path, animal: str) -> Path:
    """Where the pictures of a synthetic animal lie."""
    return Path(root) / "synthetic_animal" / f"{animal}_combineds5r5_texture"


def write_synthetic_animal(
    root: str | Path,
    animal: str,
    n: int,
    *,
    seed: int = 0,
    size_hw: tuple[int, int] = (480, 640),
    zoom: float = 1.0,
    views: str = "all",
    individuals: str = "one",
    progress: Progress | None = None,
    pool: Pool = map,
) -> Path:
    """Writes `n` pictures of the source domain in the published layout; pictures already there stay.

    Args:
        root: folder that gets `synthetic_animal/<animal>_combineds5r5_texture/`.
        size_hw: size of the pictures; readers of the published data expect 480 x 640.
        zoom: factor on the focal length, see `render_source`.
        views: `all` of the published sweep or from the `side`, see `draw_view`.
        individuals: "one" standard animal, or "many", see `herd.render_labelled`.
        progress: called with (pictures there, pictures wanted).
        pool: how to map a function over pictures, `map` or that of a process pool.

    Returns:
        The folder with the pictures.

    Raises:
        OptionError: for an animal without published vertex rows, or an impossible size.
        DataError: when the folder cannot be written.
    """
    body_of(animal)
    if animal not in JOINT_ROWS:
        raise OptionError(f"an animal with a published layout: {', '.join(JOINT_ROWS)}", repr(animal), "--animal horse")
    size_hw, folder = check_size(size_hw), made_folder(synthetic_folder(root, animal))
    there = {
        int(name.split("_")[0])
        for name in os.listdir(folder)
        if name.endswith("_img.png") and name.split("_")[0].isdigit()
    }
    todo = [i for i in range(n) if i not in there]
    done = n - len(todo)
    write = partial(write_source_picture, folder, animal, seed, size_hw=size_hw, zoom=zoom)
    for _ in pool(partial(write, views=views, individuals=individuals), todo):
        done += 1
        if progress:
            progress(done, n)
    return folder


def write_source_picture(
    folder: Path,
    animal: str,
    seed: int,
    index: int,
    *,
    size_hw: tuple[int, int],
    zoom: float = 1.0,
    views: str = "all",
    individuals: str = "one",
) -> str:
    """Writes one picture with its five companions; returns its stem."""
    frame = render_labelled(animal, seed, index, size_hw, zoom, views, individuals=individuals)
    about = frame.about
    numbers = "_".join(f"{about[k]:.2f}" for k in ("ratio", "distance_cm", "azimuth_deg", "elevation_deg"))
    stem = folder / f"{index}_SK_{animal}_skeleton_{animal}_{about['gait']}_anim_{numbers}.png"
    kpts, kpts_z = keypoint_rows(frame, animal)
    _write_array(f"{stem}_kpts.npy", kpts)
    _write_array(f"{stem}_kpts_z.npy", kpts_z)
    _write_array(f"{stem}_depth.npy", frame.depth_cm)
    write_picture(f"{stem}_seg.png", frame.seg.astype(np.uint8) * 255)
    write_picture(f"{stem}_partseg.png", frame.part)
    write_picture(f"{stem}_img.png", frame.image[..., ::-1])
    return stem.name


def keypoint_rows(frame: Frame, animal: str) -> tuple[np.ndarray, np.ndarray]:
    """(3299, 3) float64 x, y, visible and (3299,) depth: joints in their published rows, the skin, repeated, in all others."""
    joints = np.array(JOINT_ROWS[animal])
    others = np.setdiff1d(np.arange(ROWS), joints)
    if len(frame.vertices_px) > len(others):
        raise DataError(f"a skin of at most {len(others)} vertices", f"{len(frame.vertices_px)}")
    skin = np.arange(len(others)) % len(frame.vertices_px)
    rows, depth = np.zeros((ROWS, 3)), np.zeros(ROWS)
    rows[joints] = np.column_stack([frame.xy_px, frame.visible])
    rows[others] = np.column_stack([frame.vertices_px[skin], frame.vertex_visible[skin]])
    depth[joints], depth[others] = frame.joint_depth_cm, frame.vertex_depth_cm[skin]
    return rows, depth


def write_tigdog(
    root: str | Path,
    animal: str,
    shots: int,
    frames_per_shot: int,
    *,
    seed: int = 0,
    size_hw: tuple[int, int] = (360, 640),
    gap: float = 1.0,
    zoom: float = 1.0,
    hidden: str = "keep",
    site: bool = False,
    progress: Progress | None = None,
    pool: Pool = map,
) -> Path:
    """Writes shots of the target domain as a TigDog tree; shots already there stay.

    Args:
        root: folder that gets `behaviorDiscovery2.0/`.
        shots, frames_per_shot: how many.
        gap: how far the target lies from the source, see `TargetShot`.
        site: all shots from one place and camera, see `TargetShot`.
        hidden: what is written for a joint that is not seen: "keep" its coordinates or "zero".
        progress: called with (shots there, shots wanted).
        pool: how to map a function over shots.

    Returns:
        The folder `behaviorDiscovery2.0`.

    Raises:
        OptionError: for numbers or words that cannot work.
        DataError: when the folder cannot be written.
    """
    body_of(animal)
    if hidden not in ("keep", "zero"):
        raise OptionError("hidden joints 'keep' or 'zero'", repr(hidden))
    if shots < 1 or frames_per_shot < 1:
        raise OptionError("at least one shot of one frame", f"{shots} shots of {frames_per_shot} frames")
    size_hw, tree = check_size(size_hw), Path(root) / "behaviorDiscovery2.0"
    for part in (animal, f"ranges/{animal}", f"landmarks/{animal}"):
        made_folder(tree / part)
    first = 1 + frames_per_shot * np.arange(shots)
    ranges = np.column_stack([np.arange(1, shots + 1), first, first + frames_per_shot - 1]).astype(np.int32)
    replace_file(tree / "ranges" / animal / "ranges.mat", lambda path: savemat(path, {"ranges": ranges}))
    todo = [row for row in ranges.tolist() if not (tree / "landmarks" / animal / f"{row[0]}.mat").is_file()]
    done = shots - len(todo)
    work = partial(write_shot, tree, animal, seed, size_hw=size_hw, gap=gap, zoom=zoom, hidden=hidden, site=site)
    for _ in pool(work, todo):
        done += 1
        if progress:
            progress(done, shots)
    return tree


def write_shot(
    tree: Path,
    animal: str,
    seed: int,
    row: list[int],
    *,
    size_hw: tuple[int, int],
    gap: float,
    zoom: float,
    hidden: str,
    site: bool = False,
) -> int:
    """Writes the frames and the landmarks of one row (shot, first frame, last frame) of ranges; returns the shot."""
    shot_id, first, last = row
    shot = TargetShot(animal, seed, shot_id, size_hw, gap=gap, zoom=zoom, site=site)
    cells = np.empty((last - first + 1, 1), object)
    for k in range(len(cells)):
        frame = shot[k]
        write_picture(str(tree / animal / f"{first + k:08d}.jpg"), frame.image[..., ::-1])
        cells[k, 0] = landmarks_of(frame, animal, hidden)
    replace_file(tree / "landmarks" / animal / f"{shot_id}.mat", lambda path: savemat(path, {"landmarks": cells}))
    return shot_id


def landmarks_of(frame: Frame, animal: str, hidden: str = "keep") -> np.ndarray:
    """A (1, 1) structure: positions (19, 2) first, visibility (19, 1) second, joints in the order of that animal's files."""
    order = np.append(TIGER_TO_MODEL if animal == "tiger" else np.arange(18), 18)
    xy = np.concatenate([frame.xy_px, frame.neck_px[None]]).astype(np.float64)[order]
    seen = np.append(frame.visible, frame.neck_visible)[order]
    if hidden == "zero":
        xy[~seen] = 0
    cell = np.empty((1, 1), [("positions", object), ("visibility", object)])
    cell["positions"][0, 0], cell["visibility"][0, 0] = xy, seen.astype(np.float64)[:, None]
    return cell


def made_folder(folder: Path) -> Path:
    """Creates a folder where there is none.

    Returns:
        The folder.

    Raises:
        DataError: the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"a folder to write to: {folder}", str(error), "--out another/folder") from error
    return folder


def replace_file(path: Path, write: Callable[[str], object]) -> None:
    """Writes a file under a hidden name, then renames it to `path`. The suffix stays: writers choose the format by it."""
    with atomic_path(path) as draft:
        write(str(draft))


def _write_array(path: str, values: np.ndarray) -> None:
    replace_file(Path(path), lambda draft: np.save(draft, values))


def write_picture(path: str, values: np.ndarray) -> None:
    """Writes (H, W, 3) uint8 BGR or (H, W) uint8 as PNG or JPEG, by the ending, at once or not at all."""
    png = path.endswith(".png")
    atomic_picture(path, values, [cv2.IMWRITE_PNG_COMPRESSION, 1] if png else [cv2.IMWRITE_JPEG_QUALITY, 93])
