"""Adapt a pose network to unlabelled animals by consistency-constrained semi-supervised learning (CC-SSL).

Examples:

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --num-epochs 10 --checkpoint runs/horse_to_cattle

    python ccssl/CCSSL.py --num-epochs 60 --checkpoint ./checkpoint/synthetic_animal/horse/horse_ccssl
        --resume ./checkpoint/synthetic_animal/horse/horse_spaug/model_best.pth.tar --animal horse

    zoopose ccssl --source coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --target-labels coco:cattle_a/few.json
        --resume runs/horse/model_best.pth.tar --checkpoint runs/horse_to_cattle_few

The same command again goes on where an interrupted run stopped. The target's labels, if it has any, are never read, but those of
--target-labels. --resume '' begins without a source model, from fresh weights.
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
