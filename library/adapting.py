"""`zoopose.adapt`: the commands `ccssl`, `wscda` and `pplo` as one function."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..ccssl.CCSSL import run as run_ccssl
from ..ccssl.options import CcsslOptions
from ..commandline.keywords import options_from
from ..errors import OptionError
from ..evaluation.run_folder import RunFolder
from ..wscda.options import PploOptions, WscdaOptions
from ..wscda.PPLO import run as run_pplo
from ..wscda.WSCDA import run as run_wscda
from .printing import printing
from .trained_run import TrainedRun

if TYPE_CHECKING:
    from ..evaluation.pose_model import PoseModel

Method = Literal["ccssl", "wscda", "pplo"]
FUNCTION = "zoopose.adapt"
METHODS = ("ccssl", "wscda", "pplo")


def adapt(
    model: PoseModel | str | Path | None,
    *,
    target: str,
    folder: str | Path,
    source: str = "",
    method: Method = "ccssl",
    quiet: bool = False,
    **options: Any,
) -> TrainedRun:
    """Adapt a network to unlabelled animals. The same call again goes on where an interrupted one stopped.

    Labels of the target, if there are any, are not read.

    Args:
        model: network to start from, or its checkpoint; None: fresh weights ("ccssl" and "wscda").
        target: unlabelled data, NAME[:PATH], such as "video:cows.mp4" or "images:photos".
        folder: where checkpoints, pseudo-labels, log and report go. It is made.
        source: labelled data, NAME[:PATH]: as a rule those that the model was trained on. "wscda" also takes labelled people,
            human="coco_person:ROOT".
        method: "ccssl", "wscda" or "pplo", see docs/methods.md.
        quiet: do not print progress.
        options: those of `zoopose ccssl --help`, `zoopose wscda --help` or `zoopose pplo --help`, with _ for -: epochs=10, lr=5e-4.

    Returns:
        Paths of the best and the last checkpoint, the scores of the best on labelled source data, `.model()`, and `.verdict`:
        whether the adaptation helped.

    Raises:
        OptionError: another method, an unknown option, whose message names the nearest one, or a value that cannot be.
        DataError: data that are missing or broken.
        WeightsError: the checkpoint cannot be read, or does not fit the data.
        DivergenceError: the loss is no longer a finite number.

    Example:
        >>> import zoopose
        >>> model = zoopose.load("model_best.pth.tar")
        >>> settings = {"epochs": 1, "rounds": 1, "train_batch": 4, "workers": 0, "quiet": True}
        >>> run = zoopose.adapt(
        ...     model, source="coco:horses/labels.json", target="images:photos", method="pplo", folder="runs/cows", **settings
        ... )
        >>> run.last.name
        'last.pth.tar'
        >>> run.model().predict("cows.mp4")
        Poses(20 poses of 6 joints in 20 pictures)
    """
    if method not in METHODS:
        near = difflib.get_close_matches(str(method), METHODS, 1, 0.5)
        raise OptionError(f"method= of {FUNCTION} as one of {', '.join(METHODS)}", repr(method), *near)
    start = str(model or "") if isinstance(model, str | Path | None) else str(model.path)
    arguments = {
        "resume": ("model", start),
        "source": ("source", source),
        "target": ("target", target),
        "checkpoint": ("folder", str(folder)),
    }
    facts = {} if isinstance(model, str | Path | None) else model.facts
    with printing(quiet):
        place = _run(method, {**facts, **options}, arguments)
    return TrainedRun(place, place / RunFolder.BEST, place / RunFolder.LAST)


def _run(method: Method, given: dict[str, Any], arguments: dict[str, tuple[str, Any]]) -> Path:
    """Run the command of a method; returns the run folder."""
    if method == "ccssl":
        return run_ccssl(options_from(CcsslOptions, given, FUNCTION, arguments, f"zoopose {method}"))
    if method == "wscda":
        return run_wscda(options_from(WscdaOptions, given, FUNCTION, arguments, f"zoopose {method}"))
    return run_pplo(options_from(PploOptions, given, FUNCTION, arguments, f"zoopose {method}"))
