"""`zoopose.train`: the command of the same name as a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..commandline.keywords import options_from
from ..evaluation.run_folder import RunFolder
from ..train.options import TrainOptions
from ..train.train import run
from .printing import printing
from .trained_run import TrainedRun

FUNCTION = "zoopose.train"


def train(
    data: str, valid: str | None = None, *, folder: str | Path, quiet: bool = False, **options: Any
) -> TrainedRun:
    """Train a network on labelled animals. The same call again goes on where an interrupted one stopped.

    Args:
        data: labelled data, NAME[:PATH], such as "coco:horses/labels.json".
        valid: labelled data that choose the best checkpoint; None: the validation split of `data`.
        folder: where checkpoints, log and report go. It is made.
        quiet: do not print progress.
        options: those of `zoopose train --help`, with _ for -: epochs=50, arch="hrnet_w32", lr=1e-3,
            recipe="coco/hrnet_w32_256x192", trunk="timm:resnet18". Without arch= your own data get `fpn_lite0`.

    Returns:
        Paths of the best and the last checkpoint, the scores of the best, and `.model()`.

    Raises:
        OptionError: an unknown option, whose message names the nearest one, or a value that cannot be.
        DataError: data that are missing or broken.
        DivergenceError: the loss is no longer a finite number.

    Example:
        >>> import zoopose
        >>> small = {"stacks": 1, "width": 4, "depth": 1, "inp_res": 32, "train_batch": 4, "workers": 0}
        >>> run = zoopose.train("coco:horses/labels.json", folder="runs/horses", epochs=1, quiet=True, **small)
        >>> run.best.name
        'model_best.pth.tar'
        >>> run.metrics.protocol.metric
        'pck@0.05/crop'
        >>> run.model().joints
        ('nose', 'left_ear', 'right_ear', 'l_hip', 'r_hip', 'tail')
        >>> zoopose.train("coco:horses/labels.json", folder="runs/horses", epoch=1)
        Traceback (most recent call last):
        ...
        zoopose.errors.OptionError: expected: an option of zoopose.train
        found:    epoch=
        try:      epochs=
    """
    arguments = {"dataset": ("data", data), "valid": ("valid", valid or ""), "checkpoint": ("folder", str(folder))}
    chosen = options_from(TrainOptions, options, FUNCTION, arguments)
    if chosen.recipe:
        given = {name: getattr(chosen, name) for name in options if name != "recipe"}
        chosen = TrainOptions.with_recipe(
            chosen.recipe, **{name: value for name, (_, value) in arguments.items()}, **given
        )
    with printing(quiet):
        place = run(chosen)
    return TrainedRun(place, place / RunFolder.BEST, place / RunFolder.LAST)
