"""The online step: in every batch a teacher labels an easy view of the target pictures, and the network learns hard views.

L = L_source + gamma w(t) L(network(hard view), teacher(easy view), warped to the hard view). Rounds, label files, calibration,
framing and self-check are those of CC-SSL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ...datasets.pseudo_labels import PseudoLabels
from ...pose.augment import restyle
from ...pose.random_draws import BatchPart, Draws, generator_for
from ...train.feeds.base import Batch
from ...train.ranks import any_rank
from ...train.selftraining.step import Pair
from ...train.streams import Stream
from ..framing import Framing
from ..step import CcsslStep, framing_of
from .config import OnlineConfig
from .feed import OnlineFeed
from .hard_views import hard_view
from .keep import best_share, map_loss, peaks_of_other_ranks, small_losses, small_losses_of_picture
from .mixing import mixed
from .teaching import Taught, in_hard_view, teacher_maps, without_drift

# Largest distance of the network's joint from the teacher's at which they agree, cells: ScarceNet's distance between two views.
AGREE_CELLS = 0.6


class OnlineStep(CcsslStep):
    """CC-SSL whose labels are made in every batch.

    Args, in addition to those of `CcsslStep`:
        online: what the step does in a batch.
        network: the network in training without wrappers; it is the teacher where there is no other.
    """

    target: OnlineFeed

    def __init__(self, *args: Any, online: OnlineConfig, network: nn.Module, **more: Any):
        super().__init__(*args, **more)
        self.online, self.network, self.full_gamma = online, network, self.gamma
        self.epoch = 0
        self.drift_px = (0.0, 0.0)
        self.target.admitted_only = online.keep.rule == "calibrated"

    @property
    def pictures(self) -> int:
        """Pictures of a batch, all hard views included."""
        more = (len(self.online.hard) - 1) * self.target.batch_size
        return super().pictures + (more if self.has_labels else 0)

    def begin_round(self, labels: PseudoLabels) -> None:
        """Give the teacher's views the framing of the labels, and the network's views that with which it is to be used."""
        super().begin_round(labels)
        framing, feed = framing_of(labels), self.target
        feed.easy_framing = framing
        feed.hard_framing = Framing(*framing.of_boxes(feed.dataset.crop_factor)) if self.use_framing else Framing()
        # the common movement of the teacher's joints since the first round, in px of the crop; CC-SSL takes it off its labels
        x, y = labels.facts.get("drift_px") or (0.0, 0.0)
        self.drift_px = float(x) * framing.zoom, float(y) * framing.zoom

    def transform_batch(self, pair: Pair, at: int) -> Pair:
        """The pair with hard views of the target's pictures and what the teacher says of them."""
        source, target = pair[:2]
        self.epoch = at // self.steps
        self.gamma = self.full_gamma * self.online.ramp.weight(at / self.steps)
        if source and target:
            self._restyle(source, target, at)
        taught = self._taught(target)
        hard = self._hard(target, taught, at) if target and taught else None
        if hard and self.online.mixup.alpha:
            draws = np.random.default_rng([self.target.seed, Stream.MIXUP, at])
            hard = mixed(hard, source, self.online.mixup, draws)
        return source, hard, *pair[2:]

    def after_forward(self, pair: Pair, outputs: Sequence[list[torch.Tensor] | None]) -> Pair:
        """The pair with a weight of 0 for joints whose loss is not small, where --keep says so."""
        target, rule = pair[1], self.online.keep
        if target is None or outputs[1] is None or not rule.rule.startswith("small-loss"):
            return pair
        spec, weight = self.target.spec, target["weight"]
        maps = spec.joint_maps(outputs[1], weight.shape[1]).detach()
        loss = map_loss(maps, target["target"])
        if rule.rule == "small-loss":
            near = spec.decode(maps)[0] - spec.decode(target["target"])[0]
            kept = small_losses(loss, weight, rule.share_at(self.epoch)) | (near.norm(dim=-1) < AGREE_CELLS)
        else:
            kept = small_losses_of_picture(loss, weight, rule.count_at(self.epoch, loss.shape[1]))
        return pair[0], {**target, "weight": weight * kept}, *pair[2:]

    def _restyle(self, source: Batch, target: Batch, at: int) -> None:
        """Give shares of the teacher's views and of the source's pictures the colours of the other domain; changes the batches."""
        draws = generator_for(self.target.seed, Stream.STYLE, at, self.fabric.global_rank)
        given = source["images"]
        if self.online.source_style:
            source["images"] = restyle(given, target["images"], self.online.source_style, draws)
        if self.style:
            target["easy"] = restyle(target["easy"], given, self.style, draws)

    def _taught(self, target: Batch | None) -> Taught | None:
        """What the teacher says of the target's pictures; to be called on all ranks."""
        spec, norm = self.target.spec, self.online.teacher_norm
        skeleton, peak = self.target.dataset.skeleton, None
        # batch norms that share the statistics of all ranks need a picture on every rank
        if norm == "batch" and any_rank(self.fabric, target is None):
            target = None
        if target:
            with self.fabric.autocast():
                teacher = self.teacher.model if self.teacher else self.network
                maps = teacher_maps(teacher, target["easy"], spec, len(skeleton), norm)
            xy, peak = spec.decode(maps)
        kept = self._kept(peak)
        if not target:
            return None
        moved, order = without_drift(target["hard_from_easy"], self.drift_px), skeleton.flip_order
        kept = kept * target["weight"]
        return in_hard_view(spec, maps, xy, kept, moved, flip_order=order, encoding=self.online.redraw)

    def _kept(self, peak: torch.Tensor | None) -> torch.Tensor | float:
        """(B, K) which of the teacher's joints are learned, from their peaks; to be called on all ranks.

        Args:
            peak: (B, K); None where this rank has no target picture.
        """
        rule = self.online.keep
        if rule.rule != "quantile":
            return 1.0
        others = peaks_of_other_ranks(self.fabric, peak, self.target.batch_size, len(self.target.dataset.skeleton))
        return 0.0 if peak is None else best_share(peak, rule.share, rule.per, others)

    def _hard(self, target: Batch, taught: Taught, at: int) -> Batch:
        """The batch of all hard views."""
        views = self.online.hard
        draws = self._draws(target, at)
        images = [hard_view(name, target["images"], taught.xy_view, self.online.cover, draws) for name in views]
        batch = {
            "images": torch.cat(images).contiguous(memory_format=torch.channels_last),
            "target": taught.target.repeat(len(views), 1, 1, 1),
            "weight": taught.weight.repeat(len(views), 1),
            "index": target["index"].repeat(len(views)),
        }
        if "pictures" in target:
            batch["pictures"] = target["pictures"]
        return batch

    def _draws(self, target: Batch, at: int) -> Draws:
        generator = generator_for(self.target.seed, Stream.HARD_VIEWS, at)
        if self.fabric.world_size == 1:
            return generator
        return BatchPart(generator, target["place"], self.target.batch_size * self.fabric.world_size)
