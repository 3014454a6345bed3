"""Is there anything to learn, or to score? Counted before training from labels and boxes, without reading a picture."""

from __future__ import annotations

import numpy as np

from ..datasets.sample import PoseDataset
from ..errors import DataError
from ..pose.geometry import aspect_box
from ..progress import log


def check_labels(dataset: PoseDataset, size_hw: tuple[int, int], least_flag: int, purpose: str) -> None:
    """Refuse labelled data of which no joint would count, and say where most would not.

    Args:
        dataset: with labels; boxes, where it knows them without reading pictures, say which joints lie in the crops.
        size_hw: rows and columns of the crops.
        least_flag: smallest flag that counts: 1 for hidden joints too, 2 for those that are seen.
        purpose: of the data, after "joints to": "train on", "score on".

    Raises:
        DataError: every joint is unlabelled, hidden where hidden ones do not count, or outside its animal's crop.
    """
    if dataset.labels is None:
        raise DataError(
            f"labels to {purpose}", "a data set without labels", "coco:PATH.json, or a data set with labels"
        )
    xy, flags = (np.asarray(part) for part in dataset.labels)
    labelled, counted = flags > 0, flags >= least_flag
    inside = counted & _in_crops(dataset, xy, size_hw)
    name = str(dataset.describe().get("name", "the data"))
    hidden, outside = int((labelled & ~counted).sum()), int((counted & ~inside).sum())
    parts = [f"{hidden} of them hidden (flag 1)"] if hidden else []
    parts += [f"{outside} outside their animal's crop"] if outside else []
    found = f"{name}: {labelled.sum()} labelled joints" + (f", {', '.join(parts)}" if parts else "")
    if not inside.any():
        check = f"zoopose data check {name} shows flags, boxes and joints"
        remedy = f"--hidden train counts hidden joints; {check}" if hidden and purpose == "train on" else check
        seen = "joints that are labelled and seen" if least_flag > 1 else "labelled joints"
        raise DataError(f"{seen} to {purpose}, inside the crops around the animals' boxes", found, remedy)
    if 2 * outside > counted.sum():
        log.warning("%s: those do not count. Are the boxes those of the animals?", found)


def _in_crops(dataset: PoseDataset, xy_px: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """(N, K) whether a joint lies in its animal's crop; True where the box is not known, or the whole picture."""
    boxes = getattr(dataset, "boxes", None)
    if boxes is None or len(boxes) != len(xy_px):
        return np.ones(xy_px.shape[:2], bool)
    boxes = np.asarray(boxes, np.float64)
    corner = aspect_box(boxes, dataset.crop_factor, size_hw)
    sides = corner[:, 2:] * np.array([1, size_hw[0] / size_hw[1]])
    low, high = corner[:, None, :2] - 1, (corner[:, :2] + sides)[:, None]
    within: np.ndarray = ((xy_px >= low) & (xy_px <= high)).all(-1)
    no_box: np.ndarray = (boxes[:, 2] <= 0)[:, None]
    known: np.ndarray = within | no_box
    return known
