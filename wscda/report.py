"""What a report shows of a WS-CDA run beside scores and curves: the target's joints, and whether the domains can be told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..datasets.sample import PoseDataset
from ..datasets.sources import keep
from ..errors import DataError
from ..evaluation import report
from ..evaluation.predict import predict
from ..evaluation.runs import crop_of
from ..pose import checkpoints
from ..pose.atomic import atomic_path
from ..pose.draw import draw_pose

PICTURES = 24
PROBE = "probe.json"


def domain_blocks(folder: Path, target: PoseDataset | None, device: torch.device) -> list[report.Block]:
    """Blocks on a run's target: joints that its best network predicts there, and the domain probe where one was taken.

    Args:
        folder: the run's, with model_best.pth.tar.
        target: without labels; None where the run had none.
    """
    blocks: list[report.Block] = []
    probes = read_probes(folder)
    if probes:
        rows = [(name, 100 * p["accuracy"], *p["pictures"]) for name, p in probes.items()]
        note = (
            "A fresh linear classifier on the mean of the last feature map, tested on recordings it has not seen; 50 %: the "
            "domains look alike."
        )
        columns = ("network", "told rightly, %", "labelled pictures", "unlabelled pictures")
        blocks.append(report.Table("Can labelled and unlabelled animals be told apart?", columns, rows, note))
    if target is not None:
        blocks.append(_gallery(folder, target, device))
    return blocks


def _gallery(folder: Path, target: PoseDataset, device: torch.device) -> report.Gallery:
    network = checkpoints.load(folder / "model_best.pth.tar")
    rows = np.unique(np.linspace(0, len(target) - 1, min(PICTURES, len(target))).round().astype(int))
    some = keep(target, rows)
    found = predict(network.model.to(device), some, network.form, device, phase="target pictures for the report")
    items = []
    for i in np.flatnonzero(found.read):
        crop, (xy,) = crop_of(some, int(i), np.nan_to_num(found.xy_px[i]))
        picture = draw_pose(crop, xy, network.skeleton, found.score[i] > 0)
        items.append(report.Picture(picture, f"{found.ids[i]}: mean peak {found.score[i].mean():.2f}"))
    return report.Gallery("Unlabelled animals, as model_best sees them", items, "evenly spread; no label was read")


def write_probes(folder: Path, probes: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep probes, network's name -> `Probe.to_dict`, beside the run."""
    with atomic_path(folder / PROBE) as temporary:
        temporary.write_text(json.dumps(probes, indent=2) + "\n")


def read_probes(folder: Path) -> dict[str, Any]:
    """What `write_probes` wrote; empty without.

    Raises:
        DataError: when it cannot be read.
    """
    path = folder / PROBE
    try:
        return json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise DataError(
            "JSON that a run has written", f"{path}: {error}", "run the command of the run again"
        ) from error
