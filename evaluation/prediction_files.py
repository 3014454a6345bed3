"""The files that `zoopose predict` writes: a table, COCO results, and where old overlays go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..datasets.picture_paths import picture_size
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..files import atomic_json, atomic_path, sweep
from ..pose.skeleton import Skeleton
from .inference import Predictions
from .run_folder import RunFolder

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OVERLAY = re.compile(r"(\d{6}|[1-9]\d{6})\.jpg")
OVERLAY_PX = 384


def metas_of(dataset: PoseDataset) -> list[Mapping[str, Any]]:
    """N: further facts of a data set about its items; empty if it has none."""
    return [dataset.meta_of(i) for i in range(len(dataset))]


def cell(text: str) -> str:
    """Text as a cell of a table: a spreadsheet takes what begins with = + - @ for a formula, and gets ' before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def wide_table(
    pictures: Sequence[str],
    joints: Sequence[str],
    xy_px: np.ndarray,
    score: np.ndarray,
    frames: Sequence[int] | np.ndarray = (),
    times_s: Sequence[float | str] | np.ndarray | None = None,
) -> pd.DataFrame:
    """One row a pose: x, y (picture px, pixel centres at integers) and score (height of the peak) of every joint.

    Args:
        pictures: N names, the index.
        joints: K names.
        xy_px: (N, K, 2). score: (N, K).
        frames, times_s: of a video, (N,): number of the frame from 0, and its time from the start of the file in s.

    Returns:
        Table with two levels of columns: (joint, x | y | score); of a video also (frame, number) and (time, seconds).
    """
    columns = pd.MultiIndex.from_product([list(joints), ("x", "y", "score")], names=("joint", "value"))
    values = np.concatenate([xy_px, score[..., None]], -1).reshape(len(pictures), -1)
    table = pd.DataFrame(values, index=pd.Index(list(pictures), name="id"), columns=columns)
    if times_s is not None:
        table[("frame", "number")] = list(frames)
        table[("time", "seconds")] = list(times_s)
    return table


def write_table(path: Path, found: Predictions, skeleton: Skeleton, metas: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write the table of `wide_table`. Names that a spreadsheet would take for a formula are escaped by `cell`."""
    of_video = bool(metas) and "time_s" in metas[0]
    table = wide_table(
        [cell(name) for name in found.ids],
        [cell(name) for name in skeleton.joints],
        found.xy_px,
        found.score,
        [meta["frame"] for meta in metas] if of_video else (),
        ["" if meta["time_s"] is None else f"{meta['time_s']:.6f}" for meta in metas] if of_video else None,
    )
    with atomic_path(path) as temporary:
        table.to_csv(temporary, float_format="%.4f")


def write_coco_results(path: Path, found: Predictions, metas: Sequence[Mapping[str, Any]] = ()) -> None:
    """COCO keypoint results: image_id, category_id, keypoints x, y, score, the mean score, and the box.

    Ids of picture and category are those of the annotation file, so that the results can be scored against it. Pictures without an
    annotation file go by their id as text, and category 1; pictures that annotations name go by `file_name` too.
    """
    rows = []
    for i in np.flatnonzero(found.read).tolist():
        meta = metas[i] if metas else {}
        row = {
            "image_id": meta.get("image_id", found.ids[i]),
            "category_id": meta.get("category_id", 1),
            "keypoints": np.concatenate([found.xy_px[i], found.score[i, :, None]], -1).round(3).ravel().tolist(),
            "score": float(found.score[i].mean()),
            "bbox": found.box_xywh[i].round(2).tolist(),
        }
        rows.append(row | ({"file_name": meta["file_name"]} if "file_name" in meta else {}))
    atomic_json(path, rows)


def require_folder(folder: Path) -> None:
    """Checks before the work that results can be written to a folder, which need not be there yet.

    Raises:
        OptionError: a file lies where the folder, or one above it, should be, or a folder where a file of results should.
    """
    for path in (RunFolder(folder).predictions_csv, RunFolder(folder).predictions_json):
        if path.is_dir():
            found = f"{path} is a folder"
            raise OptionError("a folder to write to", found, "take it away, or name another one: --checkpoint FOLDER")
    for path in (folder, *folder.parents):
        if path.exists() or path.is_symlink():
            if not path.is_dir():
                raise OptionError(
                    "a folder to write to", f"{path} is a file", "name another folder: --checkpoint FOLDER"
                )
            return


def remove_overlays(folder: Path) -> None:
    """Remove overlays of an earlier prediction and temporary files of killed processes, but no picture of another name or size."""
    sweep(folder)
    for path in folder.glob("*.jpg") if folder.is_dir() else ():
        if _OVERLAY.fullmatch(path.name) and picture_size(path) == (OVERLAY_PX, OVERLAY_PX):
            path.unlink(missing_ok=True)
