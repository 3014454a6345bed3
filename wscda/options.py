"""Options of `zoopose wscda` and `zoopose pplo`; what the paper leaves open is ours, and says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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
