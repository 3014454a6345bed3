"""Train a network on joints and body parts together (published as train_multitask.py).

Examples:

    python train/train_multitask.py --image-path ./animal_data/ --checkpoint ./checkpoint/synthetic_animal/horse/horse_multitask
        --animal horse

    zoopose train --arch hg_multitask --stacks 8 --dataset synthetic_animal_sp_multitask --checkpoint runs/horse_multitask

    python evaluation/test.py --dataset synthetic_animal_sp_multitask --animal horse
        --resume ./checkpoint/synthetic_animal/horse/horse_multitask/model_best.pth.tar

The part maps of the renderings lie beside their pictures (<stem>_partseg.png); `zoopose data make` writes them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

from zoopose.commandline.flags import flag
from zoopose.commandline.parsing import command
from zoopose.train.options import TrainOptions
from zoopose.train.train import run


@dataclass(frozen=True, kw_only=True)
class MultitaskOptions(TrainOptions):
    """The options of `zoopose train`, with the published defaults of train_multitask.py."""

    dataset: str = "synthetic_animal_sp_multitask"
    """labelled data with part maps, NAME[:PATH]"""
    arch: Annotated[str, flag("-a")] = "hg_multitask"
    """the network; another one trains on joints alone"""
    stacks: Annotated[int, flag("-s")] = 8
    """hourglasses in a row"""


if __name__ == "__main__":
    sys.exit(command(run, MultitaskOptions, "train_multitask.py", __doc__))
