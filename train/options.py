"""Options of the training commands: published names and defaults (ccssl section 12), and ours beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

import tyro

from ..commandline.limits import COUNT, COUNT_OR_ZERO, SEED, SHARE, SIDE, Limits, zero_or
from ..commandline.parsing import dead, number_or_none, sized
from ..evaluation.options import DeviceOptions, FolderOptions, MirrorOptions, NetworkUseOptions, TargetOptions

_arg = tyro.conf.arg
RESNET = "the name of a network says how many layers it has: --arch sb_pose_resnet50"
HOURGLASS = {
    "num_stacks": "stacks",
    "num_blocks": "blocks",
    "width": "width",
    "depth": "depth",
}  # number -> its own option


@dataclass(frozen=True)
class CacheOptions(FolderOptions):
    """Where decoded pictures are kept."""

    cache_gib: Annotated[float, Limits(0, 1_000_000)] = 2.0
    """memory for decoded crops; beyond it they go to a file; 0: keep none, decode them anew every epoch"""
    cache_folder: str = ""
    """where that file may lie; default: the run folder; it has no name and goes with the run"""


@dataclass(frozen=True)
class NetworkOptions:
    """A new network: its layers, its input, its maps."""

    arch: Annotated[str, _arg(aliases=["-a"])] = "hg"
    """network: hg, hrnet_w32, sb_pose_resnet50, ...; `zoopose doctor --models` lists them"""
    arch_options: str = ""
    """further numbers of the network, NAME=VALUE,NAME=VALUE,...; `zoopose doctor --models` lists them too"""
    trunk_weights: str = ""
    """of a new network: a state dict file to start its trunk from, of torchvision's ResNet or the published HRNet (ImageNet)"""
    stacks: Annotated[int, Limits(1, 64), _arg(aliases=["-s"])] = 4
    """hg: hourglasses in a row"""
    blocks: Annotated[int, Limits(1, 64), _arg(aliases=["-b"])] = 1
    """hg: residual blocks at every place of an hourglass"""
    width: Annotated[int, Limits(2, 4096)] = 128
    """hg: planes of the blocks; the maps inside have twice as many channels"""
    depth: Annotated[int, Limits(0, 10)] = 0
    """hg: halvings in an hourglass; 0: the published 4, or as many as the input side allows"""
    inp_res: Annotated[int | tuple[int, int], SIDE, sized()] = 0
    """side of the input, px, or rows and columns: 256x192; 0: that of the network to start from, else 256"""
    out_res: Annotated[int | tuple[int, int], zero_or(1, 8192), sized()] = 0
    """side of the heatmaps, cells, or rows and columns; 0: a quarter of the input's"""
    codec: str = ""
    """how maps mean joints: dark, argmax, quarter, softargmax, udp, udp_offset, udp_offset4, grmi, megvii, cpn; default: that of
    the network to start from, else dark"""
    sigma: Annotated[float, zero_or(0.05, 1000)] = 0.0
    """width of the target peaks, cells; 0: that of the network to start from, else 1"""


@dataclass(frozen=True)
class TargetMapOptions:
    """What the maps of a network are trained towards, and how far off they are."""

    loss: str = "auto"
    """what is minimised, of the maps' squared error. balanced: mean over labelled joints, peaks weighted up (learns much faster);
    mean: without the weighting; published: the published reduction. auto: published for published crops, else balanced, or what
    belongs to the codec"""
    hidden: Literal["auto", "train", "ignore"] = "auto"
    """joints that are labelled but hidden; auto: train on them where a person has placed them, as in COCO files; ignore them in
    TigDog, as published, and in renderings, where left and right legs behind each other only confuse"""
    label_type: Literal["Gaussian", "Cauchy"] = "Gaussian"
    """shape of the target peaks"""


