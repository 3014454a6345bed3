"""Options of the training commands: published names and defaults (ccssl section 12), and ours.

Each concern is a class of its own, see `evaluation/options.py`. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

from ..commandline.flags import dead, expert, flag, number_or_none, sized
from ..commandline.limits import COUNT, COUNT_OR_ZERO, SEED, SHARE, SIDE, Limits, zero_or
from ..evaluation.options import DeviceOptions, FolderOptions, MirrorOptions, NetworkUseOptions, TargetOptions

RESNET = "the name of a network says how many layers it has: --arch sb_pose_resnet50"
# number of an hourglass -> its own option
HOURGLASS = {"num_stacks": "stacks", "num_blocks": "blocks", "width": "width", "depth": "depth"}


@dataclass(frozen=True)
class CacheOptions(FolderOptions):
    """Where decoded pictures are kept."""

    TITLE: ClassVar[str] = "Reading pictures"

    cache_gib: Annotated[float, Limits(0, 1_000_000), expert()] = 2.0
    """memory for decoded crops in GiB; more crops go to a file; 0: decode every picture in every epoch"""
    cache_folder: Annotated[str, flag(metavar="FOLDER", expert=True)] = ""
    """folder for that file, which is deleted at the end; default: the run folder"""


@dataclass(frozen=True)
class NetworkOptions:
    """A new network: its layers, its input, its heatmaps."""

    TITLE: ClassVar[str] = "Network"

    arch: Annotated[str, flag("-a", metavar="NAME")] = "hg"
    """name of the network: hg, hrnet_w32, sb_pose_resnet50, ...; list: `zoopose doctor --models`"""
    arch_options: Annotated[str, flag(metavar="NAME=VALUE,...", expert=True)] = ""
    """further numbers of the network; list: `zoopose doctor --models`"""
    trunk_weights: Annotated[str, flag(metavar="FILE")] = ""
    """ImageNet weights for the trunk of a new network: a state dict of torchvision's ResNet or of HRNet"""
    stacks: Annotated[int, Limits(1, 64), flag("-s")] = 4
    """hg: number of hourglasses in a row"""
    blocks: Annotated[int, Limits(1, 64), expert("-b")] = 1
    """hg: number of residual blocks at each place of an hourglass"""
    width: Annotated[int, Limits(2, 4096)] = 128
    """hg: channels inside a block; a map has twice as many"""
    depth: Annotated[int, Limits(0, 10), expert()] = 0
    """hg: number of times a map is halved; 0: 4, or fewer if the input is small"""
    inp_res: Annotated[int | tuple[int, int], SIDE, sized()] = 0
    """input size in px: a side, or rows and columns, e.g. 256x192; 0: that of the start network, else 256"""
    out_res: Annotated[int | tuple[int, int], zero_or(1, 8192), sized(expert=True)] = 0
    """size of the heatmaps in cells; 0: a quarter of the input"""
    codec: Annotated[str, flag(metavar="NAME")] = ""
    """how heatmaps encode joints: dark, argmax, quarter, softargmax, udp, udp_offset, udp_offset4, grmi, megvii, cpn; default:
    that of the start network, else dark"""
    sigma: Annotated[float, zero_or(0.05, 1000), expert()] = 0.0
    """standard deviation of a target peak in cells; 0: that of the start network, else 1"""


@dataclass(frozen=True)
class TargetMapOptions:
    """What the heatmaps of a network are trained towards, and how far off they are."""

    TITLE: ClassVar[str] = "Loss"

    loss: Annotated[str, flag(metavar="NAME")] = "auto"
    """loss on the heatmaps: balanced (peaks weigh more than empty cells; learns fastest), mean, published, or the loss of a
    codec; auto: published for published crops, else that of the codec, else balanced"""
    hidden: Annotated[Literal["auto", "train", "ignore"], expert()] = "auto"
    """joints that are labelled but not visible; auto: train on them where a person placed them (COCO files), ignore them in
    TigDog and in renderings"""
    label_type: Annotated[Literal["Gaussian", "Cauchy"], expert()] = "Gaussian"
    """curve of a target peak"""


