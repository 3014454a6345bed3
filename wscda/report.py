"""Blocks of a WS-CDA report, in addition to scores and curves: predicted joints of the target, and the domain probe."""

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
from ..evaluation.inference import PredictConfig, predict
from ..evaluation.report.blocks import Block, GalleryBlock, Picture, TableBlock
from ..evaluation.report.overlay_gallery import crop_of
from ..evaluation.run_folder import RunFolder
from ..files import atomic_json
from ..pose import checkpoints
from ..pose.draw import draw_pose, stretch_contrast
from ..pose.skeleton import Skeleton
from ..train.selftraining.labeller import fingerprint

PICTURES = 24  # of the target, in the report


def domain_blocks(folder: RunFolder, target: PoseDataset | None, device: torch.device) -> list[Block]:
    """Blocks about a run's target: joints that the best network predicts, and the domain probe if the run made one.

    Args:
        folder: the run folder, with model_best.pth.tar, or with the file that `sample_target` wrote.
        target: without labels; None where the run had no target.
        device: where the network runs.
    """
    blocks: list[Block] = []
    if probes := _read(folder.probe):
        rows = [(name, 100 * p["accuracy"], *p["pictures"]) for name, p in probes.items()]
        note = (
            "Accuracy of a fresh linear classifier on the mean of the last feature map, tested on other recordings than it was "
            "trained on. 50 % is chance level: the feature map is similar in both domains."
        )
        columns = ("network", "accuracy, %", "labelled pictures", "unlabelled pictures")
        blocks.append(TableBlock("Can a classifier tell labelled from unlabelled animals?", columns, rows, note))
    if target is not None:
        blocks.append(_gallery(folder, target, device))
    return blocks


def _gallery(folder: RunFolder, target: PoseDataset, device: torch.device) -> GalleryBlock:
    sample = _read(folder.target_sample)
    if sample is None or _cache_key(folder, target) not in (None, sample["mark"]):
        sample = sample_target(folder, target, device)
    skeleton = Skeleton.from_dict(sample["skeleton"])
    items = []
    for row, xy_px, score in zip(sample["rows"], sample["xy_px"], sample["score"]):
        crop, (xy,) = crop_of(target, row, np.asarray(xy_px))
        peaks = np.asarray(score)
        picture = draw_pose(stretch_contrast(crop), xy, skeleton, peaks > 0, confidence=peaks)
        items.append(Picture(picture, f"{target.ids[row]}: mean peak {np.mean(score):.2f}"))
    return GalleryBlock(
        "Joints that model_best predicts for unlabelled animals", items, "evenly spaced pictures; no label was read"
    )


def sample_target(folder: RunFolder, target: PoseDataset, device: torch.device) -> dict[str, Any]:
    """Predict some evenly spaced pictures of the target with a run's best network; the result is written to the run folder."""
    network = checkpoints.load(folder.best)
    rows = np.unique(np.linspace(0, len(target) - 1, min(PICTURES, len(target))).round().astype(int))
    some = Subset(Unlabelled(target, network.skeleton), rows)
    predictions = predict(
        network.model.to(device), some, network.spec, device, PredictConfig(phase="target pictures for the report")
    )
    read = np.flatnonzero(predictions.read)
    sample = {
        "mark": _cache_key(folder, target),
        "skeleton": network.skeleton.to_dict(),
        "rows": rows[read].tolist(),
        "xy_px": predictions.xy_px[read].round(2).tolist(),
        "score": predictions.score[read].round(4).tolist(),
    }
    _write(folder.target_sample, sample)
    return sample


def _cache_key(folder: RunFolder, target: PoseDataset) -> str | None:
    """Checksum of the best network and the frames that a sample was made from; None where the checkpoint is gone."""
    path = folder.best
    if not path.is_file():
        return None
    return f"{fingerprint(checkpoints.load(path).model)}-{zlib.crc32(repr(list(target.ids)).encode()):08x}"


def remove_report_files(folder: RunFolder) -> None:
    """Remove the files that an earlier run wrote to the folder for its report."""
    for path in (folder.probe, folder.target_sample):
        path.unlink(missing_ok=True)


def write_probes(folder: RunFolder, probes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write probes (name of the network -> `Probe.to_dict`) to the run folder."""
    _write(folder.probe, probes)


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    atomic_json(path, facts, 1)


def _read(path: Path) -> dict[str, Any] | None:
    """Content of a JSON file of the run; None where there is no file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else None
    except ValueError as error:
        raise DataError(
            "a JSON file that a run has written", f"{path}: {error}", "repeat the command of the run"
        ) from error
