"""Options of `zoopose wscda` and `zoopose pplo`; what the paper leaves open is ours, and says so."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, ClassVar, Literal

import tyro

from ..commandline.limits import COUNT, COUNT_OR_ZERO, SHARE, Limits
from ..train.options import RunOptions

_arg = tyro.conf.arg


@dataclass
class DomainOptions(RunOptions):
    """What both take: labelled animals, unlabelled ones, a network to start from."""

    animal: str = ""
    """labelled animals, NAME[:PATH]"""
    target: str = ""
    """unlabelled animals, NAME[:PATH]; their labels, if they have any, are not read"""
    target_classes: str = ""
    """classes of --target where it holds several, such as dog,cat; default: those of --classes"""
    target_category: str = ""
    """category of a COCO file as --target; default: that of --category, where the file has it"""
    species: str = "horse"
    """of published data sets that hold several (--animal of the other commands)"""
    valid: str = ""
    """labelled animals that score the checkpoints, NAME[:PATH]; default: the validation split of --animal"""
    resume: str = ""
    """checkpoint to start from; or the last.pth.tar of an interrupted run, to go on with it"""
    num_epochs: Annotated[int, COUNT, _arg(aliases=["--epochs"])] = 30
    """epochs in all"""
    steps: Annotated[int, COUNT_OR_ZERO] = 0
    """batches an epoch; 0: until the largest of the sets is through"""


@dataclass
class WscdaOptions(DomainOptions):
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
    train_batch: Annotated[int, Limits(1, 65_536), _arg(aliases=["--batch-size"])] = 6
    """pictures of each domain in a training batch, on every device"""

    # alpha grows over a share of all epochs: a run of another number is another run
    FREE: ClassVar[frozenset[str]] = RunOptions.FREE - {"epochs", "num_epochs"}

    @property
    def labelled(self) -> str:
        """The data whose joints the network learns: the animals, or the humans where no animal is labelled."""
        return self.animal or self.human


@dataclass
class PploOptions(DomainOptions):
    """`zoopose pplo`; the paper fixes the idea (own selected predictions, easy ones first), every number and rule below is ours."""

    num_epochs: Annotated[int, COUNT_OR_ZERO, _arg(aliases=["--epochs"])] = 0
    """epochs in all; 0: --rounds times --refresh-every, or 30"""
    rounds: Annotated[int, Limits(1, 100)] = 6  # two digits in a file name
    """rounds of labelling (ours)"""
    refresh_every: Annotated[int, COUNT_OR_ZERO] = 0
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
    no_guard: bool = False
    """go on where poses fill their boxes ever less like the source's, instead of ending the run and giving the start network back
    as model_best"""
    guard_limit: Annotated[float, Limits(0, inf)] = 0.6
    """share by which the distance of the poses' box fill from the source's may grow over that of the start network; less where that
    one is far already"""
    source_augment: Literal["strong", "standard", "none"] = "strong"
    """augmentation of the labelled pictures (ours)"""
    target_augment: Literal["strong", "standard", "none"] = "strong"
    """augmentation of the pseudo-labelled pictures (ours)"""
    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "./checkpoint/pplo"
    """run folder: checkpoints, pseudo-labels, logs, reports"""
    train_batch: Annotated[int, Limits(1, 65_536), _arg(aliases=["--batch-size"])] = 6
    """half the pictures of a training batch, on every device; see --source-ratio"""

    # the rounds lie where the number of epochs puts them: a run of another number is another run
    FREE: ClassVar[frozenset[str]] = RunOptions.FREE - {"epochs", "num_epochs"}
