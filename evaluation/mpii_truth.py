"""What MPII's people are scored against: joints and head sizes from gt_valid.mat where it is there, else from the JSON files; and
predictions in its form, preds*.mat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import savemat

from ..datasets.isolated_reader import UnreadableFileError, read_isolated, real_numbers
from ..datasets.mpii import Mpii
from ..errors import DataError
from ..files import atomic_path
from ..pose.skeleton import MPII16
from .pckh import head_size

# joint names as the published .mat files have them, in MPII16's order
_NAMES = "rank rkne rhip lhip lkne lank pelv thor neck head rwri relb rsho lsho lelb lwri".split()
_NECK, _TOP = MPII16.joints.index("upper_neck"), MPII16.joints.index("head_top")
_LAYOUT = "pos_gt_src (16, 2, N), headboxes_src (2, 2, N) and jnt_missing (16, N)"
_TRUTH = ("pos_gt_src", "headboxes_src", "jnt_missing")
_PREDS = "predictions of MPII: a .mat file with preds (N, 16, 2)"
HEAD_BOX, HEAD_JOINTS = "0.6 x diagonal of the head box", "upper neck to head top, since there are no head boxes"


@dataclass(frozen=True, eq=False)
class MpiiTruth:
    """P people, those of a whole file that the data set leaves out among them.

    Attributes:
        xy: (P, 16, 2) px counted from 1, as the files do.
        labelled: (P, 16) bool; False in all of a person that cannot be scored for want of a head size.
        head_px: (P,).
        items: (M,) place of the data set's items among the people.
        file_rows: (P,) place of the people in their file, of `file_count`.
        file_count: people in the file, or files.
        head: what the head size is, HEAD_BOX or HEAD_JOINTS.
        source: the file.
        headless: people left out for want of a head size.
    """

    xy: np.ndarray
    labelled: np.ndarray
    head_px: np.ndarray
    items: np.ndarray
    file_rows: np.ndarray
    file_count: int
    head: str
    source: Path
    headless: int = 0

    def of_all(self, xy: np.ndarray) -> np.ndarray:
        """(P, 16, 2) from (M, 16, 2) of the data set's items; nan for the people it leaves out."""
        everyone = np.full(self.xy.shape, np.nan)
        everyone[self.items] = xy
        return everyone


def read_mpii_truth(dataset: Mpii) -> MpiiTruth:
    """The truth of a data set.

    gt_<split>.mat beside the one file that was read is what the published codes score against: everyone in it, also whom the data
    set leaves out. Else the JSON files' joints, with their head boxes; where these lack too, the head size is the distance from
    upper neck to head top, and the numbers compare with no others.

    Raises:
        DataError: a set without labels, or a .mat file that is no such, or of other people.
    """
    if dataset.labels is None:
        raise DataError("labelled joints to score against", f"{dataset.name} without labels")
    m = len(dataset)
    metas = [dataset.meta_of(i) for i in range(m)]
    path, count = dataset.people[0]
    rows = np.array([meta["row"] for meta in metas])
    if len(dataset.people) > 1:
        rows, count = np.arange(m), m
    beside = path.with_name(f"gt_{path.stem}.mat")
    if len(dataset.people) == 1 and beside.is_file():
        xy, labelled, corners = read_gt_mat(beside)
        if len(xy) != count:
            remedy = "put the file of these people there"
            raise DataError(f"the {count} people of {path.name}", f"{beside}: {len(xy)}", remedy)
        # a split that is drawn takes some people of the file, one that is a file takes all
        own = rows if dataset.split_rule and dataset.split != "all" else np.arange(count)
        items = np.searchsorted(own, rows)
        head_px = head_size(corners[own])
        return _truth(
            xy[own], labelled[own], head_px, items=items, file_rows=own, file_count=count, head=HEAD_BOX, source=beside
        )
    xy, labelled = dataset.labels[0].astype(float) + 1, dataset.labels[1] > 0
    boxes = [meta.get("head_box_xyxy") for meta in metas]
    head, head_px = HEAD_BOX, head_size(np.reshape([box or [0] * 4 for box in boxes], (-1, 2, 2)))
    if not any(boxes):
        both = labelled[:, _TOP] & labelled[:, _NECK]
        head, head_px = HEAD_JOINTS, np.where(both, np.linalg.norm(xy[:, _TOP] - xy[:, _NECK], axis=-1), 0)
    return _truth(xy, labelled, head_px, items=np.arange(m), file_rows=rows, file_count=count, head=head, source=path)


