"""Options of `zoopose wscda` and `zoopose pplo`; what the paper leaves open is ours, and says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, ClassVar, Literal

import tyro

from ..commandline.limits import COUNT_OR_ZERO, SHARE, Limits
from ..train.options import AdaptOptions, FitOptions, LabelOptions

_arg = tyro.conf.arg


@dataclass(frozen=True)
class EarlierNames(AdaptOptions):
    """Options under the names of earlier versions: --animal for the labelled data, --species, --refresh-every."""

    resume: str = ""
    """checkpoint to start from; or the last.pth.tar of an interrupted run, to go on with it"""
    animal: Annotated[str, _arg(aliases=["--species"])] = "horse"
    """species, for data sets that hold several"""

    @classmethod
    def under_todays_flags(cls, words: Sequence[str]) -> list[str]:
        """A command line with --source in place of an --animal that names data."""
        found = list(words)
        for place, word in enumerate(found):
            flag, equals, value = word.partition("=")
            if flag != "--animal":
                continue
            value = value if equals else "".join(found[place + 1 : place + 2])
            if ":" in value or value in _data_sets():
                found[place] = word.replace("--animal", "--source", 1)
        return found

    @classmethod
    def under_todays_names(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """See `FitOptions.under_todays_names`."""
        found = dict(values)
        if "species" in found:
            found["source"] = found.pop("animal", "")
            found["animal"] = found.pop("species")
        if "refresh_every" in found:
            found["refresh"] = found.pop("refresh_every")
        return found


def _data_sets() -> Collection[str]:
    from ..datasets.catalogue import SOURCES

    return SOURCES


@dataclass(frozen=True)
class WscdaOptions(EarlierNames):
    """`zoopose wscda`."""

    human: str = ""
    """labelled humans, NAME[:PATH]"""
    alpha: Annotated[float, Limits(-1_000_000, 0)] = -1.0
    """weight of the domain loss for all but the discriminator, at most 0; the paper's is -1"""
    beta: Annotated[float | None, Limits(1e-6, 1e9)] = None
    """weight of the pose loss, used as given; default: 500, the paper's. With --loss balanced, whose gradient is 4.1 times that
    of a mean, 120 would balance pose and domains as the paper does; 500 was chosen by measurement (docs/methods.md)"""
    w1: Annotated[float, Limits(0, 1_000_000)] = 1.0
    """weight of humans against animals within the domain loss (ours: the paper gives no number)"""
    w2: Annotated[float | None, Limits(0, 1_000_000)] = None
    """weight of the animals' pose loss; default: humans per labelled animal in a batch (ours), 1 without humans"""
    alpha_warmup: Annotated[float, SHARE] = 0.5
    """share of the training over which alpha grows from 0 (ours); 0: it is there from the start"""
    discriminator_steps: Annotated[int, Limits(0, 1000)] = 4
    """further steps that the discriminator takes alone after every batch, on the same features, at the rate --lr throughout (ours):
    it then tells the domains nearly as well as can be told, and the features must really become alike to deceive it; 0: none, a
    third faster"""
    adapter: Annotated[int, Limits(0, 64)] = 2
    """residual blocks of the adaptation network between the features and the animals' head (ours: the paper gives no layout); 0: no
    such network"""
    augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of the pictures of all domains; auto: strong"""
    plain_share: Annotated[float, SHARE] = 0.0
    """share of the pictures of all domains that are not augmented (ours): the network is used on such pictures, and features that
    look alike under strong augmentation only do not look alike there"""
    probe: bool = False
    """at the end, ask a fresh linear classifier how well the feature map tells labelled from unlabelled animals"""

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "checkpoint/wscda"
    """run folder: checkpoints, logs, report"""

    # alpha grows over a share of all epochs: a run of another number is another run
    FREE: ClassVar[frozenset[str]] = FitOptions.FREE - {"epochs", "num_epochs"}

    @property
    def labelled(self) -> str:
        """The data whose joints the network learns: the animals, or the humans where no animal is labelled."""
        return self.source or self.human


@dataclass(frozen=True)
class PploOptions(LabelOptions, EarlierNames):
    """`zoopose pplo`; the paper fixes the idea (own selected predictions, easy ones first), every number and rule below is ours."""

    num_epochs: Annotated[int, COUNT_OR_ZERO, _arg(aliases=["--epochs"])] = 0
    """epochs in all; 0: --rounds times --refresh, or 30"""
    rounds: Annotated[int, Limits(1, 100)] = 6  # two digits in a file name
    """rounds of labelling (ours)"""
    refresh: Annotated[int, COUNT_OR_ZERO, _arg(aliases=["--refresh-every"])] = 0
    """epochs of a round (ours); 0: --num-epochs shared out among the rounds"""
    select: Literal["quantile", "threshold", "self_consistency", "small_loss"] = "quantile"
    """what makes a label easy (ours). quantile: a high peak, the round's share of them; threshold: every peak of at least
    --threshold; self_consistency: the share for which the maps of a picture and of its mirror image differ least; small_loss: the
    share for which the network's map differs least from a peak at the label held so far"""
    threshold: Annotated[float | None, Limits(0, 1000)] = None
    """no label with a lower peak is admitted (ours); default 0.5 with --select threshold, else 0"""
    share_first: Annotated[float, SHARE] = 0.2
    """share of the labels admitted in the first round (ours)"""
    share_last: Annotated[float, SHARE] = 0.8
    """share admitted in the last round (ours)"""
    grow: Literal["linear", "cosine"] = "linear"
    """how the share grows in between (ours)"""
    per: Literal["joint", "global", "frame"] = "joint"
    """the share is of every joint type's labels, of all together, or of all, a label counting by its whole frame's confidence
    too (ours)"""
    check_limit: Annotated[float, Limits(0, inf)] = 0.0
    """a label is left out where the joint found in the mirror image lies further away, in shares of the crop's side (ours); 0: no
    such check"""
    no_hold: bool = False
    """let all labels move together from round to round, instead of taking back their median move since the first round (holding
    them is ours)"""
    target_weight: Annotated[float, Limits(0, 1_000_000)] = 1.0
    """weight of the pseudo-labelled pictures' loss (ours)"""
    warmup_epochs: Annotated[int, COUNT_OR_ZERO] = 3
    """epochs in which that weight rises evenly (ours); 0: it is there from the first"""
    source_ratio: Annotated[float, SHARE] = 0.5
    """share of labelled pictures in a batch of two times --train-batch (ours)"""
    stop_below: Annotated[float, Limits(0, inf)] = 0.01
    """end the run when two rounds in a row change a smaller share of the admitted labels (ours); 0: never"""
    source_augment: Literal["strong", "standard", "none"] = "strong"
    """augmentation of the labelled pictures (ours)"""
    target_augment: Literal["strong", "standard", "none"] = "strong"
    """augmentation of the pseudo-labelled pictures (ours)"""
    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "./checkpoint/pplo"
    """run folder: checkpoints, pseudo-labels, logs, reports"""
    train_batch: Annotated[int, Limits(1, 65_536), _arg(aliases=["--batch-size"])] = 6
    """half the pictures of a training batch, on every device; see --source-ratio"""

    # the rounds lie where the number of epochs puts them: a run of another number is another run
    FREE: ClassVar[frozenset[str]] = FitOptions.FREE - {"epochs", "num_epochs"}
