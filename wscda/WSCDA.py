"""Adapt a pose network with people, labelled animals and unlabelled animals (WS-CDA: weakly- and semi-supervised adaptation).

Examples:

    zoopose wscda --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --num-epochs 10 --checkpoint runs/horse_to_cattle_wscda

    python wscda/WSCDA.py --human coco_person:coco --source animal_pose:animalpose --target coco_animals:coco
        --resume runs/human/model_best.pth.tar --checkpoint runs/wscda

    zoopose pplo --source coco:horse/train.json --target coco:cattle_a/all.json
        --resume runs/horse_to_cattle_wscda/model_best.pth.tar --checkpoint runs/horse_to_cattle_pplo

--human, --source or --target may be left out, but not both --human and --source. Labels of --target are not read. A stopped run
continues with the same command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.parsing import command
from zoopose.wscda.options import WscdaOptions


def run(options: WscdaOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    from zoopose.wscda.adaptation import adapt

    return adapt(options)


if __name__ == "__main__":
    sys.exit(command(run, WscdaOptions, "WSCDA.py", __doc__))
