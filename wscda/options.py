"""Options of `zoopose wscda` and `zoopose pplo`.

The paper (Cao et al., ICCV 2019) gives the idea of both, and of WS-CDA alpha and beta; every other number and rule is ours.
Defaults of PPLO are plain ones, not tuned; of WS-CDA, docs/methods/wscda.md says which were measured.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

from ..commandline.flags import expert, flag
from ..commandline.limits import COUNT_OR_ZERO, SHARE, Limits
from ..train.options import AdaptOptions, FitOptions, GuardOptions, LabelOptions


@dataclass(frozen=True, kw_only=True)
class EarlierNames(AdaptOptions):
    """Options under the names of earlier versions: --animal for the labelled data, --species, --refresh-every."""

    FIRST: ClassVar[tuple[str, ...]] = ("Adaptation",)

    resume: Annotated[str, flag(metavar="FILE")] = ""
    """checkpoint to start from; or last.pth.tar of a stopped run, to continue it"""
    animal: Annotated[str, flag("--species", metavar="SPECIES")] = "horse"
    """species to take from a data set with several species"""

    @classmethod
    def under_todays_flags(cls, words: Sequence[str]) -> list[str]:
        """A command line with --source in place of an --animal that names data."""
        found = list(words)
        for place, word in enumerate(found):
            name, equals, value = word.partition("=")
            if name != "--animal":
                continue
            value = value if equals else "".join(found[place + 1 : place + 2])
            if ":" in value or value in _data_sets():
                found[place] = word.replace("--animal", "--source", 1)
        return found

    @classmethod
    def under_todays_names(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """See `FitOptions.under_todays_names`."""
        found = super().under_todays_names(values)
        if "species" in found:
            found["source"] = found.pop("animal", "")
            found["animal"] = found.pop("species")
        if "refresh_every" in found:
            found["refresh"] = found.pop("refresh_every")
        return found


def _data_sets() -> Collection[str]:
    from ..datasets.catalogue import SOURCES

    return SOURCES


@dataclass(frozen=True, kw_only=True)
class WscdaOptions(EarlierNames, GuardOptions):
    """`zoopose wscda`."""

    TITLE: ClassVar[str] = "WS-CDA"

    human: Annotated[str, flag(metavar="NAME[:PATH]")] = ""
    """labelled people"""
    alpha: Annotated[float, Limits(-1_000_000, 0)] = -1.0
    """weight of the domain loss, 0 or negative"""
    # 500 is the paper's, and was better than 120 on two pairs, with the network (docs/methods/wscda.md, "beta and the loss")
    beta: Annotated[float | None, Limits(1e-6, 1e9)] = None
    """weight of the pose loss; default: 500"""
    w1: Annotated[float, Limits(0, 1_000_000), expert()] = 1.0
    """weight of the loss for telling people from animals"""
    w2: Annotated[float | None, Limits(0, 1_000_000), expert()] = None
    """weight of the pose loss on animals; default: people / labelled animals in a batch, or 1 without people"""
    alpha_warmup: Annotated[float, SHARE, expert()] = 0.5
    """share of the training in which alpha grows from 0 to its value; 0: it does not grow"""
    # a probe tells the domains in 84.0 % of cases with 4, in 94.5 % with none: horse -> cattle_a, docs/methods/wscda.md
    discriminator_steps: Annotated[int, Limits(0, 1000), expert()] = 4
    """extra steps of the discriminator after every batch, on the same features; 0: none; training is then a third faster"""
    adapter: Annotated[int, Limits(0, 64), expert()] = 2
    """residual blocks between the features and the head of the animals"""
    augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of pictures; auto: strong"""
    plain_share: Annotated[float, SHARE] = 0.0
    """share of pictures that get no augmentation"""
    probe: bool = False
    """measure, before and after, how well a linear classifier tells labelled from unlabelled animals by their features"""

    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = "checkpoint/wscda"
    """run folder: checkpoints, log and report are written here"""

    # alpha grows over a share of all epochs: a run of another number is another run
    FREE: ClassVar[frozenset[str]] = FitOptions.FREE - {"epochs", "num_epochs"}

    @property
    def labelled(self) -> str:
        """The data whose joints the network learns: the animals, or the humans where no animal is labelled."""
        return self.source or self.human

    @property
    def augmentations(self) -> frozenset[str]:
        """See `FitOptions.augmentations`."""
        return frozenset((self.augment,))


