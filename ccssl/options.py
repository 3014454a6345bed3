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
from .online.options import OnlineOptions


@dataclass(frozen=True, kw_only=True)
class CcsslOptions(OnlineOptions, LabelOptions):
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
    """batches in an epoch; 0: as many as the larger data set has, but in the published protocol as many as the smaller one has"""
    refresh: Annotated[int, COUNT_OR_ZERO] = 0
    """epochs between two rounds of labelling; 0: as many as make six rounds, but in the published protocol 10 epochs"""
    gamma_: Annotated[float, Limits(0, 1_000_000), expert()] = 0.0
    """weight of the loss on the target; 0: 10 with the published loss (as in the published code), otherwise 1"""
    source_augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of source pictures; auto: strong"""
    target_augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of target pictures; auto: strong, but standard in the published protocol"""
    target_style: Annotated[float, SHARE, expert()] = 0.0
    """share of the target pictures that get the colours (mean and deviation) of a source picture"""
    target_occlusion: Annotated[float | None, SHARE, expert()] = None
    """share of the target pictures partly covered by rectangles; default: the share of --target-augment"""
    # per optimiser step; one step is then 3 % of the labelling network, so that single steps do not show in the labels
    ema: Annotated[float, SHARE, expert()] = 0.97
    """a teacher makes the labels: a running average of the network. This is the share that it keeps at each step; 0: no teacher
    (the published code has none). With --online the default is 0.99"""
    views: Annotated[int, Limits(0, 1000)] = 4
    """number of changed copies of a frame over which its labels are averaged"""
    view_rotation: Annotated[float | None, Limits(0, 360), expert()] = None
    """standard deviation of a view's rotation in degrees; default: 20, but 30 in the published protocol"""
    view_scale: Annotated[float, SHARE, expert()] = 0.25
    """largest relative change of a view's size"""
    no_view_flip: Annotated[bool, expert()] = False
    """do not mirror views (the published code does not)"""
    no_invariance: Annotated[bool, expert()] = False
    """do not change colour, contrast, noise and blur of views (the published code does not)"""
    no_framing: Annotated[bool, expert()] = False
    """do not choose a zoom and shift for the labels; default: those at which the network agrees most with itself"""
    framing_from: Annotated[str, flag(metavar="FILE", expert=True)] = ""
    """network that is used to choose zoom and shift; default: --resume. After WS-CDA give the network from before WS-CDA, because
    WS-CDA has trained on the uncorrected crops of the target"""
    # in shares of the crop's side: three times the 0.05 within which PCK@0.05 calls a joint right
    check_limit: Annotated[float, Limits(0, inf), expert()] = 0.15
    """largest error of a label in its checks (invariance, equivariance, time), in shares of the crop's side; labels with a larger
    error are not admitted"""
    confidence: Annotated[Literal["calibrated", "peak"], expert()] = "calibrated"
    """what labels are ranked by. calibrated: the probability that they are right, calibrated on --valid; peak: the height of the
    peak, as in the published code"""
    flow: Literal["lk", "dis", "raft", "none"] = "lk"
    """optical flow that moves labels between frames of a video. lk: Lucas-Kanade; dis: dense inverse search; raft: RAFT; none: no
    flow"""
    raft_weights: Annotated[str, flag(metavar="FILE", expert=True)] = ""
    """for --flow raft: state dict of torchvision's raft_large or raft_small"""
    share_first: Annotated[float | None, SHARE] = None
    """share of the labels that is admitted in the first round; default: 0.15, but 0.2 in the published protocol"""
    share_last: Annotated[float | None, SHARE] = None
    """share of the labels that is admitted in the last round; default: 0.5, but 0.8 in the published protocol"""
    per: Annotated[Literal["auto", "joint", "global", "frame"], expert()] = "auto"
    """which labels a share means. joint: the best of each joint; global: the best of all; frame: the best of all, confident frames
    first; auto: frame, but global in the published protocol"""
    select_on_target: Annotated[str, flag(metavar="NAME[:PATH]", expert=True)] = ""
    """labelled target data whose score chooses model_best; the report mentions this"""
    select: Annotated[Literal["auto", "selfcheck", "source"], expert()] = "auto"
    """what chooses model_best. selfcheck: agreement on the target, and the score on --valid; source: the score on --valid only;
    auto: selfcheck, but source in the published protocol"""
    patience: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """rounds without a better score after which the run ends; 0: never"""
    score_labels: Annotated[bool, expert()] = False
    """log how many labels of each round are right, if --target has labels; the training does not use these"""

    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = "./checkpoint/horse/ssl/"
    """run folder: checkpoints, labels, log and report are written here"""

    print_freq: Annotated[int, COUNT_OR_ZERO, expert()] = 100
    """batches between two lines of the log; 0: one line for each epoch"""

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
