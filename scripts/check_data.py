"""Check a data set before training: count what is in it, and draw a sheet of pictures with their joints.

Examples:

    zoopose data check coco:horse/train.json

    zoopose data check real_animal --image-path ./animal_data/ --animal tiger --sheet tiger.png

    zoopose data check animal_pose:ROOT --classes dog,cat --split valid

    zoopose data check video:cows.mp4 --read 50

Annotations are counted even if their pictures are missing. Without pictures there is no sheet.
"""

from __future__ import annotations

import sys
from typing import Any

from zoopose.commandline.parsing import command
from zoopose.datasets.options import CheckOptions


def run(options: CheckOptions) -> dict[str, Any]:
    """Check as the options say; prints the facts, writes the sheet, and returns the facts."""
    from zoopose.datasets.check import check_data

    return check_data(options)


if __name__ == "__main__":
    sys.exit(command(run, CheckOptions, "check_data.py", __doc__))
