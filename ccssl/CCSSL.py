"""Adapt a pose network to unlabelled animals by consistency-constrained semi-supervised learning (CC-SSL).

Examples:

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --num-epochs 10 --checkpoint runs/horse_to_cattle

    python ccssl/CCSSL.py --num-epochs 60 --checkpoint ./checkpoint/synthetic_animal/horse/horse_ccssl
        --resume ./checkpoint/synthetic_animal/horse/horse_spaug/model_best.pth.tar --animal horse

    zoopose ccssl --source coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --target-labels coco:cattle_a/few.json
        --resume runs/horse/model_best.pth.tar --checkpoint runs/horse_to_cattle_few

Labels of --target are not read; those of --target-labels are. --resume '' begins with fresh weights, without a source model. A
stopped run continues with the same command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.ccssl.options import CcsslOptions
from zoopose.commandline.parsing import command


def run(options: CcsslOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    from zoopose.ccssl.adaptation import adapt

    return adapt(options)


if __name__ == "__main__":
    sys.exit(command(run, CcsslOptions, "CCSSL.py", __doc__))