@dataclass(frozen=True, kw_only=True)
class PploOptions(EarlierNames, LabelOptions):
    """`zoopose pplo`."""

    TITLE: ClassVar[str] = "PPLO"

    num_epochs: Annotated[int, COUNT_OR_ZERO, flag("--epochs")] = 0
    """number of epochs; 0: --rounds times --refresh, or 30"""
    rounds: Annotated[int, Limits(1, 100)] = 6  # two digits in a file name
    """number of rounds of labelling"""
    refresh: Annotated[int, COUNT_OR_ZERO, flag("--refresh-every")] = 0
    """epochs between two rounds of labelling; 0: --num-epochs divided by --rounds"""
    select: Literal["quantile", "threshold", "self_consistency", "small_loss"] = "quantile"
    """which labels are admitted. quantile: the highest peaks; threshold: all peaks of at least --threshold; self_consistency: the
    smallest difference between the heatmaps of picture and mirror image; small_loss: the smallest difference between the heatmap
    and an ideal one at the label"""
    threshold: Annotated[float | None, Limits(0, 1000), expert()] = None
    """labels with a lower peak are not admitted; default: 0.5 with --select threshold, otherwise 0"""
    share_first: Annotated[float, SHARE] = 0.2
    """share of the labels that is admitted in the first round"""
    share_last: Annotated[float, SHARE] = 0.8
    """share of the labels that is admitted in the last round"""
    grow: Annotated[Literal["linear", "cosine"], expert()] = "linear"
    """how the share grows from the first to the last round"""
    per: Annotated[Literal["joint", "global", "frame"], expert()] = "joint"
    """which labels a share means. joint: the best of each joint; global: the best of all; frame: the best of all, confident frames
    first"""
    check_limit: Annotated[float, Limits(0, inf), expert()] = 0.0
    """largest distance between a joint in picture and mirror image, in shares of the crop's side; labels with a larger one are
    not admitted; 0: no limit"""
    no_hold: Annotated[bool, expert()] = False
    """do not correct the drift of the labels; default: subtract their median movement since the first round"""
    target_weight: Annotated[float, Limits(0, 1_000_000), expert()] = 1.0
    """weight of the loss on unlabelled animals"""
    warmup_epochs: Annotated[int, COUNT_OR_ZERO, expert()] = 3
    """number of epochs in which --target-weight rises from 0 to its value"""
    source_ratio: Annotated[float, SHARE] = 0.5
    """share of labelled pictures in a batch; a batch has 2 x --train-batch pictures"""
    stop_below: Annotated[float, Limits(0, inf), expert()] = 0.01
    """the run ends if fewer labels than this share change in two rounds in a row; 0: it never ends early"""
    source_augment: Literal["strong", "standard", "none"] = "strong"
    """augmentation of labelled pictures"""
    target_augment: Literal["strong", "standard", "none"] = "strong"
    """augmentation of unlabelled pictures"""
    checkpoint: Annotated[str, flag("-c", metavar="FOLDER")] = "./checkpoint/pplo"
    """run folder: checkpoints, labels, log and report are written here"""
    train_batch: Annotated[int, Limits(1, 65_536), flag("--batch-size")] = 6
    """half the number of pictures in a training batch, on each device; a batch has 2 x this"""

    # the rounds lie where the number of epochs puts them: a run of another number is another run
    FREE: ClassVar[frozenset[str]] = FitOptions.FREE - {"epochs", "num_epochs"}

    @property
    def augmentations(self) -> frozenset[str]:
        """See `FitOptions.augmentations`."""
        return frozenset((self.source_augment, self.target_augment))
