"""PCKh of MPII: joints right within a share of the head's size, with the three means that published codes call by one name.

The head size is 0.6 x the diagonal of the annotated head box. What differs between the codes:

| definition | right when | mean over |
|---|---|---|
| `hrnet` | error <= share | 14 joints (no pelvis, no thorax), weighted by their instances |
| `bearpaw` | error < share | the same 14 joints, each weighing the same |
| `princeton` | error < share | all instances of all 16 joints together |

`hrnet` is SimpleBaseline's, HRNet's, LPN's, DARK's, UDP's and OmniPose's; the others are bearpaw/pytorch-pose and
princeton-vl/pytorch_stacked_hourglass.

"Mean@0.1" in the tables of the HRNet family is row 11 of thresholds 0, 0.01, ...: 0.11 (issue 167 of its repository). Here 0.1 is
0.1, and the other is called 0.11.
Source: the repositories' lib/dataset/mpii.py, evaluation/eval_PCKh.py, test.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import OptionError, ZooposeError
from ..pose.skeleton import MPII16
from .metrics import Share

Definition = Literal["hrnet", "bearpaw", "princeton"]
DEFINITIONS: tuple[Definition, ...] = ("hrnet", "bearpaw", "princeton")
HEAD_SHARE = 0.6  # of the head box's diagonal
CURVE = np.arange(0, 0.51, 0.01)  # the published thresholds; row 10 is 0.1, row 11 what is called Mean@0.1
UNSCORED = (6, 7)  # pelvis and thorax
# of the definitions with 14 joints: the upper neck is in the mean and in no group, the head is its top alone
GROUPS = {**MPII16.groups, "head": (9,)}
# of the pooled definition
PRINCETON_GROUPS = {
    "ankle": (0, 5),
    "knee": (1, 4),
    "hip": (2, 3),
    "pelvis": (6,),
    "thorax": (7,),
    "neck": (8,),
    "head": (9,),
    "wrist": (10, 15),
    "elbow": (11, 14),
    "shoulder": (12, 13),
}


@dataclass(frozen=True, eq=False)
class Pckh:
    """PCKh by one definition at one threshold; shares 0..1, nan where nothing was scored.

    Attributes:
        definition, threshold: how it was computed.
        joints: (16,) float64.
        n: (16,) int64 instances.
        mean: by the definition.
        groups: name -> share and instances; of `hrnet` and `bearpaw` the plain mean of left and right, of `princeton` pooled.
    """

    definition: Definition
    threshold: float
    joints: np.ndarray
    n: np.ndarray
    mean: float
    groups: Mapping[str, Share]


def head_size(head_corners: np.ndarray) -> np.ndarray:
    """(N,) px: 0.6 x the diagonal of head boxes (N, 2, 2), upper left and lower right corner."""
    head_corners = np.asarray(head_corners, float)
    return np.linalg.norm(head_corners[:, 1] - head_corners[:, 0], axis=-1) * HEAD_SHARE


def head_errors(xy_pred: np.ndarray, xy_true: np.ndarray, head_px: np.ndarray) -> np.ndarray:
    """(N, 16) errors in head sizes, inf where nothing was predicted.

    Args:
        xy_pred, xy_true: (N, 16, 2) in one frame, both counted from 0 or both from 1.
        head_px: (N,) from `head_size`.

    Raises:
        ZooposeError: other shapes, or a head without a size.
    """
    xy_pred, xy_true, head_px = np.asarray(xy_pred, float), np.asarray(xy_true, float), np.asarray(head_px, float)
    n, k = len(xy_true), len(MPII16)
    if xy_true.shape != (n, k, 2) or xy_pred.shape != xy_true.shape or head_px.shape != (n,):
        found = f"{xy_pred.shape}, {xy_true.shape} and {head_px.shape}"
        raise ZooposeError(f"joints (N,{k},2), predicted and true, and head sizes (N,)", found)
    bad = ~(np.isfinite(head_px) & (head_px > 0))
    if bad.any():
        raise ZooposeError("positive, finite head sizes", f"{head_px[bad][0]} for person {np.flatnonzero(bad)[0]}")
    errors = np.linalg.norm(xy_pred - xy_true, axis=-1) / head_px[:, None]
    return np.where(np.isfinite(xy_pred).all(-1), errors, np.inf)


def pckh(errors: np.ndarray, labelled: np.ndarray, threshold: float = 0.5, definition: Definition = "hrnet") -> Pckh:
    """PCKh by one of the published definitions.

    Joints without an instance have no share and no part in a mean (the published codes divide by zero there).

    Args:
        errors: (N, 16) from `head_errors`.
        labelled: (N, 16) bool, the joints to score.
        threshold: share of the head size.

    Raises:
        OptionError: an unknown definition.
    """
    if definition not in DEFINITIONS:
        raise OptionError(f"a definition of PCKh: {', '.join(DEFINITIONS)}", repr(definition))
    errors, labelled = np.asarray(errors, float), np.asarray(labelled, bool)
    right = ((errors <= threshold) if definition == "hrnet" else (errors < threshold)) & labelled
    right, n = right.sum(0), labelled.sum(0)
    joints = _share(right, n)
    scored = np.setdiff1d(np.flatnonzero(n), UNSCORED)
    if definition == "princeton":
        mean = float(_share(right.sum(), n.sum()))
        groups = {name: _pooled(right[list(own)], n[list(own)]) for name, own in PRINCETON_GROUPS.items()}
    else:
        weights = n[scored] if definition == "hrnet" else np.ones(len(scored))
        mean = float((joints[scored] * weights).sum() / weights.sum()) if len(scored) else float("nan")
        groups = {name: _averaged(joints[list(own)], n[list(own)]) for name, own in GROUPS.items()}
    return Pckh(definition, float(threshold), joints, n, mean, groups)


def pckh_curve(errors: np.ndarray, labelled: np.ndarray, definition: Definition = "hrnet") -> list[Pckh]:
    """`pckh` at the published thresholds `CURVE`."""
    return [pckh(errors, labelled, threshold, definition) for threshold in CURVE]


def _share(right, n) -> np.ndarray:
    right, n = np.asarray(right, float), np.asarray(n, float)
    return np.divide(right, n, out=np.full(n.shape, np.nan), where=n > 0)


def _pooled(right: np.ndarray, n: np.ndarray) -> Share:
    return Share(float(_share(right.sum(), n.sum())), int(n.sum()))


def _averaged(joints: np.ndarray, n: np.ndarray) -> Share:
    known = joints[n > 0]
    return Share(float(known.mean()) if len(known) else float("nan"), int(n.sum()))
