"""Poses as COCO's results have them: picture, category, joints with scores, one score; from a network, from and to a JSON
file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.coco.truth import CocoTruth
from ..datasets.json_values import Ids, is_number, kind_of
from ..errors import DataError
from ..files import atomic_json, plain, read_json, refuse_any

_RESULTS = (
    "COCO keypoint results: a JSON list of objects with image_id, category_id, keypoints [x, y, score, ...] and score"
)


@dataclass(eq=False)
class PoseResults:
    """M poses.

    Attributes:
        image_ids, category_ids: M each, as in the truth.
        poses: (M, K, 3) float64 x, y in px and the joint's score.
        scores: (M,) float64.
        boxes: M boxes x, y, w, h of a file that has them, or None; COCO's evaluation takes the area from them.
        left_out: reason -> results of a file that are not there.
    """

    image_ids: list
    category_ids: list
    poses: np.ndarray
    scores: np.ndarray
    boxes: list | None = None
    left_out: Counter = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, rows: np.ndarray) -> PoseResults:
        """Some of the poses, in the order of the indices."""
        image_ids, category_ids = ([ids[i] for i in rows] for ids in (self.image_ids, self.category_ids))
        boxes = None if self.boxes is None else [self.boxes[i] for i in rows]
        return PoseResults(image_ids, category_ids, self.poses[rows], self.scores[rows], boxes, self.left_out)

    def entries(self) -> list[dict[str, Any]]:
        """Plain data, as in a results file."""
        found = []
        for i, (image_id, category_id) in enumerate(zip(self.image_ids, self.category_ids)):
            own = {"image_id": image_id, "category_id": category_id, "keypoints": self.poses[i].ravel().tolist()}
            own |= {"score": float(self.scores[i])}
            found.append(own | ({"bbox": self.boxes[i]} if self.boxes is not None else {}))
        return found

    def write(self, path: Path) -> None:
        """Write a results file, whole or not at all."""
        atomic_json(path, self.entries())


def read_results(path: Path, truth: CocoTruth, joints: int) -> PoseResults:
    """Read a results file that any program wrote.

    Results of pictures or categories that the truth does not have are left out and counted. A truth of one category that is its own
    making (a set that is no COCO file) takes results of any category. A picture may be named by `file_name` in place of
    `image_id`. An id 1.0 or "1" means 1, see `schema.Ids`.

    Raises:
        DataError: no such file, results that are not of these joints or no proper numbers, or none of the truth's pictures.
    """
    data = read_json(path, _RESULTS, "give the path of the results")
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        what = f"an object of {len(data)}" if isinstance(data, dict) else f"a {type(data).__name__} of other things"
        raise DataError(_RESULTS, f"{path}: {what}")
    lost = [i for i, e in enumerate(data) if not isinstance(e.get("keypoints"), list)]
    refuse_any("keypoints in every result", lost, "result", path)
    lost = [i for i, e in enumerate(data) if len(e["keypoints"]) != 3 * joints]
    length = f" ({len(data[lost[0]]['keypoints']) if lost else 0} numbers)"
    refuse_any(f"3 x {joints} numbers x, y, score in every result, for {joints} joints", lost, "result", path, length)
    lost = [i for i, e in enumerate(data) if not _numbers([*e["keypoints"], e.get("score")])]
    refuse_any("finite numbers and a score in every result", lost, "result", path)
    names = {image["file_name"]: image["id"] for image in truth.images}
    # a file may name one picture twice: such a name identifies no picture
    counts = Counter(image["file_name"] for image in truth.images)
    names = {name: i for name, i in names.items() if counts[name] == 1}
    images, categories = (Ids({own["id"]: True for own in part}) for part in (truth.images, truth.categories))
    kept: list[tuple[Any, Any, dict[str, Any]]] = []
    left_out: Counter[str] = Counter()
    for entry in data:
        image_id = images.find(entry["image_id"]) if "image_id" in entry else None
        if image_id not in images.known:
            image_id = _named(entry.get("file_name"), names)
        category = next(iter(categories.known)) if truth.one_category else categories.find(entry.get("category_id"))
        if image_id not in images.known:
            left_out["of a picture that is not in the data"] += 1
        elif category not in categories.known:
            left_out["of another category"] += 1
        else:
            kept.append((image_id, category, entry))
    if data and not kept:
        ids = ", ".join(plain(repr(image["id"])) for image in truth.images[:3])
        own = ", ".join(plain(str(i)) for i in list(categories.known)[:12])
        expected = f"results of the {len(images.known)} pictures of the data, {ids}, ..., and of category {own}"
        picture, category = (kind_of(data[0].get(key)) for key in ("image_id", "category_id"))
        first = f"the first has {picture} for image_id, {category} for category_id"
        raise DataError(expected, f"{path}: {len(data)} results, none of these; {first}")
    boxed = bool(kept) and all(_numbers(e.get("bbox")) and len(e["bbox"]) == 4 for *_, e in kept)
    return PoseResults(
        [image_id for image_id, *_ in kept],
        [category for _, category, _ in kept],
        np.array([e["keypoints"] for *_, e in kept], float).reshape(len(kept), joints, 3),
        np.array([e["score"] for *_, e in kept], float),
        [e["bbox"] for *_, e in kept] if boxed else None,
        left_out,
    )


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(is_number, values))


def _named(name: Any, names: Mapping[str, Any]) -> Any:
    return names.get(name) if isinstance(name, str) else None


def given_to_animals(
    results: PoseResults,
    items: Sequence[tuple[Any, Any]],
    xy_true: np.ndarray,
    visible: np.ndarray,
    box_xywh: np.ndarray,
) -> np.ndarray:
    """Which result each animal of a data set gets, for scores that are taken animal by animal.

    As in COCO's evaluation results choose, best scores first (equal ones in their order), among the animals of their picture and
    category that none has chosen; here by the mean distance over the labelled joints in longer sides of the box, and an animal
    that is further off than one such side is not chosen.

    Args:
        results: M poses.
        items: N pairs (image_id, category_id).
        xy_true, visible: (N, K, 2) and (N, K).
        box_xywh: (N, 4).

    Returns:
        (N,) int64 rows of the results, -1 for an animal without one.
    """
    animals: dict[tuple, list[int]] = {}
    for i, key in enumerate(items):
        animals.setdefault(tuple(key), []).append(i)
    side = np.maximum(np.asarray(box_xywh, float)[:, 2:].max(-1), 1e-6)
    chosen = np.full(len(items), -1, np.int64)
    for row in np.argsort(-results.scores, kind="stable"):
        free = [i for i in animals.get((results.image_ids[row], results.category_ids[row]), ()) if chosen[i] < 0]
        if not free:
            continue
        labelled = visible[free] > 0
        distance = np.linalg.norm(results.poses[row, :, :2] - xy_true[free], axis=-1)
        mean = np.where(labelled, distance, 0).sum(-1) / np.maximum(labelled.sum(-1), 1) / side[free]
        best = int(mean.argmin())
        if mean[best] <= 1:
            chosen[free[best]] = row
    return chosen


def summary(left_out: Mapping[str, int], what: str) -> str:
    """One line on what was left out, or an empty text."""
    if not left_out:
        return ""
    return f"{sum(left_out.values())} {what} left out: " + ", ".join(f"{n} {reason}" for reason, n in left_out.items())
