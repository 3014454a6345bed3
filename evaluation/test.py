"""Score a pose network on labelled animals: PCK@0.05 per joint, in the published protocol and in exact ones.

COCO's ten numbers are printed too, for people of COCO and for animals whose joints have OKS sigmas. PCKh is printed for people
of MPII.

Examples:

    zoopose test --dataset coco:cattle_a/all.json --resume runs/horse_to_cattle/last.pth.tar --json result.json

    python evaluation/test.py --dataset1 synthetic_animal_sp --dataset2 real_animal_sp --arch hg --evaluate --animal horse
        --resume ./checkpoint/synthetic_animal/horse/horse_ccssl/synthetic_animal_sp.pth.tar

    zoopose test --dataset real_animal --animal tiger --resume checkpoint/real_animal/tiger/tiger_hourglass/model_best.pth.tar

    zoopose test --dataset coco_person:ROOT --boxes detections.json -f --resume hrnet/model_best.pth.tar

    zoopose test --dataset mpii:ROOT --predictions pred.mat

    zoopose test --dataset coco:cattle_a/all.json --resume runs/horse_to_cattle/

If --resume is a folder, all checkpoints in it are scored, and the best one is named. A file that cannot be read is named too. The
command then ends with code 2, after the other files are scored and written.
"""

from __future__ import annotations

import sys

from zoopose.commandline.parsing import command
from zoopose.evaluation.options import TestOptions


def run(options: TestOptions) -> dict:
    """Score as the options say; returns the scores by protocol."""
    from zoopose.evaluation.testing import score_checkpoint

    return score_checkpoint(options)


if __name__ == "__main__":
    sys.exit(command(run, TestOptions, "test.py", __doc__))
