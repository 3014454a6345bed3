"""Putting a CC-SSL run together from its options, and what its report shows of the pseudo-labels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from ..datasets.pseudo_labels import PseudoLabels
from ..datasets.sample import PoseDataset
from ..datasets.sources import check_joints, has_splits
from ..errors import OptionError
from ..evaluation import report
from ..evaluation.options import open_data
from ..evaluation.pictures import label_tile
from ..evaluation.runs import crop_of
from ..pose.augment import Augmentation
from ..pose.checkpoints import Loaded
from ..pose.skeleton import Skeleton
from ..train.feed import CropFeed, cache_for
from ..train.loop import Run
from ..train.supervised import LOSSES, augmentation_for, loss_for, trains_hidden
from ..train.validation import Validation
from .consistency import Views
from .labelling import Labeller, Temporal
from .options import CcsslOptions
from .step import CcsslStep

ROUNDS = 6  # as published: 60 epochs, labels renewed every 10
GALLERY = 12  # frames of every round shown in the report


def views_for(options: CcsslOptions) -> Views:
    """The views that the options ask for."""
    equivariance = Augmentation(
        scale=1 + options.view_scale, rotation_deg=options.view_rotation, flip=0.0 if options.no_view_flip else 0.5
    )
    return Views(options.views, equivariance, Augmentation() if options.no_invariance else Views().invariance)


def step_for(
    options: CcsslOptions, source: PoseDataset, target: PoseDataset, network: Loaded, fabric: Fabric, run: Run
) -> CcsslStep:
    """The adaptation step of a run."""
    published = network.form.kind == "published"
    loss = loss_for(options, published)
    common = {
        "batch_size": options.train_batch,
        "seed": options.seed,
        "sigma": options.sigma,
        "encoding": "cauchy" if options.label_type == "Cauchy" else "gaussian",
        "workers": options.workers,
        **cache_for(options, 1 / 2),
        "strict": options.strict_data,
        "hidden": trains_hidden(options, options.source),
        "rank": fabric.global_rank,
        "world": fabric.world_size,
    }
    feeds = [
        CropFeed(data, network.form, augmentation_for(options, name), stream=stream, **common)
        for stream, (data, name) in enumerate(((source, options.source_augment), (target, options.target_augment)))
    ]
    labeller = Labeller(
        feeds[1].crops, list(target.shots), network.form, options.seed, fabric.device, views_for(options),
        Temporal(options.flow, weights=options.raft_weights),
        options.workers, options.strict_data, fabric=fabric,
    )  # fmt: skip
    refresh = options.refresh or math.ceil(options.num_epochs / ROUNDS)
    rounds = math.ceil(options.num_epochs / refresh)
    gamma = options.gamma_ or (10.0 if loss == "published" else 1.0)
    return CcsslStep(
        feeds[0], feeds[1], labeller, fabric, LOSSES[loss], gamma, rounds, refresh,
        (options.share_first, options.share_last), options.per, run.folder, run.extra, options.steps,
    )  # fmt: skip


def judge_for(options: CcsslOptions, valid: PoseDataset, network: Loaded, fabric: Fabric) -> tuple[Validation, str]:
    """What is scored after every epoch, and the name of the score that chooses model_best."""
    if options.select_on_target:
        split = "valid" if has_splits(options.select_on_target) else "all"
        data = open_data(options.select_on_target, split, options, skeleton=network.skeleton)
        check_joints(data, network.skeleton, options.select_on_target)
        if data.labels is None:
            raise OptionError("labelled target data to select on", f"{options.select_on_target}, without labels")
        return Validation(data, network, fabric, options, "target"), "target/pck"
    return Validation(valid, network, fabric, options), "val/pck"


def selection_note(options: CcsslOptions) -> str:
    """How model_best was chosen, for the log and the report."""
    if options.select_on_target:
        return f"CHOSEN ON TARGET LABELS ({options.select_on_target}): its score there is no honest estimate"
    return "best on the source validation; target labels were not read"


def label_blocks(folder: Path, target: PoseDataset, skeleton: Skeleton) -> list[report.Block]:
    """Pseudo-labels of every round: share admitted per joint, confidence, and a gallery."""
    rounds = [PseudoLabels.read(p) for p in sorted(folder.glob("labels_round_*.h5"))]
    if not rounds:
        return []
    columns = ["joint", *(f"round {r.facts['round']}" for r in rounds)]
    rows = [
        [name, *(f"{100 * r.admitted[:, k].mean():.0f} % ({r.confidence[:, k].mean():.2f})" for r in rounds)]
        for k, name in enumerate(skeleton.joints)
    ]
    frames = np.linspace(0, len(target) - 1, min(GALLERY, len(target))).astype(int)
    items = []
    for labels in rounds:
        for i in frames:
            crop, (xy,) = crop_of(target, int(i), np.nan_to_num(labels.xy_px[i]))
            tile = label_tile(crop, xy, labels.confidence[i], labels.admitted[i], skeleton)
            caption = f"{labels.ids[i]}: {labels.admitted[i].sum()} of {len(skeleton)} admitted"
            items.append(report.Picture(tile, caption, {"round": labels.facts["round"]}))
    return [
        report.Table(
            "Pseudo-labels admitted", columns, rows, "share of the frames in which the joint was trained on (mean peak)"
        ),
        report.Gallery("Pseudo-labels", items, "solid: admitted; hollow: not yet"),
    ]
