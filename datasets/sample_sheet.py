"""Draws a sheet of samples: the crops that the network sees, with the labelled joints."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..errors import DataError
from ..files import atomic_picture
from ..pose import geometry
from ..pose.draw import draw_pose
from .crops import crop_image
from .pictures import PictureError
from .sample import PoseDataset

TILE_PX = 256  # side of a crop on the sheet
_CAPTION_PX = 18  # height of the line below it
_PAPER, _INK = (250, 250, 250), (60, 60, 60)


def evenly_spaced(count: int, n: int | None) -> list[int]:
    """At most n whole numbers below `count`, evenly spaced from the first to the last; all of them for None."""
    if n is None or n >= count:
        return list(range(count))
    return sorted({int(i) for i in np.linspace(0, count - 1, n).round()}) if n > 0 else []


def overlay_sheet(dataset: PoseDataset, path: str | Path, n: int = 12, columns: int = 4) -> Path:
    """Writes a PNG sheet of n items, evenly spaced: the crops that the network sees, with the labelled joints.

    Args:
        dataset: with or without labels.
        path: where to write; the folder is created.
        n: how many items.
        columns: tiles in a row.

    Raises:
        DataError: the data set has no items.
    """
    indices = evenly_spaced(len(dataset), n)
    if not indices:
        raise DataError("at least one item to draw", f"{len(dataset)} items, {n} asked for")
    tiles = [_tile(dataset, i) for i in indices]
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], _PAPER[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    atomic_picture(Path(path).with_suffix(".png"), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    return Path(path).with_suffix(".png")


def _tile(dataset: PoseDataset, index: int) -> np.ndarray:
    """(TILE_PX + caption, TILE_PX, 3) uint8."""
    try:
        sample = dataset[index]
    except PictureError as error:
        crop, caption = np.full((TILE_PX, TILE_PX, 3), 200, np.uint8), f"{Path(error.path).name}: {error.reason}"
    else:
        square = geometry.square_box(sample.box_xywh, dataset.crop_factor)
        crop = crop_image(sample.image, square, TILE_PX)
        if dataset.skeleton.joints and sample.visible.any():
            xy = geometry.apply(geometry.crop_matrix(square, TILE_PX), sample.xy_px.astype(np.float64))
            crop = draw_pose(crop, xy, dataset.skeleton, sample.visible > 0)
        caption = str(sample.meta["id"])
    strip = np.full((_CAPTION_PX, TILE_PX, 3), _PAPER, np.uint8)
    # the end of an id tells items apart; cv2's font knows ASCII only
    text = caption.encode("ascii", "replace").decode()
    while cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 1)[0][0] > TILE_PX - 6:
        text = text[1:]
    cv2.putText(strip, text, (3, _CAPTION_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.36, _INK, 1, cv2.LINE_AA)
    return np.vstack([crop, strip])