def _truth(
    xy: np.ndarray,
    labelled: np.ndarray,
    head_px: np.ndarray,
    *,
    items: np.ndarray,
    file_rows: np.ndarray,
    file_count: int,
    head: str,
    source: Path,
) -> MpiiTruth:
    """People without a head size are not scored, and counted.

    Raises:
        DataError: no person has one.
    """
    known = np.isfinite(head_px) & (head_px > 0)
    if not known.any():
        remedy = "put gt_valid.mat beside valid.json"
        raise DataError("head boxes, or upper necks and head tops, to take head sizes from", f"{source}: none", remedy)
    labelled, head_px = labelled & known[:, None], np.where(known, head_px, 1.0)
    return MpiiTruth(xy, labelled, head_px, items, file_rows, file_count, head, source, int((~known).sum()))


def read_gt_mat(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """gt_valid.mat, or bearpaw's detections_our_format.mat, which has the same arrays.

    Returns:
        xy (N, 16, 2) counted from 1, labelled (N, 16) bool, corners of the head boxes (N, 2, 2), joints in MPII16's order.

    Raises:
        DataError: another file.
    """
    found = _loaded(path, f"MPII's truth: {_LAYOUT}", _TRUTH)
    xy, corners, missing = (found[key] for key in _TRUTH)
    n = xy.shape[-1]
    if xy.shape != (16, 2, n) or corners.shape != (2, 2, n) or missing.shape != (16, n):
        raise DataError(_LAYOUT, f"{path}: {xy.shape}, {corners.shape} and {missing.shape}")
    order = np.arange(16)
    if "dataset_joints" in found:
        names = [str(np.squeeze(name)) for name in np.ravel(found["dataset_joints"])]
        if sorted(names) != sorted(_NAMES):
            raise DataError(f"the 16 joints of MPII: {', '.join(_NAMES)}", f"{path}: {', '.join(names)}")
        order = np.array([names.index(name) for name in _NAMES])
    return np.moveaxis(xy, -1, 0)[:, order], np.moveaxis(missing, -1, 0)[:, order] == 0, np.moveaxis(corners, -1, 0)


def read_preds(path: Path, truth: MpiiTruth) -> np.ndarray:
    """(P, 16, 2) predictions of the truth's people, px counted from 1, nan where there is none.

    The file has a row for everyone in the JSON file, as the published codes write it, or for every item of the data set.
    Published files count from 1; files of zoopose name their origin in `counted_from`. A joint at (-1, -1) is one without a
    prediction.

    Raises:
        DataError: another file, or of another number of people.
    """
    found = _loaded(path, _PREDS, ("preds",))
    preds = found["preds"]
    if preds.ndim != 3 or preds.shape[1:] != (16, 2) or len(preds) not in (truth.file_count, len(truth.items)):
        expected = f"preds ({truth.file_count}, 16, 2), for the people of {truth.source}"
        raise DataError(
            expected, f"{path}: {preds.shape}", "name the split that was predicted: --split train, valid or all"
        )
    missing = ~np.isfinite(preds).all(-1) | (preds == -1).all(-1)
    first = np.ravel(found.get("counted_from", 1))[:1].tolist()
    if first not in ([0], [1]):
        raise DataError(_PREDS, f"{path}: counted_from {first}, which is 0 or 1", "predict again")
    preds = np.where(
        missing[..., None], np.nan, preds + (1 - first[0])
    )  # unchanged to the last bit where it counts from 1
    return preds[truth.file_rows] if len(preds) == truth.file_count else truth.of_all(preds)


def write_preds(path: Path, preds: np.ndarray) -> None:
    """Write predictions (N, 16, 2), px counted from 1, as the published codes do; -1 for a joint without one."""
    with atomic_path(path) as temporary:
        savemat(temporary, {"preds": np.nan_to_num(preds, nan=-1), "counted_from": 1}, appendmat=False)


def _loaded(path: Path, expected: str, keys: tuple[str, ...]) -> dict:
    """The variables of a .mat file, those of `keys` as float64."""
    try:
        found = read_isolated("mat", path)
        return {**found, **{key: real_numbers(found, key) for key in keys}}
    except UnreadableFileError as error:
        raise DataError(expected, f"{path}: {error}", "give the path of such a file") from error
