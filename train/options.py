"""Options of the training commands: published names and defaults (ccssl section 12), and ours beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro

from ..evaluation.options import DataOptions
from ..options import dead, number_or_none, sized

_arg = tyro.conf.arg


@dataclass
class RunOptions(DataOptions):
    """What every training command takes."""

    # data
    cache_gib: float = 2.0
    """memory for decoded crops; beyond it they go to a file; 0: keep none, decode them anew every epoch"""
    cache_folder: str = ""
    """where that file may lie; default: the run folder; it has no name and goes with the run"""
    # network
    arch: Annotated[str, _arg(aliases=["-a"])] = "hg"
    """network: hg, hrnet_w32, sb_pose_resnet50, ...; `zoopose doctor --models` lists them"""
    arch_options: str = ""
    """further numbers of the network, NAME=VALUE,NAME=VALUE,...; `zoopose doctor --models` lists them too"""
    stacks: Annotated[int, _arg(aliases=["-s"])] = 4
    """hg: hourglasses in a row"""
    blocks: Annotated[int, _arg(aliases=["-b"])] = 1
    """hg: residual blocks at every place of an hourglass"""
    width: int = 128
    """hg: planes of the blocks; the maps inside have twice as many channels"""
    depth: int = 0
    """hg: halvings in an hourglass; 0: the published 4, or as many as the input side allows"""
    inp_res: Annotated[int | tuple[int, int], sized()] = 256
    """side of the input, px, or rows and columns: 256x192"""
    out_res: Annotated[int | tuple[int, int], sized()] = 0
    """side of the heatmaps, cells, or rows and columns; 0: a quarter of the input's"""
    codec: str = "dark"
    """how maps mean joints: dark, argmax, quarter, softargmax, udp, udp_offset, grmi, megvii"""
    hidden: Literal["auto", "train", "ignore"] = "auto"
    """joints that are labelled but hidden; auto: train on them where a person has placed them, as in COCO files; ignore them in
    TigDog, as published, and in renderings, where left and right legs behind each other only confuse"""
    # optimisation
    train_batch: int = 6
    """pictures in a training batch, of every domain, on every device"""
    solver: Literal["rms", "adam"] = "rms"
    """optimiser: RMSprop or Adam"""
    lr: Annotated[float, _arg(aliases=["--learning-rate"])] = 2.5e-4
    """learning rate"""
    momentum: float = 0.0
    """of RMSprop"""
    weight_decay: Annotated[float, _arg(aliases=["--wd"])] = 0.0
    """L2 penalty"""
    decay: Literal["step", "cosine"] = "step"
    """how the rate falls: by --gamma at the epochs of --schedule, or along a cosine to a fiftieth"""
    schedule: tuple[int, ...] = (60, 90)
    """epochs after which the rate falls, counted from 0"""
    gamma: float = 0.1
    """factor at those epochs"""
    loss: Literal["auto", "balanced", "mean", "published"] = "auto"
    """squared error of the maps. balanced: mean over labelled joints, peaks weighted up (learns much faster); mean: without the
    weighting; published: the published reduction; auto: published for published crops, else balanced"""
    sigma: float = 1.0
    """width of the target peaks, cells"""
    label_type: Literal["Gaussian", "Cauchy"] = "Gaussian"
    """shape of the target peaks"""
    # augmentation
    scale_factor: float = 0.25
    """standard augmentation: relative change of size"""
    rot_factor: float = 30.0
    """standard augmentation: standard deviation of the turn, degrees"""
    # run
    restart: bool = False
    """begin anew in a folder that holds an earlier run of other options, or of the same"""
    snapshot: int = 0
    """keep checkpoint_N.pth.tar every so many epochs; 0: never"""
    seed: int = 0
    """of every draw"""
    devices: int = 1
    """devices to train on; more than one starts as many processes, torchrun works too"""
    precision: Literal["32", "bf16-mixed"] = "32"
    """number format of the forward pass"""
    debug: Annotated[int, number_or_none(), _arg(aliases=["-d"])] = 0
    """draw the first so many batches to RUN FOLDER/debug: pictures with true and predicted joints, target and predicted maps"""
    compile: bool = False
    """torch.compile: about a minute at the start, faster steps after"""

    # resuming with another value of these does not change what is computed, or is what resuming is for
    FREE: ClassVar[frozenset[str]] = frozenset(
        "epochs num_epochs workers resume init_weights evaluate debug json checkpoint restart snapshot strict_data cache_gib "
        "cache_folder image_path compile accelerator print_freq test_batch".split()
    )


@dataclass
class TrainOptions(RunOptions):
    """`zoopose train`."""

    dataset: str = "synthetic_animal_sp"
    """labelled data, NAME[:PATH]: coco:PATH.json, real_animal, real_animal_sp, synthetic_animal, synthetic_animal_sp, ..."""
    valid: str = ""
    """validation data, NAME[:PATH]; default: the validation split of --dataset"""
    epochs: int = 100
    """epochs in all"""
    start_epoch: int = 0
    """count from this epoch instead of the checkpoint's"""
    sigma_decay: float = 0.0
    """multiply --sigma by this every epoch; 0: constant"""
    augment: Literal["auto", "strong", "standard", "none", "published"] = "auto"
    """auto: strong, but standard for real_animal and synthetic_animal; published: the published recipe, crops and targets"""
    resume: str = ""
    """checkpoint to go on from, with its epoch and optimiser"""
    init_weights: str = ""
    """checkpoint to take only the weights from; of a network for other joints, those that correspond are carried over"""
    evaluate: Annotated[bool, _arg(aliases=["-e"])] = False
    """score the checkpoint of --resume on the validation data, and stop"""
    year: Annotated[int, dead()] = 2014
    features: Annotated[int, dead()] = 256
    resnet_layers: Annotated[int, dead()] = 50
    target_weight: Annotated[bool, dead()] = False

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ("year", "features", "resnet_layers", "target_weight")