@dataclass(frozen=True)
class OptimOptions:
    """Batches, optimiser and learning rate."""

    train_batch: Annotated[int, Limits(1, 65_536)] = 6
    """pictures in a training batch, of every domain, on every device"""
    solver: Literal["rms", "adam"] = "rms"
    """optimiser: RMSprop or Adam"""
    lr: Annotated[float, Limits(0, 1000), _arg(aliases=["--learning-rate"])] = 2.5e-4
    """learning rate"""
    momentum: Annotated[float, SHARE] = 0.0
    """of RMSprop"""
    weight_decay: Annotated[float, Limits(0, 1000), _arg(aliases=["--wd"])] = 0.0
    """L2 penalty"""
    rms_alpha: Annotated[float, SHARE] = 0.99
    """of RMSprop: share of the mean square that is kept at every step"""
    rms_eps: Annotated[float, SHARE] = 1e-8
    """of RMSprop: added to the root of the mean square"""
    decay_norms: bool = True
    """the penalty acts on norms and biases too, as in all published trainings but OpenPose's; --no-decay-norms spares them"""
    decay: Literal["step", "cosine", "linear"] = "step"
    """how the rate falls: by --gamma at the epochs of --schedule, along a cosine to a fiftieth, or in a straight line to 0"""
    schedule: Annotated[tuple[int, ...], COUNT_OR_ZERO] = (60, 90)
    """epochs after which the rate falls, counted from 0"""
    gamma: Annotated[float, Limits(0, 1000)] = 0.1
    """factor at those epochs"""


@dataclass(frozen=True)
class AugmentOptions(MirrorOptions):
    """How pictures are changed in training."""

    scale_factor: Annotated[float, Limits(0, 1)] = 0.25
    """standard augmentation: relative change of size"""
    rot_factor: Annotated[float, Limits(0, 360)] = 30.0
    """standard augmentation: standard deviation of the turn, degrees"""


@dataclass(frozen=True)
class RunOptions(FolderOptions, DeviceOptions):
    """A run: its folder, its devices, its checkpoints and log."""

    restart: bool = False
    """begin anew in a folder that holds an earlier run of other options, or of the same"""
    snapshot: Annotated[int, COUNT_OR_ZERO] = 0
    """keep checkpoint_N.pth.tar every so many epochs; 0: never"""
    print_freq: Annotated[int, COUNT_OR_ZERO] = 0
    """a line in the log every so many batches; 0: one an epoch"""
    seed: Annotated[int, SEED] = 0
    """of every draw"""
    devices: Annotated[int, Limits(1, 256)] = 1
    """devices to train on; more than one starts as many processes, torchrun works too"""
    precision: Literal["32", "bf16-mixed"] = "32"
    """number format of the forward pass"""
    debug: Annotated[int, COUNT_OR_ZERO, number_or_none(), _arg(aliases=["-d"])] = 0
    """draw the first so many batches to RUN FOLDER/debug: pictures with true and predicted joints, target and predicted maps"""
    compile: bool = False
    """torch.compile: about a minute at the start, faster steps after"""


