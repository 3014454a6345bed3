"""Options of the training commands: published names and defaults (ccssl section 12), and ours.

Each concern is a class of its own, in `option_parts.py` and `evaluation/options.py`. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

from ..commandline.flags import dead, expert, flag
from ..commandline.limits import COUNT, COUNT_OR_ZERO, SHARE, Limits
from ..evaluation.options import NetworkUseOptions, TargetOptions
from .option_parts import AugmentOptions, CacheOptions, NetworkOptions, OptimOptions, RunOptions, TargetMapOptions

RESNET = "the name of a network says how many layers it has: --arch sb_pose_resnet50"
# number of an hourglass -> its own option
HOURGLASS = {"num_stacks": "stacks", "num_blocks": "blocks", "width": "width", "depth": "depth"}


@dataclass(frozen=True, kw_only=True)
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
        found = dict(values)
        if "trunk_weights" in found:
            found["trunk"] = found.pop("trunk_weights")
        return found


@dataclass(frozen=True, kw_only=True)
class AdaptOptions(FitOptions, TargetOptions):
    """What every command takes that adapts a network to unlabelled animals."""

    TITLE: ClassVar[str] = "Adaptation"
    # of a new network, which an adaptation mostly does not build; and what is set once, when the start network is trained
    EXPERT: ClassVar[frozenset[str]] = frozenset(
        "arch trunk stacks width inp_res codec loss solver decay schedule classes category partners flip".split()
    )

    source: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled animals; several data sets with + between them"""
    valid: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled animals to score checkpoints on; default: the validation part of --source"""
    resume: Annotated[str | None, flag(metavar="FILE")] = ""
    """checkpoint to start from; or last.pth.tar of a stopped run, to continue it"""
    num_epochs: Annotated[int, COUNT, flag("--epochs")] = 30
    """number of epochs"""
    steps: Annotated[int, COUNT_OR_ZERO] = 0
    """batches in an epoch; 0: as many as the largest data set has"""
    train_batch: Annotated[int, Limits(1, 65_536), flag("--batch-size")] = 6
    """number of pictures of each domain in a training batch, on each device"""

    @property
    def run_epochs(self) -> int:
        """See `FitOptions.run_epochs`."""
        return self.num_epochs


@dataclass(frozen=True, kw_only=True)
class GuardOptions(AdaptOptions):
    """What an adaptation takes that is kept from doing harm."""

    TITLE: ClassVar[str] = "Guard"

    no_guard: Annotated[bool, expert()] = False
    """measure no evidence against harm, stop no run for it, refuse no network as model_best (docs/methods/guard.md)"""
    # growth of the box-fill distance, as a share of the start network's; chosen on five runs of benchmarks/adaptation and on three
    # of the pairs in docs/methods/guard.md: runs that gained grew by at most 49 %, but for a target at a third of its size
    guard_limit: Annotated[float, Limits(0, inf), expert()] = 0.6
    """the run ends when the box-fill distance (docs/methods/guard.md) has grown by this share; if the distance is large at the
    start, the limit is lower; the limits of the other evidence are a twelfth of it"""


@dataclass(frozen=True, kw_only=True)
class LabelOptions(GuardOptions):
    """What methods take that train on the network's own labels, made in rounds."""

    TITLE: ClassVar[str] = "Pseudo-labels"

    target_labels: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """a few labelled target pictures to train on too"""
    refresh: Annotated[int, COUNT_OR_ZERO] = 0
    """epochs between two rounds of labelling"""
    check_limit: Annotated[float, Limits(0, inf), expert()] = 0.0
    """largest error of a label in its checks, in shares of the crop's side; labels with a larger error are not admitted"""
    share_first: Annotated[float | None, SHARE] = None
    """share of the labels that is admitted in the first round"""
    share_last: Annotated[float | None, SHARE] = None
    """share of the labels that is admitted in the last round"""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(FitOptions):
    """`zoopose train`."""

    TITLE: ClassVar[str] = "Training"
    # only for a COCO file whose joint names do not show the side
    EXPERT: ClassVar[frozenset[str]] = frozenset({"partners"})

    dataset: Annotated[str, flag(metavar="NAME[:PATH]")] = "synthetic_animal_sp"
    """labelled data: coco:PATH.json, real_animal, real_animal_sp, synthetic_animal, synthetic_animal_sp, ...;
    several with + between them"""
    valid: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """validation data; default: the validation part of --dataset"""
    epochs: Annotated[int, COUNT] = 100
    """number of epochs"""
    recipe: Annotated[str, flag(metavar="NAME")] = ""
    """published training, e.g. coco/hrnet_w32_256x192; it sets all options that you do not give"""
    iterations: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """length of the training in batches; 0: --epochs counts"""
    warmup: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """number of batches in which the learning rate rises at the start"""
    warmup_factor: Annotated[float, SHARE, expert()] = 0.0
    """with --warmup: the learning rate starts at this share of --lr"""
    stages: Annotated[int, Limits(1, 1000), expert()] = 1
    """number of times the whole schedule runs, each time from the best weights so far (LPN)"""
    joint_weights: Annotated[bool, expert()] = False
    """with a recipe: elbows and knees weigh 1.2 times in the loss, wrists and ankles 1.5 times"""
    start_epoch: Annotated[int, COUNT_OR_ZERO, expert()] = 0
    """number of the first epoch; 0: that of the checkpoint"""
    sigma_decay: Annotated[float, Limits(0, 10), expert()] = 0.0
    """--sigma is multiplied by this after every epoch; 0: it stays the same"""
    augment: Literal["auto", "strong", "standard", "none", "published", "recipe"] = "auto"
    """augmentation. none: plain pictures; standard: size, rotation, mirroring, colour; strong: more changes; published: crops,
    targets and augmentation of the published CC-SSL code; recipe: that of --recipe; auto: standard for real_animal and
    synthetic_animal, otherwise strong"""
    resume: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint to continue from, with its epoch and optimiser"""
    init_weights: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint to take the weights from; if its joints differ, only shared joints are taken over"""
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


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """`zoopose import`."""

    TITLE: ClassVar[str] = "Import"

    weights: Annotated[str, flag(metavar="FILE")] = ""
    """published file: a state dict, or a checkpoint that contains one"""
    recipe: Annotated[str, flag(metavar="NAME")] = ""
    """published training of these weights, e.g. coco/hrnet_w32_256x192"""
    arch_options: Annotated[str, flag(metavar="NAME=VALUE,...")] = ""
    """options of the network, if they differ from the recipe; e.g. wasp=v1 for OmniPose's published weights"""
    joints: Annotated[str, flag(metavar="NAME,...|FILE")] = ""
    """joint names, in order, if they differ from those of the recipe's data; FILE: one name a line"""
    out: Annotated[str, flag(metavar="FILE")] = ""
    """file to write; default: WEIGHTS.zoopose.pth.tar"""
