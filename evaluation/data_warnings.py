"""Warnings about annotations that a data set leaves out, has corrected, or doubts; logged when a command opens the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..datasets.sample import PoseDataset
from ..progress import log

ORDINARY = (
    "a crowd",
    "no labelled joint",
    "iscrowd",
)  # reasons that every COCO file may have, and that are no mistakes


def warn_of_data(dataset: PoseDataset) -> None:
    """Log one line each about annotations that are left out, that were corrected, and that look wrong, if there are any."""
    name = getattr(dataset, "name", "the data")
    skipped = {why: ids for why, ids in getattr(dataset, "skipped", {}).items() if why not in ORDINARY}
    if skipped:
        count = sum(map(len, skipped.values()))
        log.warning("%s: %d annotations left out: %s; the first is %s", name, count, _counts(skipped), _first(skipped))
    mended = getattr(dataset, "mended", {})
    if mended:
        log.warning("%s: corrected annotations: %s", name, _counts(mended))
    doubts = getattr(dataset, "doubts", ())
    if doubts:
        log.warning("%s: %s; zoopose data check shows them", name, "; ".join(doubts))


def _counts(reasons: Mapping[str, Sequence[object]]) -> str:
    return ", ".join(f"{len(ids)} {why}" for why, ids in reasons.items())


def _first(reasons: Mapping[str, Sequence[object]]) -> str:
    return str(next(iter(reasons.values()))[0])
