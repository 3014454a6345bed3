"""Line charts of a report from the columns of a run's log."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..run_folder import RunFolder
from ..run_log import read_log
from .blocks import CurvesBlock

# column of log.csv -> what the report calls it; others keep their name (of training and self-check without the part before '/')
NAMES = {
    "train/total": "total loss",
    "train/source": "loss on labelled pictures",
    "train/target": "loss on pseudo-labels",
    "val/loss": "validation loss",
    "val/pck": "validation, PCK@0.05",
    "val/acc": "validation, accuracy of heatmap cells",
    "train/acc": "training, accuracy of heatmap cells",
    "labels/published_acc": "pseudo-labels, accuracy of heatmap cells",
    "selfcheck/score": "score (geometric mean of the others)",
    "selfcheck/views": "agreement with mirrored frames",
    "selfcheck/source": "PCK on the source's validation data",
    "selfcheck/teacher": "agreement with the teacher",
    "selfcheck/neighbours": "agreement with neighbouring frames",
}
NO_LOSS = ("train/loss", "train/acc", "train/alpha")  # columns of training that are no losses, or are shown elsewhere
ACCURACY = "train/acc_"  # columns of the discriminators: `train/acc_human_animal`


def curves_of(folder: RunFolder) -> list[CurvesBlock]:
    """Losses and scores over the epochs.

    Raises:
        DataError: the folder has no log, or a damaged one.
    """
    columns = read_log(folder)
    epoch = columns["epoch"]
    losses = {
        _name(k): (epoch, v)
        for k, v in columns.items()
        if k.startswith("train/") and k not in NO_LOSS and not k.startswith(ACCURACY)
    }
    scores = {_name(k): (epoch, 100 * v) for k, v in columns.items() if k.endswith(("/pck", "/acc", "_acc"))}
    domains = {
        k.removeprefix(ACCURACY).replace("_", " / "): (epoch, 100 * v)
        for k, v in columns.items()
        if k.startswith(ACCURACY)
    }
    label_free = {_name(k): (epoch, v) for k, v in columns.items() if k.startswith("selfcheck/")}
    curves = [
        CurvesBlock("Losses", losses, "epoch", "loss", "Means over the batches of an epoch."),
        CurvesBlock(
            "Scores while training",
            scores,
            "epoch",
            "right, %",
            "PCK: share of the visible joints within 0.05 of the crop's side (exact/crop). Accuracy of heatmap cells: the same "
            "idea, counted on whole cells of the heatmaps.",
        ),
    ]
    if domains:
        note = "Mean over both domains of the share that the discriminator recognises. 50 %: it cannot tell them apart."
        curves.append(CurvesBlock("Domain discriminator", domains, "epoch", "right, %", note))
    if "guard/box_fill" in columns:
        curves.append(_box_fill(columns))
    if label_free:
        note = "Computed without target labels. Higher is better."
        curves.append(CurvesBlock("Label-free score", label_free, "epoch", "score", note))
    return curves


def _box_fill(columns: Mapping[str, np.ndarray]) -> CurvesBlock:
    """Distance of the box fill over the epochs, with the start network's at epoch 0, and the limit."""
    epoch, limit = columns["epoch"], columns["guard/limit"]
    known = np.flatnonzero(np.isfinite(limit))
    x = np.concatenate([[0.0], epoch])
    start = columns["guard/start"][known[0]] if len(known) else math.nan
    series = {
        "box fill": (x, np.concatenate([[start], columns["guard/box_fill"]])),
        "limit": (x, np.full(len(x), limit[known[0]] if len(known) else math.nan)),
    }
    note = (
        "How differently the poses on the target fill their boxes, compared with the labelled poses of the source, in standard "
        "deviations of the source. No target label was read. Above the limit the run ends, and model_best is the network that "
        "the run began with."
    )
    return CurvesBlock("Box fill", series, "epoch", "distance", note)


def _name(column: str) -> str:
    group, _, name = column.partition("/")
    return NAMES.get(column) or (name if group in ("train", "selfcheck") else column).replace("_", " ")
