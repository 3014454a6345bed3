"""Pseudo-labelled frames as the report's page draws them: every frame's crop once, every round's joints as numbers over it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ...datasets.crops import crop_image
from ...datasets.pseudo_labels import REASONS, PseudoLabels
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...pose.geometry import apply, crop_matrix, square_box
from ...progress import track

SIDE = 208  # of a crop in the page, px
QUALITY = 72  # of its WebP, 0 to 100

# what the page says of every reason of `pseudo_labels.REASONS`
MEANINGS = {
    "admitted": "trained on",
    "unreadable": "no picture",
    "invariance": "views of other colour disagree",
    "equivariance": "turned, scaled, mirrored views disagree",
    "temporal": "flow from the neighbouring frame disagrees",
    "support": "admitted before, no longer confident enough",
    "share": "below the share this round admits",
}


def crops_of(dataset: PoseDataset, frames: Sequence[int]) -> dict[int, tuple[bytes, np.ndarray] | None]:
    """Crops of some frames.

    Args:
        dataset: the target.
        frames: rows of it; read in ascending order, so that a video is read once.

    Returns:
        row -> the crop as WebP, SIDE x SIDE px, and its crop_from_image (2, 3); None for a picture that cannot be read.
    """
    found: dict[int, tuple[bytes, np.ndarray] | None] = {}
    rows = sorted({int(i) for i in frames})
    for i in track(rows, "pictures of the report", len(rows)):
        try:
            sample = dataset[i]
        except DataError:
            found[i] = None  # named and counted when it was labelled
            continue
        square = square_box(sample.box_xywh, dataset.crop_factor)
        crop = crop_image(sample.image, square, SIDE)
        done, data = cv2.imencode(".webp", np.ascontiguousarray(crop[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        if not done:
            raise DataError("a picture that can be written as WebP", f"{dataset.ids[i]}: {crop.shape}")
        found[i] = data.tobytes(), crop_matrix(square, SIDE)
    return found


class LabelFrames:
    """Frames and labels of a page; see `report.Labels`.

    Args:
        dataset: the target.
        crops: of the frames that the page holds, from `crops_of`.
        picked: those of them that the gallery goes through; the others are there for other views.

    Attributes:
        data: plain data for the page: `joints`, `limbs`, `reasons` (name, meaning), `side`, `rounds` (numbers), `frames` (id and
            source of each), `picked` (indices into them) and, for every round, `labels`: `xy` (2 numbers a joint, px of the crop,
            null where there is none), `reason` (a digit a joint), `confidence` (percent), `checks` (px, null where not made).
    """

    def __init__(self, dataset: PoseDataset, crops: dict[int, tuple[bytes, np.ndarray] | None], picked: Sequence[int]):
        self._rows = np.array(sorted(crops), np.int64)
        self._at = {int(row): i for i, row in enumerate(self._rows)}
        nowhere = np.full((2, 3), np.nan)
        self._matrices = np.array([nowhere if crops[int(r)] is None else crops[int(r)][1] for r in self._rows])
        skeleton = dataset.skeleton
        self.data: dict[str, Any] = {
            "joints": list(skeleton.joints),
            "limbs": [[int(a), int(b)] for a, b in skeleton.limbs],
            "reasons": [[name, MEANINGS[name]] for name in REASONS],
            "side": SIDE,
            "rounds": [],
            "frames": [{"id": str(dataset.ids[r]), "source": _source(crops[int(r)])} for r in self._rows],
            "picked": [self._at[int(r)] for r in sorted(set(picked)) if int(r) in self._at],
            "labels": [],
        }

    def add_round(self, number: int, labels: PseudoLabels, label_rows: np.ndarray) -> None:
        """Labels of one round.

        Args:
            number: of the round.
            labels: of all frames.
            label_rows: (N,) for every row of the data set, its row in `labels`.
        """
        rows = label_rows[self._rows]
        xy = np.stack([apply(m, p) for m, p in zip(self._matrices, labels.xy_px[rows].astype(np.float64))])
        checks = labels.checks or {"views": labels.agreement_px}
        self.data["rounds"].append(int(number))
        self.data["labels"].append(
            {
                "xy": _numbers(xy),
                "reason": "".join(map(str, labels.reason[rows].ravel().tolist())),
                "confidence": np.rint(100 * np.clip(np.nan_to_num(labels.confidence[rows]), 0, 9.99)).astype(int).ravel().tolist(),
                "checks": {name: _numbers(found[rows]) for name, found in checks.items()},
            }
        )  # fmt: skip

    def index(self, row: int) -> int | None:
        """Place of a row of the data set among the page's frames; None where it is not there."""
        return self._at.get(int(row))


def _source(crop: tuple[bytes, np.ndarray] | None) -> str:
    return "" if crop is None else "data:image/webp;base64," + base64.b64encode(crop[0]).decode()


def _numbers(values: np.ndarray) -> list[float | None]:
    """Flat, to a tenth; None where there is none."""
    return [round(v, 1) if np.isfinite(v) else None for v in np.asarray(values, float).ravel().tolist()]