@dataclass(frozen=True)
class FitOptions(
    RunOptions, OptimOptions, TargetMapOptions, NetworkOptions, AugmentOptions, CacheOptions, NetworkUseOptions
):
    """What every command that trains takes."""

    valid: str = ""
    """validation data, NAME[:PATH]"""

    # resuming with another value of these does not change what is computed, or is what resuming is for
    FREE: ClassVar[frozenset[str]] = frozenset(
        "epochs num_epochs workers resume init_weights evaluate debug json checkpoint restart snapshot strict_data cache_gib "
        "cache_folder image_path compile accelerator print_freq test_batch predict_batch".split()
    )

    @classmethod
    def under_todays_names(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Options as a run of an earlier version wrote them, by the names that they have now."""
        return dict(values)


@dataclass(frozen=True)
class AdaptOptions(FitOptions, TargetOptions):
    """What every command takes that adapts a network to unlabelled animals."""

    source: str = ""
    """labelled animals, NAME[:PATH]"""
    valid: str = ""
    """labelled animals that score the checkpoints, NAME[:PATH]; default: the validation split of --source"""
    resume: str | None = ""
    """checkpoint to start from; or the last.pth.tar of an interrupted run, to go on with it"""
    num_epochs: Annotated[int, COUNT, _arg(aliases=["--epochs"])] = 30
    """epochs in all"""
    steps: Annotated[int, COUNT_OR_ZERO] = 0
    """batches an epoch; 0: until the largest of the sets is through"""
    train_batch: Annotated[int, Limits(1, 65_536), _arg(aliases=["--batch-size"])] = 6
    """pictures of each domain in a training batch, on every device"""


@dataclass(frozen=True)
class LabelOptions(AdaptOptions):
    """What methods take that train on the network's own labels, some rounds long."""

    refresh: Annotated[int, COUNT_OR_ZERO] = 0
    """epochs between two rounds of labelling"""
    check_limit: Annotated[float, Limits(0, inf)] = 0.0
    """a label is left out where one of its checks misses by more, in shares of the crop's side"""
    share_first: Annotated[float | None, SHARE] = None
    """share of the labels admitted in the first round"""
    share_last: Annotated[float | None, SHARE] = None
    """share admitted in the last round"""
    no_guard: bool = False
    """go on where poses fill their boxes ever less like the source's, instead of ending the run and giving the start network back
    as model_best"""
    guard_limit: Annotated[float, Limits(0, inf)] = 0.6
    """share by which the distance of the poses' box fill from the source's may grow over that of the start network; less where that
    one is far already"""


@dataclass(frozen=True)
class TrainOptions(FitOptions):
    """`zoopose train`."""

    dataset: str = "synthetic_animal_sp"
    """labelled data, NAME[:PATH]: coco:PATH.json, real_animal, real_animal_sp, synthetic_animal, synthetic_animal_sp, ..."""
    valid: str = ""
    """validation data, NAME[:PATH]; default: the validation split of --dataset"""
    epochs: Annotated[int, COUNT] = 100
    """epochs in all"""
    recipe: str = ""
    """a published training, e.g. coco/hrnet_w32_256x192: all options that are not given are then the recipe's"""
    iterations: Annotated[int, COUNT_OR_ZERO] = 0
    """length of the training in batches instead of --epochs; 0: --epochs counts"""
    warmup: Annotated[int, COUNT_OR_ZERO] = 0
    """batches over which the rate rises at the beginning"""
    warmup_factor: Annotated[float, SHARE] = 0.0
    """share of the rate at the first of them"""
    stages: Annotated[int, Limits(1, 1000)] = 1
    """how many times the whole schedule is run, each time from the best weights so far (LPN)"""
    joint_weights: bool = False
    """recipes: elbows and knees count 1.2, wrists and ankles 1.5 times"""
    start_epoch: Annotated[int, COUNT_OR_ZERO] = 0
    """count from this epoch instead of the checkpoint's"""
    sigma_decay: Annotated[float, Limits(0, 10)] = 0.0
    """multiply --sigma by this every epoch; 0: constant"""
    augment: Literal["auto", "strong", "standard", "none", "published", "recipe"] = "auto"
    """auto: strong, but standard for real_animal and synthetic_animal; published: that of CC-SSL, crops and targets too; recipe:
    that of --recipe, cut straight from the pictures"""
    resume: str = ""
    """checkpoint to go on from, with its epoch and optimiser"""
    init_weights: str = ""
    """checkpoint to take only the weights from; of a network for other joints, those that correspond are carried over"""
    evaluate: Annotated[bool, _arg(aliases=["-e"])] = False
    """score the checkpoint of --resume on the validation data, and stop"""
    year: Annotated[int, dead()] = 2014
    features: Annotated[int, dead()] = 256
    resnet_layers: Annotated[int, dead(why=RESNET)] = 50
    target_weight: Annotated[bool, dead()] = False

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ("year", "features", "resnet_layers", "target_weight")

    @classmethod
    def with_recipe(cls, name: str, **more: Any) -> TrainOptions:
        """The options of a published training, and `more` in place of its own.

        Raises:
            OptionError: no such recipe.
        """
        from ..pose.models import option_text
        from .recipes import load_recipe

        recipe = load_recipe(name)
        found = {n: getattr(recipe, n) for n in
                 ("arch", "codec", "sigma", "inp_res", "solver", "momentum", "lr", "weight_decay", "decay_norms", "gamma", "loss",
                  "iterations", "warmup", "warmup_factor", "stages", "joint_weights")}  # fmt: skip
        found |= {
            "recipe": name, "dataset": recipe.data, "schedule": recipe.milestones, "decay": recipe.shape, "flip": recipe.flip_test,
            "epochs": recipe.epochs or cls.epochs,
            "augment": "published" if recipe.frame == "published" else "recipe",
            **{HOURGLASS[key]: value for key, value in recipe.options.items() if key in HOURGLASS},
            "arch_options": ",".join(f"{k}={option_text(v)}" for k, v in recipe.options.items() if k not in HOURGLASS),
        }  # fmt: skip
        found |= more
        devices = int(found.get("devices", 1))
        return cls(**{"train_batch": max(1, recipe.batch * recipe.gpus // devices), **found})
