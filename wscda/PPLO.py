"""Refine a pose network on unlabelled animals by its own selected predictions, easy ones first (PPLO).

Examples:

    zoopose pplo --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --checkpoint runs/horse_to_cattle

    python wscda/PPLO.py --source coco:animals/train.json --target images:cows --resume runs/animals/model_best.pth.tar
        --rounds 6 --refresh 5 --checkpoint runs/cows

    zoopose pplo --source coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar
        --select self_consistency --grow cosine --source-ratio 0.4

The same command again goes on where an interrupted run stopped. The target's labels, if it has any, are never read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.parsing import command
from zoopose.wscda.options import PploOptions


def run(options: PploOptions) -> Path:
    """Refine as the options say; returns the run folder."""
    from zoopose.wscda.pplo.refinement import refine

    return refine(options)


if __name__ == "__main__":
    sys.exit(command(run, PploOptions, "PPLO.py", __doc__))
