"""Make the report of a run folder again, from what the run has left there and the data it names.

Examples:

    zoopose report runs/horse_to_cattle

    zoopose report runs/horse_to_cattle/test

    zoopose report runs/stopped --accelerator cpu --workers 2

Training, adaptation and test runs alike. A run that was stopped is reported as far as it went: with its best checkpoint so far, its
curves and its pseudo-labels. Only the pictures must still be where they were; a finished run needs no network any more.
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
    """device to compute on, where a stopped run must be scored first"""
    workers: Annotated[int, PROCESSES, flag("-j")] = min(4, os.cpu_count() or 1)
    """number of processes that read pictures, where a stopped run must be scored first"""


def run(options: ReportOptions) -> Path:
    """Write report.html of a run folder anew; returns its path."""
    from zoopose.scripts.rebuild_report import rebuild_report

    return rebuild_report(options)


if __name__ == "__main__":
    sys.exit(command(run, ReportOptions, "report.py", __doc__))
