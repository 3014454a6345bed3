"""Options of training, a class for each concern: pictures that are kept, network, loss, optimiser, augmentation, run.

The commands' options in `options.py` inherit from them; a function asks for the one that it needs. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ..commandline.flags import expert, flag, number_or_none, sized
from ..commandline.limits import COUNT_OR_ZERO, SEED, SHARE, SIDE, Limits, zero_or
from ..evaluation.options import DeviceOptions, FolderOptions, MirrorOptions


@dataclass(frozen=True, kw_only=True)
class CacheOptions(FolderOptions):
    """Where decoded pictures are kept."""

    TITLE: ClassVar[str] = "Reading pictures"

    cache_gib: Annotated[float, Limits(0, 1_000_000), expert()] = 2.0
    """memory for decoded crops in GiB; more crops go to a file; 0: decode every picture in every epoch"""
    cache_folder: Annotated[str, flag(metavar="FOLDER", expert=True)] = ""
    """folder for that file, which is deleted at the end; default: the run folder"""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """A new network: its layers, its input, its heatmaps."""

    TITLE: ClassVar[str] = "Network"

    arch: Annotated[str, flag("-a", metavar="NAME")] = ""
    """name of the network: hg, fpn_lite0, hrnet_w32, ...; list: `zoopose doctor --models`; fpn_TRUNK and deconv_TRUNK take any
    trunk; default: fpn_lite0 for coco:PATH.json, hg for published data and with options of an hourglass"""
    arch_options: Annotated[str, flag(metavar="NAME=VALUE,...", expert=True)] = ""
    """further numbers of the network; list: `zoopose doctor --models`"""
    trunk: Annotated[str, flag("--trunk-weights", metavar="NAME|FILE")] = ""
    """weights of a trunk that has seen ImageNet: lite0, lite2, timm:NAME, torchvision:NAME, or a state dict; none: fresh weights;
    default: those of the trunk that --arch names; other networks begin with fresh ones"""
    stacks: Annotated[int, Limits(1, 64), flag("-s")] = 4
    """hg: number of hourglasses in a row"""
    blocks: Annotated[int, Limits(1, 64), expert("-b")] = 1
    """hg: number of residual blocks at each place of an hourglass"""
    width: Annotated[int, Limits(2, 4096), expert()] = 128
    """hg: channels inside a block; feature maps have 2 x this"""
    depth: Annotated[int, Limits(0, 10), expert()] = 0
    """hg: number of times a feature map is halved; 0: as many as the input allows, at most 4"""
    inp_res: Annotated[int | tuple[int, int], SIDE, sized()] = 0
    """input size in px: a side, or rows and columns, e.g. 256x192; 0: that of the start network, else 128 for
    fpn_lite0 by default, 256 for others"""
    out_res: Annotated[int | tuple[int, int], zero_or(1, 8192), sized(expert=True)] = 0
    """size of the heatmaps in cells; 0: a quarter of the input"""
    codec: Annotated[str, flag(metavar="NAME")] = ""
    """how heatmaps encode joints: dark, argmax, quarter, softargmax, udp, udp_offset, udp_offset4, grmi, megvii, cpn; default:
    that of the start network, else dark"""
    sigma: Annotated[float, zero_or(0.05, 1000), expert()] = 0.0
    """standard deviation of a target peak in cells; 0: that of the start network, else 1"""


@dataclass(frozen=True, kw_only=True)
class TargetMapOptions:
    """What the heatmaps of a network are trained towards, and how far off they are."""

    TITLE: ClassVar[str] = "Loss"

    loss: Annotated[str, flag(metavar="NAME")] = "auto"
    """loss on the heatmaps: balanced (peaks weigh more than empty cells; learns fastest), mean, published, or the loss of a
    codec; auto: published with published crops; otherwise the loss of the codec, or balanced if the codec has none"""
    hidden: Annotated[Literal["auto", "train", "ignore"], expert()] = "auto"
    """joints that are labelled but not visible; auto: train on them if a person placed them (COCO files), ignore them in
    TigDog and in renderings"""
    label_type: Annotated[Literal["Gaussian", "Cauchy"], expert()] = "Gaussian"
    """curve of a target peak"""


@dataclass(frozen=True, kw_only=True)
class OptimOptions:
    """Batches, optimiser and learning rate."""

    TITLE: ClassVar[str] = "Optimiser"

    train_batch: Annotated[int, Limits(1, 65_536)] = 6
    """number of pictures in a training batch, on each device"""
    solver: Literal["rms", "adam"] = "rms"
    """optimiser: RMSprop or Adam"""
    lr: Annotated[float, Limits(0, 1000), flag("--learning-rate")] = 2.5e-4
    """learning rate"""
    momentum: Annotated[float, SHARE, expert()] = 0.0
    """momentum of RMSprop"""
    weight_decay: Annotated[float, Limits(0, 1000), expert("--wd")] = 0.0
    """weight of the L2 penalty"""
    rms_alpha: Annotated[float, SHARE, expert()] = 0.99
    """decay of RMSprop's mean square"""
    rms_eps: Annotated[float, SHARE, expert()] = 1e-8
    """number that RMSprop adds to the root of the mean square"""
    decay_norms: Annotated[bool, expert()] = True
    """leave norms and biases out of the L2 penalty"""
    trunk_lr: Annotated[float, Limits(0, 1000), expert()] = 1.0
    """factor on the learning rate of the trunk, the layers that --trunk loads"""
    freeze_trunk: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """number of first epochs in which the trunk does not change"""
    freeze_norm: Annotated[Literal["none", "trunk", "all"], expert()] = "none"
    """batch norms whose running statistics do not change in training; they normalise with them"""
    decay: Literal["step", "cosine", "linear"] = "step"
    """how the learning rate falls. step: x --gamma at the epochs of --schedule; cosine: along a cosine, down to 1/50; linear: in a
    straight line, down to 0"""
    schedule: Annotated[tuple[int, ...], COUNT_OR_ZERO, expert()] = (60, 90)
    """with --decay step: epochs after which the learning rate falls, counted from 0"""
    gamma: Annotated[float, Limits(0, 1000), expert()] = 0.1
    """with --decay step: factor on the learning rate at those epochs"""


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(MirrorOptions):
    """How pictures are changed in training."""

    TITLE: ClassVar[str] = "Augmentation"

    scale_factor: Annotated[float, Limits(0, 1), expert()] = 0.25
    """standard augmentation: largest relative change of size"""
    rot_factor: Annotated[float, Limits(0, 360), expert()] = 30.0
    """standard augmentation: standard deviation of the rotation in degrees"""


@dataclass(frozen=True, kw_only=True)
class RunOptions(FolderOptions, DeviceOptions):
    """A run: its folder, its devices, its checkpoints and log."""

    TITLE: ClassVar[str] = "Run"

    restart: bool = False
    """replace the run that the folder contains; default: continue that run"""
    snapshot: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """epochs between two checkpoints that are kept (checkpoint_N.pth.tar); 0: keep the best and the last only"""
    print_freq: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """batches between two lines of the log; 0: one line for each epoch"""
    seed: Annotated[int, SEED] = 0
    """seed of all random numbers"""
    devices: Annotated[int, Limits(1, 256)] = 1
    """number of devices to train on, one process each; torchrun works too"""
    precision: Annotated[Literal["32", "bf16-mixed"], expert()] = "32"
    """number format of the forward pass"""
    debug: Annotated[int, COUNT_OR_ZERO, number_or_none("-d", expert=True)] = 0
    """draw the first N batches to FOLDER/debug: pictures, joints and heatmaps, true and predicted"""
    compile: Annotated[bool, expert()] = False
    """compile the network (torch.compile): one minute at the start, then faster steps"""
