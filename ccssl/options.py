"""Options of `zoopose ccssl`: published names (ccssl section 12), and ours beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro

from ..options import dead
from ..train.options import RunOptions

_arg = tyro.conf.arg


@dataclass
class CcsslOptions(RunOptions):
    """`zoopose ccssl`."""

    source: str = "synthetic_animal_sp"
    """labelled source, NAME[:PATH]"""
    target: str = "real_animal_sp"
    """unlabelled target, NAME[:PATH]; its labels, if it has any, are not read"""
    valid: str = ""
    """labelled source data that choose model_best; default: the validation split of --source"""
    resume: str = ""
    """the source model to start from; or the last.pth.tar of an interrupted adaptation, to go on with it"""
    num_epochs: Annotated[int, _arg(aliases=["--epochs"])] = 60
    """epochs in all"""
    steps: int = 0
    """batches an epoch; 0: until the larger of the two sets is through"""
    refresh: int = 0
    """epochs between two rounds of labelling; 0: six rounds, as published"""
    gamma_: float = 0.0
    """weight of the target's loss; 0: 10 with the published loss (as published), else 1"""
    source_augment: Literal["strong", "standard", "none"] = "standard"
    """augmentation of the source pictures"""
    target_augment: Literal["strong", "standard", "none"] = "standard"
    """augmentation of the pseudo-labelled pictures"""
    views: int = 4
    """drawn views beside the frame itself, over which a label is averaged"""
    view_rotation: float = 20.0
    """standard deviation of the views' turn, degrees"""
    view_scale: float = 0.25
    """relative change of size of the views"""
    no_view_flip: bool = False
    """no mirrored views, as published"""
    no_invariance: bool = False
    """no change of colour, contrast, noise or blur in the views, as published"""
    flow: Literal["lk", "dis", "raft", "none"] = "lk"
    """how labels are carried between neighbouring frames of a video: Lucas-Kanade, dense inverse search, RAFT, not at all"""
    raft_weights: str = ""
    """for --flow raft: state dict of torchvision's raft_large or raft_small"""
    share_first: float = 0.2
    """share of the labels admitted in the first round"""
    share_last: float = 0.8
    """share admitted in the last round"""
    per: Literal["joint", "global"] = "joint"
    """confidence threshold for every joint, or one for all as published"""
    select_on_target: str = ""
    """labelled target data, NAME[:PATH], that choose model_best instead of the source validation; the report says so"""

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "./checkpoint/horse/ssl/"
    """run folder: checkpoints, pseudo-labels, logs, reports"""
    train_batch: Annotated[int, _arg(aliases=["--batch-size"])] = 6
    """pictures of each domain in a training batch, on every device"""

    model: Annotated[str, dead()] = "hg"
    target_ssl: Annotated[str, dead()] = "real_animal_crop"
    data_label_folder_target: Annotated[str, dead()] = "None"
    init_weights: Annotated[str, dead()] = "None"
    print_freq: Annotated[int, dead()] = 100
    num_classes: Annotated[int, dead()] = 18
    resnet_layers: Annotated[int, dead()] = 50

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = (
        "model", "target_ssl", "data_label_folder_target", "init_weights", "print_freq", "num_classes", "resnet_layers",
    )  # fmt: skip
