"""Scoring during and after training: the same prediction and protocols as `zoopose test`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ..datasets.sample import PoseDataset
from ..evaluation.inference import Observer, PredictConfig, Predictions, predict
from ..evaluation.keypoint_tables import log_tables
from ..evaluation.mirroring import flips
from ..evaluation.original_pck import area_under_curve, joint_distances
from ..evaluation.part_iou import counter_for
from ..evaluation.protocol import Score
from ..evaluation.report.blocks import Block
from ..evaluation.report.run_report import training_report
from ..evaluation.report.saved_predictions import SavedPredictions
from ..evaluation.run_folder import RunFolder
from ..evaluation.score import MAIN, print_scores, score_predictions, write_predictions, write_scores
from ..pose import weights
from ..pose.checkpoints import Loaded
from ..pose.geometry import apply, compose
from ..pose.heatmap import in_frame
from ..progress import log
from .check_labels import check_labels
from .default_network import network_lines
from .feeds.crops import target_maps
from .feeds.labelled import encoding_of
from .options import FitOptions
from .run import add_run_facts
from .run_state import Run
from .supervised import LOSSES, loss_for, stage_loss


class Validation:
    """Scores a network on labelled validation data; called by `fit` after every epoch.

    Args:
        dataset: labelled.
        network: describes input and joints; its weights are not used.
        prefix: of the names in the log.
    """

    def __init__(self, dataset: PoseDataset, network: Loaded, fabric: Fabric, options: FitOptions, prefix: str = "val"):
        self.dataset, self.network, self.fabric, self.options, self.prefix = dataset, network, fabric, options, prefix
        self.flip = flips(options, dataset.skeleton)
        # the crops of labelled pictures are those that the network is trained on, whatever the framing of a target
        self.spec = network.spec.framed()
        check_labels(dataset, network.spec.size_hw, 2, "score on")

    def predict(self, model: nn.Module, batches: int | None = None, observe: Observer | None = None) -> Predictions:
        workers = self.options.workers if batches is None else 0
        config = PredictConfig(
            self.options.predict_batch, workers, self.flip, batches, self.options.strict_data, "validation"
        )
        return predict(model, self.dataset, self.spec, self.fabric.device, config, observe)

    def scores(self, found: Predictions) -> dict[str, Score]:
        name = self.dataset.describe().get("name", "")
        notes = ("mirrored picture averaged in",) if self.flip else ()
        return score_predictions(
            found, self.network.skeleton, self.network.spec.original_cells, str(name), self.options.test_batch, notes
        )

    def __call__(self, model: nn.Module, batches: int | None) -> Mapping[str, float]:
        losses: list[tuple[float, int]] = []
        parts = counter_for(self.dataset, self.network)

        def observe(maps: torch.Tensor, batch: dict[str, Any]) -> None:
            losses.append(self._loss(maps, batch))
            if parts:
                parts.observe(maps, batch)

        found = self.predict(model, batches, observe)
        if batches is not None and not (found.visible[found.read] == 2).any():
            return {}  # the first batches may hold hidden joints only; the whole set is scored later
        scores = self.scores(found)
        numbers = {"loss": sum(loss * n for loss, n in losses) / sum(n for _, n in losses), "pck": scores[MAIN].mean}
        if parts:
            numbers["iou"] = parts.mean
        size = self.network.spec.original_cells
        if size:
            distances = joint_distances(found.cells[found.read], found.target_cells[found.read], size)
            numbers["acc"] = scores["published"].mean
            numbers["auc"], numbers["mean_error"] = area_under_curve(distances)
        return {f"{self.prefix}/{name}": value for name, value in numbers.items()}

    def _loss(self, maps: torch.Tensor, batch: Mapping[str, Any]) -> tuple[float, int]:
        """The last stage's loss on one batch against sub-pixel targets, and how many pictures that is."""
        spec, options = self.network.spec, self.options
        size = spec.heatmap_hw
        to_map = compose(spec.heatmap_from_crop(batch["matrix"]), batch["matrix"])
        xy_heatmap = apply(to_map, torch.nan_to_num(batch["xy"].double())).float()
        weight = ((batch["visible"] > 0) & in_frame(xy_heatmap, size)).float()
        target = target_maps(spec, xy_heatmap, weight, spec.sigma, encoding_of(options))
        loss = LOSSES[loss_for(options, self.network)]
        if loss.whole:  # of several outputs, of which the last is here
            loss, target = LOSSES["mean"], target[:, -1]
        return float(stage_loss([maps.cpu()], target, weight, loss)), len(maps)


def finish(
    validation: Validation, run: Run, options: FitOptions, facts: Mapping[str, Any], more: Sequence[Block] = ()
) -> dict[str, Score]:
    """After the last epoch: score the best checkpoint, print, write metrics.json, predictions and the report."""
    best = weights.read(run.folder.best)
    weights.load_into(run.plain, best["state_dict"])
    parts = counter_for(validation.dataset, validation.network)
    found = validation.predict(run.plain, observe=parts.observe if parts else None)
    scores = validation.scores(found)
    tables = log_tables([parts.table({"data": str(validation.dataset.describe().get("name", ""))})] if parts else [])
    chosen = f"epoch {run.best_epoch}" if run.best_epoch else "the network the run began with"
    log.info("%s: %s", RunFolder.BEST, chosen)
    print_scores(scores)
    path = Path(options.json) if options.json else run.folder.metrics
    write_scores(path, scores, tables, {name: facts[name] for name in ("guard", "verdict") if name in facts})
    if "verdict" in facts:
        add_run_facts(run.folder, {"verdict": facts["verdict"]})
    write_predictions(run.folder.preds_best, found)
    skeleton = validation.network.skeleton
    facts = {**facts, **network_lines(options, validation.network)}
    saved = SavedPredictions("run", found, scores, skeleton, facts, epoch=int(best.get("epoch", 0)), tables=tables)
    saved.write(run.folder)
    log.info("report: %s", training_report(run.folder, validation.dataset, saved, more))
    if found.faults:
        log.warning(found.faults)
    return scores
