"""Options of `zoopose ccssl`: published names (ccssl section 12), and ours beside them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, ClassVar, Literal

import tyro

from ..commandline.limits import COUNT, COUNT_OR_ZERO, SHARE, Limits
from ..commandline.parsing import dead
from ..train.options import RESNET, LabelOptions

_arg = tyro.conf.arg


@dataclass(frozen=True)
class CcsslOptions(LabelOptions):
    """`zoopose ccssl`."""

    protocol: Literal["zoopose", "published"] = "zoopose"
    """published: the algorithm of the published code, its flaws included (docs/methods.md)"""
    source: str = "synthetic_animal_sp"
    """labelled source, NAME[:PATH]"""
    target: str = "real_animal_sp"
    """unlabelled target, NAME[:PATH]; its labels, if it has any, are not read"""
    valid: str = ""
    """labelled source data on which labels' confidence is calibrated and checkpoints are scored; default: the validation split of
    --source"""
    target_labels: str = ""
    """a few labelled target pictures, NAME[:PATH], to train on beside source and pseudo-labels (CC-SSL-R); the report says so"""
    resume: str | None = None
    """the source model to start from; or the last.pth.tar of an interrupted adaptation, to go on with it; '' (an empty text): no
    source model, fresh weights of --arch, as in the paper's row "no pre-training\""""
    num_epochs: Annotated[int, COUNT, _arg(aliases=["--epochs"])] = 60
    """epochs in all"""
    steps: Annotated[int, COUNT_OR_ZERO] = 0
    """batches an epoch; 0: until the larger of the two sets is through, in the published protocol the smaller"""
    refresh: Annotated[int, COUNT_OR_ZERO] = 0
    """epochs between two rounds of labelling; 0: six rounds, whatever --num-epochs; in the published protocol 10 epochs"""
    gamma_: Annotated[float, Limits(0, 1_000_000)] = 0.0
    """weight of the target's loss; 0: 10 with the published loss (as published), else 1"""
    source_augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of the source pictures; auto: strong"""
    target_augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of the pseudo-labelled pictures; auto: strong, in the published protocol standard"""
    target_style: Annotated[float, SHARE] = 0.0
    """share of the pseudo-labelled pictures that take the channel statistics of a source picture"""
    target_occlusion: Annotated[float | None, SHARE] = None
    """share of the pseudo-labelled pictures in which rectangles cover a part; default: as --target-augment has it"""
    ema: Annotated[float, SHARE] = 0.97
    """the labels are made by a running average of the network's weights that keeps this share of itself at every step; 0: by the
    network itself, as published"""
    views: Annotated[int, Limits(0, 1000)] = 4
    """drawn views beside the frame itself, over which a label is averaged"""
    view_rotation: Annotated[float | None, Limits(0, 360)] = None
    """standard deviation of the views' turn, degrees; default 20, in the published protocol 30"""
    view_scale: Annotated[float, SHARE] = 0.25
    """relative change of size of the views"""
    no_view_flip: bool = False
    """no mirrored views, as published"""
    no_invariance: bool = False
    """no change of colour, contrast, noise or blur in the views, as published"""
    no_framing: bool = False
    """label the target's pictures as they are cropped, instead of with the zoom and shift under which the network agrees most
    with itself"""
    framing_from: str = ""
    """checkpoint of the network that chooses this framing; default: that of --resume. One that has been trained on the target's
    pictures as they are cropped, as WS-CDA does, is no judge of it: name the network from before"""
    check_limit: Annotated[float, Limits(0, inf)] = 0.15
    """a label is left out where one of its checks (invariance, equivariance, time) misses by more, in shares of the crop's side"""
    confidence: Literal["calibrated", "peak"] = "calibrated"
    """what labels are ranked by: the probability of being right, from peak, agreement and the frame's other joints, calibrated on
    the source's validation; or the peak, as published"""
    flow: Literal["lk", "dis", "raft", "none"] = "lk"
    """how labels are carried between neighbouring frames of a video: Lucas-Kanade, dense inverse search, RAFT, not at all"""
    raft_weights: str = ""
    """for --flow raft: state dict of torchvision's raft_large or raft_small"""
    share_first: Annotated[float | None, SHARE] = None
    """share of the labels admitted in the first round; default 0.15, in the published protocol 0.2"""
    share_last: Annotated[float | None, SHARE] = None
    """share admitted in the last round; default 0.5, in the published protocol 0.8"""
    per: Literal["auto", "joint", "global", "frame"] = "auto"
    """confidence threshold for every joint; one for all, as published; or one for all, a label counting the more the more confident
    its whole frame is; auto: frame, in the published protocol global"""
    select_on_target: str = ""
    """labelled target data, NAME[:PATH], that choose model_best; the report says so"""
    select: Literal["auto", "selfcheck", "source"] = "auto"
    """what chooses model_best without target labels: agreement of views, neighbours, teacher and source validation together; or the
    source validation alone; auto: selfcheck, in the published protocol source"""
    patience: Annotated[int, COUNT_OR_ZERO] = 0
    """rounds without a better score after which the adaptation ends; 0: all epochs"""
    score_labels: bool = False
    """log how right the pseudo-labels of every round are, where --target has labels; nothing else reads those"""

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "./checkpoint/horse/ssl/"
    """run folder: checkpoints, pseudo-labels, logs, reports"""

    print_freq: Annotated[int, COUNT_OR_ZERO] = 100
    """a line in the log every so many batches; 0: one an epoch"""

    model: Annotated[str, dead()] = "hg"
    target_ssl: Annotated[str, dead(why="the pictures of --target are labelled, as they are read")] = "real_animal_crop"
    data_label_folder_target: Annotated[str, dead()] = "None"
    init_weights: Annotated[str, dead()] = "None"
    num_classes: Annotated[int, dead(why="the data and the network say how many joints there are")] = 18
    resnet_layers: Annotated[int, dead(why=RESNET)] = 50

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = (
        "model", "target_ssl", "data_label_folder_target", "init_weights", "num_classes", "resnet_layers",
    )  # fmt: skip
