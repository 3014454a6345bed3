"""Pseudo-labelled frames for the script in the page: the crop of every frame once, the joints of every round as numbers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ...datasets.crops import crop_image
from ...datasets.pseudo_labels import REASONS, PseudoLabels
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...pose.draw import stretch_contrast
from ...pose.geometry import apply, crop_matrix, square_box
from ...progress import track

SIDE = 208  # side of a crop in the page, px
QUALITY = 72  # of its WebP, 0 to 100

# what every reason of `pseudo_labels.REASONS` means, as the page explains it
MEANINGS = {
    "admitted": "trained on",
    "unreadable": "the picture cannot be read",
    "invariance": "views with other colours disagree",
    "equivariance": "rotated, scaled or mirrored views disagree",
    "temporal": "optical flow from the neighbouring frame disagrees",
    "support": "admitted before, but no longer confident enough",
    "share": "not among the most confident labels that this round admits",
}


Crop = tuple[bytes, np.ndarray]


def crops_of(dataset: PoseDataset, frames: Sequence[int]) -> dict[int, Crop | None]:
    """Crops of some frames.

    Args:
        dataset: the target.
        frames: rows of it; read in ascending order, so that a video is read once.

    Returns:
        row -> the crop as WebP, SIDE x SIDE px, and its crop_from_image (2, 3); None for a picture that cannot be read.

    Raises:
        DataError: OpenCV cannot write a crop as WebP.
    """
    crops: dict[int, Crop | None] = {}
    rows = sorted({int(i) for i in frames})
    for i in track(rows, "pictures of the report", len(rows)):
        try:
            sample = dataset[i]
        except DataError:
            crops[i] = None  # the labelling has reported it
            continue
        square = square_box(sample.box_xywh, dataset.crop_factor)
        crop = stretch_contrast(crop_image(sample.image, square, SIDE))
        done, data = cv2.imencode(".webp", np.ascontiguousarray(crop[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        if not done:
            raise DataError("a picture that can be written as WebP", f"{dataset.ids[i]}: {crop.shape}")
        crops[i] = data.tobytes(), crop_matrix(square, SIDE)
    return crops


class LabelFrames:
    """Frames and labels of a page, as `blocks.LabelsBlock` holds them.

    Args:
        dataset: the target.
        crops: of the frames that the page holds, from `crops_of`.
        picked: rows of the frames that the gallery shows; the other frames belong to other views.

    Attributes:
        data: plain data for the page: `joints`, `limbs`, `reasons` (name, meaning), `side`, `rounds` (numbers), `frames` (id and
            source of each), `picked` (indices into them) and, for every round, `labels`: `xy` (2 numbers a joint, px of the crop,
            null where there is none), `reason` (a digit a joint), `confidence` (percent), `checks` (px, null where not made).
    """

    def __init__(self, dataset: PoseDataset, crops: Mapping[int, Crop | None], picked: Sequence[int]):
        rows = sorted(crops)
        self._rows = np.array(rows, np.int64)
        self._place = {row: i for i, row in enumerate(rows)}
        unknown = np.full((2, 3), np.nan)
        self._matrices = np.array([unknown if (crop := crops[row]) is None else crop[1] for row in rows])
        skeleton = dataset.skeleton
        self.data: dict[str, Any] = {
            "joints": list(skeleton.joints),
            "limbs": [[int(a), int(b)] for a, b in skeleton.limbs],
            "reasons": [[name, MEANINGS[name]] for name in REASONS],
            "side": SIDE,
            "rounds": [],
            "frames": [{"id": str(dataset.ids[row]), "source": _source(crops[row])} for row in rows],
            "picked": [self._place[int(row)] for row in sorted(set(picked)) if int(row) in self._place],
            "labels": [],
        }

    def add_round(self, number: int, labels: PseudoLabels, reason: np.ndarray, label_rows: np.ndarray) -> None:
        """Add the labels of one round.

        Args:
            number: of the round.
            labels: of all frames.
            reason: (M, K) reason of every label, see `label_rounds.read_labels`.
            label_rows: (N,) for every row of the data set, its row in `labels`.
        """
        rows = label_rows[self._rows]
        xy = np.stack([apply(m, p) for m, p in zip(self._matrices, labels.xy_px[rows].astype(np.float64))])
        checks = labels.checks or {"views": labels.agreement_px}
        self.data["rounds"].append(int(number))
        confidence = np.rint(100 * np.clip(np.nan_to_num(labels.confidence[rows]), 0, 9.99)).astype(int)
        self.data["labels"].append(
            {
                "xy": _numbers(xy),
                "reason": "".join(map(str, reason[rows].ravel().tolist())),
                "confidence": confidence.ravel().tolist(),
                "checks": {name: _numbers(distances[rows]) for name, distances in checks.items()},
            }
        )

    def index(self, row: int) -> int | None:
        """Place of a row of the data set among the page's frames; None for a frame that the page does not hold."""
        return self._place.get(int(row))


def _source(crop: Crop | None) -> str:
    """The picture as a data address; empty without a picture."""
    return "" if crop is None else "data:image/webp;base64," + base64.b64encode(crop[0]).decode()


def _numbers(values: np.ndarray) -> list[float | None]:
    """Flat list, rounded to one decimal; None for a value that is not finite."""
    return [round(v, 1) if np.isfinite(v) else None for v in np.asarray(values, float).ravel().tolist()]
