"""Make the report of a run again, from the files in its folder and from its data.

Examples:

    zoopose report runs/horse_to_cattle

    zoopose report runs/horse_to_cattle/test

    zoopose report runs/stopped --accelerator cpu --workers 2

RUN is the folder of a training, an adaptation or a test. For a stopped run the report shows the best checkpoint, the curves and
the pseudo-labels up to the stop. The pictures must be in the same place as in the run. For a finished run the checkpoints are not
needed.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from zoopose.commandline.flags import flag, positional
from zoopose.commandline.limits import PROCESSES
from zoopose.commandline.parsing import command


@dataclass(frozen=True)
class ReportOptions:
    """`zoopose report`."""

    TITLE: ClassVar[str] = "Report"

    run: Annotated[str, positional("RUN")]
    """run folder of zoopose train, ccssl, wscda, pplo or test"""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """device to compute on; only used if the run was stopped before its scores"""
    workers: Annotated[int, PROCESSES, flag("-j")] = min(4, os.cpu_count() or 1)
    """number of processes that read pictures; only used if the run was stopped before its scores"""


def run(options: ReportOptions) -> Path:
    """Write report.html of a run folder anew; returns its path."""
    from zoopose.scripts.rebuild_report import rebuild_report

    return rebuild_report(options)


if __name__ == "__main__":
    sys.exit(command(run, ReportOptions, "report.py", __doc__))
