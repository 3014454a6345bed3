"""Convert a published checkpoint to one that every command reads.

Examples:

    zoopose import --weights pose_hrnet_w32_256x192.pth --recipe coco/hrnet_w32_256x192 --out checkpoint/hrnet_w32.pth.tar

    zoopose test --dataset coco_person:coco --boxes gt --flip --resume checkpoint/hrnet_w32.pth.tar

    zoopose train --dataset coco:horse/train.json --init-weights checkpoint/hrnet_w32.pth.tar --inp-res 256

The weight file does not contain which network this is, how its input is made, and how its heatmaps are decoded. The recipe does.
Every tensor must fit the network of the recipe.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.parsing import command
from zoopose.train.options import ImportOptions


def run(options: ImportOptions) -> Path:
    """Load strictly, and write what the commands take; returns the file."""
    from zoopose.train.import_published import import_published

    return import_published(options)


if __name__ == "__main__":
    sys.exit(command(run, ImportOptions, "import_checkpoint.py", __doc__))
