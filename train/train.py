"""Train a pose network on labelled animals.

Examples:

    zoopose train --dataset coco:horse/train.json --valid coco:horse/test.json --checkpoint runs/horse

    python train/train.py --dataset synthetic_animal_sp -a hg --stacks 4 --blocks 1 --image-path ./animal_data/
        --checkpoint ./checkpoint/synthetic_animal/horse/horse_spaug --animal horse

    python train/train.py --dataset real_animal --resume checkpoint/real_animal/horse/horse_hourglass/model_best.pth.tar
        --evaluate --animal horse

A stopped run continues with the same command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.parsing import command
from zoopose.train.options import TrainOptions


def run(options: TrainOptions) -> Path:
    """Train (or, with `evaluate`, score) as the options say; returns the run folder."""
    from zoopose.train.training import train_network

    return train_network(options)


if __name__ == "__main__":
    sys.exit(command(run, TrainOptions, "train.py", __doc__))
