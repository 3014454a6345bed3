"""Refine a pose network on unlabelled animals with its own best predictions, more of them in every round (PPLO).

Examples:

    zoopose pplo --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --checkpoint runs/horse_to_cattle

    python wscda/PPLO.py --source coco:animals/train.json --target images:cows --resume runs/animals/model_best.pth.tar
        --rounds 6 --refresh 5 --checkpoint runs/cows

    zoopose pplo --source coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar
        --select self_consistency --grow cosine --source-ratio 0.4

Labels of --target are not read. A stopped run continues with the same command.
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
