"""Write a checkpoint for the published code of CC-SSL.

Examples:

    zoopose export --resume runs/horse/model_best.pth.tar --published horse.pth.tar

    zoopose export --resume runs/tigers/model_best.pth.tar --published tigers.pth.tar --trained-on real_animal --animal tiger

    zoopose export --resume runs/cattle/last.pth.tar --published cattle.pth.tar --trained-on synthetic_animal_sp

The published train.py, test.py and CCSSL.py load the file strictly, with --resume. They need the --stacks and --blocks that this
command prints at its end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.parsing import command
from zoopose.evaluation.options import ExportOptions


def run(options: ExportOptions) -> list[Path]:
    """Write the files that the options name; returns them."""
    from zoopose.evaluation.export_original import export

    return export(options)


if __name__ == "__main__":
    sys.exit(command(run, ExportOptions, "export_checkpoint.py", __doc__))
