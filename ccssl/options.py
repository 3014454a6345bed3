"""Options of `zoopose ccssl`: published names (ccssl section 12), and ours.

Defaults that were measured were measured on horse -> cattle_a and horse -> cattle_b of `benchmarks/adaptation`, one hourglass of
width 40, 96 px, one seed; docs/methods/published.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, ClassVar, Literal

from ..commandline.flags import dead, expert, flag
from ..commandline.limits import COUNT, COUNT_OR_ZERO, SHARE, Limits
from ..train.options import RESNET, LabelOptions


@dataclass(frozen=True, kw_only=True)
class CcsslOptions(LabelOptions):
    """`zoopose ccssl`."""

    TITLE: ClassVar[str] = "CC-SSL"

    protocol: Literal["zoopose", "published"] = "zoopose"
    """published: repeat the published code, with its errors (docs/methods/published.md)"""
    source: Annotated[str, flag(metavar="NAME[:PATH]")] = "synthetic_animal_sp"
    """labelled animals"""
    target: Annotated[str, flag(metavar="NAME[:PATH]")] = "real_animal_sp"
    """unlabelled animals; labels in these data are not read"""
    valid: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled animals to calibrate confidence and to score checkpoints on; default: the validation part of --source"""
    target_labels: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """a few labelled target pictures to train on too (CC-SSL-R)"""
    resume: Annotated[str | None, flag(metavar="FILE")] = None
    """source model to start from; or last.pth.tar of a stopped run, to continue it; '' (an empty text): fresh weights"""
    num_epochs: Annotated[int, COUNT, flag("--epochs")] = 60
    """number of epochs"""
    steps: Annotated[int, COUNT_OR_ZERO] = 0
    """batches an epoch; 0: as many as the larger data set has; in the published protocol the smaller"""
    refresh: Annotated[int, COUNT_OR_ZERO] = 0
    """epochs between two rounds of labelling; 0: six rounds in all; in the published protocol 10 epochs"""
    gamma_: Annotated[float, Limits(0, 1_000_000), expert()] = 0.0
    """weight of the loss on the target; 0: 10 with the published loss (as published), else 1"""
    source_augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of source pictures; auto: strong"""
    target_augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of target pictures; auto: strong; in the published protocol standard"""
    target_style: Annotated[float, SHARE, expert()] = 0.0
    """share of the target pictures that get mean and deviation of colour from a source picture"""
    target_occlusion: Annotated[float | None, SHARE, expert()] = None
    """share of the target pictures partly covered by rectangles; default: as --target-augment has it"""
    # per optimiser step; one step is then 3 % of the labelling network, so that single steps do not show in the labels
    ema: Annotated[float, SHARE, expert()] = 0.97
    """the labels are made by a teacher, a running average of the network: share of itself that it keeps at every step; 0: no
    teacher, as published"""
    views: Annotated[int, Limits(0, 1000)] = 4
    """number of changed copies of a frame over which its labels are averaged"""
    view_rotation: Annotated[float | None, Limits(0, 360), expert()] = None
    """standard deviation of a view's rotation in degrees; default: 20, in the published protocol 30"""
    view_scale: Annotated[float, SHARE, expert()] = 0.25
    """largest relative change of a view's size"""
    no_view_flip: Annotated[bool, expert()] = False
    """do not mirror views, as published"""
    no_invariance: Annotated[bool, expert()] = False
    """do not change colour, contrast, noise and blur of views, as published"""
    no_framing: Annotated[bool, expert()] = False
    """label pictures as they are cropped; default: with the zoom and shift at which the network agrees most with itself"""
    framing_from: Annotated[str, flag(metavar="FILE", expert=True)] = ""
    """checkpoint that chooses zoom and shift; default: --resume. After WS-CDA name the network from before it, since WS-CDA has
    trained on the target as it is cropped"""
    # in shares of the crop's side: three times the 0.05 within which PCK@0.05 calls a joint right
    check_limit: Annotated[float, Limits(0, inf), expert()] = 0.15
    """largest error of a label's checks (invariance, equivariance, time), in shares of the crop's side; labels above it are left
    out"""
    confidence: Annotated[Literal["calibrated", "peak"], expert()] = "calibrated"
    """what labels are ranked by. calibrated: the probability that they are right, calibrated on --valid; peak: the peak, as
    published"""
    flow: Literal["lk", "dis", "raft", "none"] = "lk"
    """optical flow that moves labels between frames of a video. lk: Lucas-Kanade; dis: dense inverse search; raft: RAFT; none: no
    flow"""
    raft_weights: Annotated[str, flag(metavar="FILE", expert=True)] = ""
    """for --flow raft: state dict of torchvision's raft_large or raft_small"""
    share_first: Annotated[float | None, SHARE] = None
    """share of the labels that train in the first round; default: 0.15, in the published protocol 0.2"""
    share_last: Annotated[float | None, SHARE] = None
    """share of the labels that train in the last round; default: 0.5, in the published protocol 0.8"""
    per: Annotated[Literal["auto", "joint", "global", "frame"], expert()] = "auto"
    """what the shares are of. joint: labels of each joint; global: all labels; frame: all labels, those of confident frames
    first; auto: frame, in the published protocol global"""
    select_on_target: Annotated[str, flag(metavar="NAME[:PATH]", expert=True)] = ""
    """labelled target data that choose model_best; the report says so"""
    select: Annotated[Literal["auto", "selfcheck", "source"], expert()] = "auto"
    """what chooses model_best. selfcheck: agreement of the network with itself on the target, and the score on --valid; source:
    the score on --valid alone; auto: selfcheck, in the published protocol source"""
    patience: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """rounds without a better score after which the run ends; 0: never"""
    score_labels: Annotated[bool, expert()] = False
    """log how many labels of each round are right, if --target has labels; nothing else reads these"""

    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = "./checkpoint/horse/ssl/"
    """run folder: checkpoints, labels, log and report are written here"""

    print_freq: Annotated[int, COUNT_OR_ZERO, expert()] = 100
    """batches between two lines of the log; 0: one line an epoch"""

    model: Annotated[str, dead()] = "hg"
    target_ssl: Annotated[str, dead(why="the pictures of --target are labelled, as they are read")] = "real_animal_crop"
    data_label_folder_target: Annotated[str, dead()] = "None"
    init_weights: Annotated[str, dead()] = "None"
    num_classes: Annotated[int, dead(why="the data and the network say how many joints there are")] = 18
    resnet_layers: Annotated[int, dead(why=RESNET)] = 50

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = (
        "model", "target_ssl", "data_label_folder_target", "init_weights", "num_classes", "resnet_layers",
    )  # fmt: skip

    @property
    def augmentations(self) -> frozenset[str]:
        """See `FitOptions.augmentations`."""
        return frozenset((self.source_augment, self.target_augment))