@dataclass(frozen=True)
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
    decay: Literal["step", "cosine", "linear"] = "step"
    """how the learning rate falls. step: by --gamma at the epochs of --schedule; cosine: along a cosine to a fiftieth; linear: in
    a straight line to 0"""
    schedule: Annotated[tuple[int, ...], COUNT_OR_ZERO] = (60, 90)
    """with --decay step: epochs after which the learning rate falls, counted from 0"""
    gamma: Annotated[float, Limits(0, 1000), expert()] = 0.1
    """with --decay step: factor on the learning rate at those epochs"""


@dataclass(frozen=True)
class AugmentOptions(MirrorOptions):
    """How pictures are changed in training."""

    TITLE: ClassVar[str] = "Augmentation"

    scale_factor: Annotated[float, Limits(0, 1), expert()] = 0.25
    """standard augmentation: largest relative change of size"""
    rot_factor: Annotated[float, Limits(0, 360), expert()] = 30.0
    """standard augmentation: standard deviation of the rotation in degrees"""


@dataclass(frozen=True)
class RunOptions(FolderOptions, DeviceOptions):
    """A run: its folder, its devices, its checkpoints and log."""

    TITLE: ClassVar[str] = "Run"

    restart: bool = False
    """start anew in a folder that contains a run; default: continue that run"""
    snapshot: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """epochs between two checkpoints that are kept (checkpoint_N.pth.tar); 0: keep the best and the last only"""
    print_freq: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """batches between two lines of the log; 0: one line an epoch"""
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


