"""Options of the online step of `zoopose ccssl` (docs/methods/online.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ...commandline.flags import expert, flag
from ...commandline.limits import SHARE, Limits, zero_or


@dataclass(frozen=True, kw_only=True)
class OnlineOptions:
    """A teacher that labels every batch of target pictures."""

    TITLE: ClassVar[str] = "Online step"

    online: bool = False
    """a teacher labels the target pictures of every batch on an easy view, and the network learns these labels on hard views. The
    rounds still write files of pseudo-labels"""
    method: Annotated[str, flag(metavar="NAME")] = ""
    """a published method as values of these options: udape, uda-animal, scarcenet, maps; options that you give have priority. It
    includes --online"""
    no_source: bool = False
    """with --online: adapt the network of --resume without its source (source-free). There is then no guard and no calibration"""
    teacher: Annotated[Literal["auto", "self", "ema"], expert()] = "auto"
    """with --online: the network that labels a batch. ema: the running average of --ema; self: the network itself; auto: ema"""
    teacher_norm: Annotated[Literal["auto", "running", "batch"], expert()] = "auto"
    """with --online: batch norm of the teacher. running: stored statistics; batch: those of the batch of target pictures; auto:
    running"""
    easy_augment: Annotated[Literal["auto", "none", "standard", "strong"], expert()] = "auto"
    """with --online: augmentation of the teacher's view; auto: none. The network's view has --target-augment"""
    hard: Annotated[str, flag(metavar="NAME,...", expert=True)] = ""
    """with --online: hard views of every target picture. jc: squares at joints are cut out; jo: patches of another picture cover
    joints; joco: jo, and squares at random places are cut out; jccm: jc, and a part of another picture is pasted; co, cm: only
    these squares, or only that part; none: the augmented picture. Several names: several views in one step; default: jc"""
    cut_joints: Annotated[int, Limits(1, 1000), expert()] = 5
    """with --online: number of squares that a hard view has, drawn with replacement"""
    # 20 px of a view of 128 px; chosen, not measured
    cut_side: Annotated[float, Limits(0.01, 1), expert()] = 0.16
    """with --online: side of these squares, in shares of the view's side"""
    keep: Annotated[Literal["auto", "quantile", "calibrated", "small-loss", "small-loss-picture", "all"], expert()] = (
        "auto"
    )
    """with --online: which of the teacher's joints are learned. quantile: the best --keep-share of the batch's, ranked as --per
    says; calibrated: those that the round admits; small-loss: those of the batch with the smallest loss, and those where network
    and teacher agree; small-loss-picture: those of each picture with the smallest loss; all: all; auto: quantile"""
    keep_share: Annotated[float | None, SHARE, expert()] = None
    """with --online: share of the joints of a batch that --keep keeps; with a small loss: at the end of the run; default: 0.5"""
    redraw: Annotated[bool, expert()] = False
    """with --online: learn a Gaussian at the place of the teacher's joint; default: learn the teacher's heatmap"""
    ramp: Annotated[Literal["auto", "none", "sigmoid"], expert()] = "auto"
    """with --online: how the weight of the target's loss rises. none: it is constant; sigmoid: exp(-5 (1 - t)^2), where t rises
    from 0 to 1 in --ramp-epochs; auto: none"""
    ramp_epochs: Annotated[float | None, zero_or(0.01, 1_000_000), expert()] = None
    """with --ramp sigmoid: number of epochs in which the weight rises; default: 10"""
    mixup: Annotated[float, Limits(0, 1000), expert()] = 0.0
    """with --online: target pictures and their heatmaps are mixed with others; the share comes from a beta distribution with this
    parameter; 0: they are not mixed"""
    mixup_source: Annotated[float, SHARE, expert()] = 0.0
    """with --mixup: share of the steps in which target pictures are mixed with source pictures"""
    source_style: Annotated[float, SHARE, expert()] = 0.0
    """with --online: share of the source pictures that get the colours (mean and deviation) of a target picture"""
