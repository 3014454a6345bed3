"""What a data set does not take as its files have it, said once where a command opens it."""

from __future__ import annotations

from ..datasets.sample import PoseDataset
from ..progress import log

ORDINARY = ("a crowd", "no labelled joint", "iscrowd")  # which files in COCO's form have, and that are no mistakes


def warn_of_data(dataset: PoseDataset) -> None:
    """One line each on annotations that are left out, that are not taken as they stand, and that look wrong; none where there are
    none such."""
    name = getattr(dataset, "name", "the data")
    skipped = {why: ids for why, ids in getattr(dataset, "skipped", {}).items() if why not in ORDINARY}
    if skipped:
        count = sum(map(len, skipped.values()))
        log.warning("%s: %d annotations left out: %s; the first is %s", name, count, _counts(skipped), _first(skipped))
    mended = getattr(dataset, "mended", {})
    if mended:
        log.warning("%s: not taken as they stand: %s", name, _counts(mended))
    doubts = getattr(dataset, "doubts", ())
    if doubts:
        log.warning("%s: %s; zoopose data check shows them", name, "; ".join(doubts))


def _counts(reasons: dict[str, list]) -> str:
    return ", ".join(f"{len(ids)} {why}" for why, ids in reasons.items())


def _first(reasons: dict[str, list]) -> str:
    return str(next(iter(reasons.values()))[0])
