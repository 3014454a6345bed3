"""What a report shows of a WS-CDA run beside scores and curves: the target's joints, and whether the domains can be told apart."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..datasets.sample import PoseDataset
from ..datasets.views import Subset, Unlabelled
from ..errors import DataError
from ..evaluation.inference import predict
from ..evaluation.report import page as report
from ..evaluation.report.runs import crop_of
from ..evaluation.run_folder import RunFolder
from ..files import atomic_json
from ..pose import checkpoints
from ..pose.draw import draw_pose
from ..pose.skeleton import Skeleton
from ..train.selftraining.labeller import fingerprint

PICTURES = 24


def domain_blocks(folder: RunFolder, target: PoseDataset | None, device: torch.device) -> list[report.Block]:
    """Blocks on a run's target: joints that its best network predicts there, and the domain probe where one was taken.

    Args:
        folder: the run's, with model_best.pth.tar, or with what `sample_target` kept of it.
        target: without labels; None where the run had none.
    """
    blocks: list[report.Block] = []
    if probes := _read(folder.probe):
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


def _gallery(folder: RunFolder, target: PoseDataset, device: torch.device) -> report.Gallery:
    told = _read(folder.target_sample)
    if told is None or _mark(folder, target) not in (None, told["mark"]):
        told = sample_target(folder, target, device)
    skeleton = Skeleton.from_dict(told["skeleton"])
    items = []
    for row, xy_px, score in zip(told["rows"], told["xy_px"], told["score"]):
        crop, (xy,) = crop_of(target, row, np.asarray(xy_px))
        picture = draw_pose(crop, xy, skeleton, np.asarray(score) > 0)
        items.append(report.Picture(picture, f"{target.ids[row]}: mean peak {np.mean(score):.2f}"))
    return report.Gallery("Unlabelled animals, as model_best sees them", items, "evenly spread; no label was read")


def sample_target(folder: RunFolder, target: PoseDataset, device: torch.device) -> dict[str, Any]:
    """What a run's best network predicts on some pictures of the target, evenly spread; kept beside the run."""
    network = checkpoints.load(folder.best)
    rows = np.unique(np.linspace(0, len(target) - 1, min(PICTURES, len(target))).round().astype(int))
    some = Subset(Unlabelled(target, network.skeleton), rows)
    found = predict(network.model.to(device), some, network.spec, device, phase="target pictures for the report")
    read = np.flatnonzero(found.read)
    told = {
        "mark": _mark(folder, target),
        "skeleton": network.skeleton.to_dict(),
        "rows": rows[read].tolist(),
        "xy_px": found.xy_px[read].round(2).tolist(),
        "score": found.score[read].round(4).tolist(),
    }
    _write(folder.target_sample, told)
    return told


def _mark(folder: RunFolder, target: PoseDataset) -> str | None:
    """Short mark of the best network and the frames, to which a sample belongs; None where a run's checkpoints are gone."""
    path = folder.best
    if not path.is_file():
        return None
    return f"{fingerprint(checkpoints.load(path).model)}-{zlib.crc32(repr(list(target.ids)).encode()):08x}"


def forget(folder: RunFolder) -> None:
    """Remove what an earlier run has left in the folder for its report."""
    for path in (folder.probe, folder.target_sample):
        path.unlink(missing_ok=True)


def write_probes(folder: RunFolder, probes: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep probes, network's name -> `Probe.to_dict`, beside the run."""
    _write(folder.probe, probes)


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    atomic_json(path, facts, 1)


def _read(path: Path) -> dict[str, Any] | None:
    """Facts of a run's file; None without one.

    Raises:
        DataError: when it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else None
    except ValueError as error:
        raise DataError(
            "JSON that a run has written", f"{path}: {error}", "run the command of the run again"
        ) from error
