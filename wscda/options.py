"""Options of `zoopose wscda` and `zoopose pplo`; what the paper leaves open is ours, and says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from ..train.options import RunOptions

_arg = tyro.conf.arg


@dataclass
class DomainOptions(RunOptions):
    """What both take: labelled animals, unlabelled ones, a network to start from."""

    animal: str = ""
    """labelled animals, NAME[:PATH]"""
    target: str = ""
    """unlabelled animals, NAME[:PATH]; their labels, if they have any, are not read"""
    species: str = "horse"
    """of published data sets that hold several (--animal of the other commands)"""
    valid: str = ""
    """labelled animals that score the checkpoints, NAME[:PATH]; default: the validation split of --animal"""
    resume: str = ""
    """checkpoint to start from; or the last.pth.tar of an interrupted run, to go on with it"""
    num_epochs: Annotated[int, _arg(aliases=["--epochs"])] = 30
    """epochs in all"""
    steps: int = 0
    """batches an epoch; 0: until the largest of the sets is through"""


@dataclass
class WscdaOptions(DomainOptions):
    """`zoopose wscda`."""

    human: str = ""
    """labelled humans, NAME[:PATH]"""
    alpha: float = -1.0
    """weight of the domain loss for all but the discriminator, at most 0; the paper's is -1"""
    beta: float = 500.0
    """weight of the pose loss; the paper's is 500, for losses that are means over cells and joints"""
    w1: float = 1.0
    """weight of humans against animals within the domain loss (ours: the paper gives no number)"""
    w2: float | None = None
    """weight of the animals' pose loss; default: humans per labelled animal in a batch (ours)"""
    alpha_warmup: float = 0.5
    """share of the training over which alpha grows from 0 (ours); 0: it is there from the start"""
    adapter: int = 2
    """residual blocks of the adaptation network between the features and the animals' head (ours: the paper gives no layout); 0: no
    such network"""
    augment: Literal["auto", "strong", "standard", "none"] = "auto"
    """augmentation of the pictures of all domains; auto: strong"""
    probe: bool = False
    """at the end, ask a fresh linear classifier how well the feature map tells labelled from unlabelled animals"""

    checkpoint: Annotated[str, _arg(aliases=["-c"])] = "checkpoint/wscda"
    """run folder: checkpoints, logs, report"""
    train_batch: Annotated[int, _arg(aliases=["--batch-size"])] = 6
    """pictures of each domain in a training batch, on every device"""

    @property
    def labelled(self) -> str:
        """The data whose joints the network learns: the animals, or the humans where no animal is labelled."""
        return self.animal or self.human
