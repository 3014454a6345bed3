"""Adaptation without the source: from a checkpoint and target pictures alone (--no-source)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn

from ..datasets.open import check_joints
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.data import open_target
from ..evaluation.mirroring import mirrors, say_pairs
from ..evaluation.network import load_network, read_as
from ..evaluation.report.blocks import FactsBlock, OptionsBlock
from ..evaluation.report.curves import curves_of
from ..evaluation.report.labels import label_blocks_of_run
from ..evaluation.report.page import build_report
from ..evaluation.report.run_report import read_run_json
from ..evaluation.run_folder import RunFolder
from ..pose.checkpoints import Loaded
from ..pose.skeleton import Skeleton
from ..progress import log
from ..train.adaptation import check_adaptable, log_outcome
from ..train.devices import open_fabric
from ..train.feeds.base import NoPictures
from ..train.feeds.crops import CropFeed
from ..train.loop import fit
from ..train.network import refuse_new_network, with_sigma
from ..train.resuming import earlier_run, same_run
from ..train.run import log_banner, open_run, recorded_run
from ..train.run_state import Run
from ..train.selftraining.target_labels import describe_target_labels, open_target_labels
from ..train.streams import Stream
from .options import CcsslOptions
from .protocol import describe, refresh_of
from .selfcheck import SelfCheck
from .setup import feed_for, feeds_of, labeller_for, step_of_feeds
from .step import CcsslStep

CHOSEN = "best by the self-check on the target, without labels of a source"
MISSING = (
    "no source: the confidence of labels is their peak, since a calibration needs labelled pictures; no guard against harm, since "
    "it compares poses with the source's; nothing is scored. Framing needs no labels and is chosen as always"
)


def adapt_without_source(options: CcsslOptions) -> Path:
    """Adapt the network of --resume as the options say; returns the run folder.

    Args:
        options: with their defaults.
    """
    fabric = open_fabric(options)
    start, target, restore = _prepare(options)
    framing, start = start.spec.framing, replace(start, spec=start.spec.framed())
    run = open_run(options, fabric, "ccssl", start, epochs=options.num_epochs, restore=restore, framing=framing)
    run.patience = options.patience * refresh_of(options)
    few = open_target_labels(options, start.skeleton)
    data: dict[str, Any] = {"target": target.describe(), **describe_target_labels(few), "protocol": describe(options)}
    log_banner(run, start, data, options.num_epochs, [f"start      {start.note}"])
    log.warning(MISSING)
    say_pairs(options, start.skeleton)
    step, check = _step_for(options, start, target, fabric, run, few)

    def validate(model: nn.Module, batches: int | None) -> Mapping[str, float]:
        return check(model, float("nan")) if batches is None else {}

    recorded = recorded_run(run, step, options, start, method="CC-SSL", data=data, restored=restore is not None)
    with recorded as (recorded_step, runlog):
        fit(run, recorded_step, options.num_epochs, validate=validate, select="selfcheck/score", runlog=runlog)
    if fabric.is_global_zero:
        log.info("report: %s", source_free_report(run.folder, target, start.skeleton))
    log_outcome(options.target, run, None, f"{RunFolder.BEST}: {CHOSEN}; {RunFolder.LAST}: the end of the adaptation")
    return run.folder.path


def _prepare(options: CcsslOptions) -> tuple[Loaded, PoseDataset, Loaded | None]:
    """The network to start from, the target, and the checkpoint to go on from.

    Raises:
        OptionError: no network or no target is named, or the network cannot be adapted.
    """
    restore = earlier_run(options, "ccssl", RunFolder.LAST)
    for name in ("target", "resume"):
        if not getattr(options, name) and not (name == "resume" and restore):
            raise OptionError("--no-source with --resume FILE and --target NAME[:PATH]", f"no --{name}")
    if options.resume:
        refuse_new_network(options, options.resume)
    start = restore or load_network(options.resume or "", options.source, options)
    if restore is None and same_run(start, options, "ccssl"):
        restore = start
    start = read_as(with_sigma(start, options), options)
    check_adaptable(start)
    target = open_target(options, start.skeleton)
    check_joints(target, start.skeleton, options.target)
    return start, target, restore


def _step_for(
    options: CcsslOptions, start: Loaded, target: PoseDataset, fabric: Fabric, run: Run, few: PoseDataset | None
) -> tuple[CcsslStep, SelfCheck]:
    """The training step, and what scores its network."""
    feed: CropFeed = feed_for(options, start, target, fabric, Stream.TARGET)
    feeds = feeds_of(options, start, NoPictures(options.seed), feed, fabric, few)
    labeller = labeller_for(options, start, feed.crops, fabric)
    step = step_of_feeds(options, start, feeds, labeller, run, None)
    check = SelfCheck(
        feed.crops,
        list(target.shots),
        start.spec,
        options.flow,
        lambda: step.teacher.model if step.teacher else None,
        mirrors(options, start.skeleton),
    )
    return step, check


def source_free_report(folder: RunFolder, target: PoseDataset, skeleton: Skeleton) -> Path:
    """Write the report of such a run: pseudo-labels, curves, options. It has no scores, since no labels are known.

    Args:
        folder: the run folder, with log.csv and run.json.
        target: its pictures are shown.
        skeleton: the run's joints.
    """
    run = read_run_json(folder)
    blocks = [
        *label_blocks_of_run(folder, target, skeleton),
        *curves_of(folder),
        FactsBlock("Data", {**run.get("data", {}), "model_best": CHOSEN}),
        OptionsBlock("Options", run.get("options", {}), run.get("command", "")),
    ]
    summary = "Adapted without its source. No labelled pictures are known, so nothing is scored."
    return build_report(folder.report, f"CC-SSL: {folder.path.name}", summary, blocks)