@dataclass(frozen=True)
class FitOptions(
    RunOptions, OptimOptions, TargetMapOptions, NetworkOptions, AugmentOptions, CacheOptions, NetworkUseOptions
):
    """What every command that trains takes."""

    valid: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """validation data"""
    resume: Annotated[str | None, flag(metavar="FILE")] = ""
    """checkpoint to start from"""

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ()  # accepted from published commands, without effect
    # resuming with another value of these does not change what is computed, or is what resuming is for
    FREE: ClassVar[frozenset[str]] = frozenset(
        "epochs num_epochs workers resume init_weights evaluate debug json checkpoint restart snapshot strict_data cache_gib "
        "cache_folder image_path compile accelerator print_freq test_batch predict_batch".split()
    )

    @property
    def run_epochs(self) -> int:
        """Number of epochs of the run, whatever the option for it is called."""
        raise NotImplementedError

    @property
    def augmentations(self) -> frozenset[str]:
        """Names of the augmentations of the run's pictures; `auto` where the data decide."""
        raise NotImplementedError

    @classmethod
    def under_todays_names(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Options as a run of an earlier version wrote them, by the names that they have now."""
        return dict(values)


@dataclass(frozen=True)
class AdaptOptions(FitOptions, TargetOptions):
    """What every command takes that adapts a network to unlabelled animals."""

    TITLE: ClassVar[str] = "Adaptation"
    # of a new network, which an adaptation mostly does not build; and what is set once, when the start network is trained
    EXPERT: ClassVar[frozenset[str]] = frozenset(
        "arch trunk_weights stacks width inp_res codec loss solver decay schedule classes category partners flip".split()
    )

    source: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled animals"""
    valid: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled animals to score checkpoints on; default: the validation part of --source"""
    resume: Annotated[str | None, flag(metavar="FILE")] = ""
    """checkpoint to start from; or last.pth.tar of a stopped run, to continue it"""
    num_epochs: Annotated[int, COUNT, flag("--epochs")] = 30
    """number of epochs"""
    steps: Annotated[int, COUNT_OR_ZERO] = 0
    """batches an epoch; 0: as many as the largest data set has"""
    train_batch: Annotated[int, Limits(1, 65_536), flag("--batch-size")] = 6
    """number of pictures of each domain in a training batch, on each device"""

    @property
    def run_epochs(self) -> int:
        """See `FitOptions.run_epochs`."""
        return self.num_epochs


@dataclass(frozen=True)
class LabelOptions(AdaptOptions):
    """What methods take that train on the network's own labels, made in rounds."""

    TITLE: ClassVar[str] = "Pseudo-labels"

    refresh: Annotated[int, COUNT_OR_ZERO] = 0
    """epochs between two rounds of labelling"""
    check_limit: Annotated[float, Limits(0, inf), expert()] = 0.0
    """largest error of a label's checks, in shares of the crop's side; labels above it are left out"""
    share_first: Annotated[float | None, SHARE] = None
    """share of the labels that train in the first round"""
    share_last: Annotated[float | None, SHARE] = None
    """share of the labels that train in the last round"""
    no_guard: Annotated[bool, expert()] = False
    """continue if poses shrink in their boxes; default: end the run, and write the start network as model_best"""
    # growth of the box-fill distance, as a share of the start network's; chosen on five runs of benchmarks/adaptation and on three
    # of the pairs in docs/methods/guard.md: runs that gained grew by at most 49 %, but for a target at a third of its size
    guard_limit: Annotated[float, Limits(0, inf), expert()] = 0.6
    """share by which the distance of the box fill (docs/methods/guard.md) may grow over that of the start network; less if that
    is large already"""


@dataclass(frozen=True)
class TrainOptions(FitOptions):
    """`zoopose train`."""

    TITLE: ClassVar[str] = "Training"

    dataset: Annotated[str, flag(metavar="NAME[:PATH]")] = "synthetic_animal_sp"
    """labelled data: coco:PATH.json, real_animal, real_animal_sp, synthetic_animal, synthetic_animal_sp, ..."""
    valid: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """validation data; default: the validation part of --dataset"""
    epochs: Annotated[int, COUNT] = 100
    """number of epochs"""
    recipe: Annotated[str, flag(metavar="NAME")] = ""
    """published training, e.g. coco/hrnet_w32_256x192; it sets every option that is not given"""
    iterations: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """length of the training in batches; 0: --epochs counts"""
    warmup: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """number of batches in which the learning rate rises at the start"""
    warmup_factor: Annotated[float, SHARE, expert()] = 0.0
    """share of the learning rate at the first batch of --warmup"""
    stages: Annotated[int, Limits(1, 1000), expert()] = 1
    """number of times the whole schedule runs, each time from the best weights so far (LPN)"""
    joint_weights: Annotated[bool, expert()] = False
    """with a recipe: elbows and knees count 1.2 times, wrists and ankles 1.5 times"""
    start_epoch: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """number of the first epoch; 0: that of the checkpoint"""
    sigma_decay: Annotated[float, Limits(0, 10), expert()] = 0.0
    """--sigma is multiplied by this after every epoch; 0: it stays the same"""
    augment: Literal["auto", "strong", "standard", "none", "published", "recipe"] = "auto"
    """augmentation; auto: strong, but standard for real_animal and synthetic_animal; published: crops, targets and augmentation
    of CC-SSL; recipe: that of --recipe"""
    resume: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint to continue from, with its epoch and optimiser"""
    init_weights: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint to take the weights from; if it has other joints, the corresponding ones are taken"""
    evaluate: Annotated[bool, flag("-e")] = False
    """only score the checkpoint of --resume on the validation data"""
    year: Annotated[int, dead()] = 2014
    features: Annotated[int, dead()] = 256
    resnet_layers: Annotated[int, dead(why=RESNET)] = 50
    target_weight: Annotated[bool, dead()] = False

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ("year", "features", "resnet_layers", "target_weight")

    @property
    def run_epochs(self) -> int:
        """See `FitOptions.run_epochs`."""
        return self.epochs

    @property
    def augmentations(self) -> frozenset[str]:
        """See `FitOptions.augmentations`."""
        return frozenset((self.augment,))

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


@dataclass(frozen=True)
class ImportOptions:
    """`zoopose import`."""

    TITLE: ClassVar[str] = "Import"

    weights: Annotated[str, flag(metavar="FILE")] = ""
    """published file: a state dict, or a checkpoint that contains one"""
    recipe: Annotated[str, flag(metavar="NAME")] = ""
    """published training of these weights, e.g. coco/hrnet_w32_256x192"""
    arch_options: Annotated[str, flag(metavar="NAME=VALUE,...")] = ""
    """numbers of the network that differ from the recipe's, e.g. wasp=v1 for OmniPose's published weights"""
    joints: Annotated[str, flag(metavar="NAME,...|FILE")] = ""
    """joint names, in order, if they differ from those of the recipe's data; FILE: one name a line"""
    out: Annotated[str, flag(metavar="FILE")] = ""
    """file to write; default: WEIGHTS.zoopose.pth.tar"""
