"""Print what zoopose finds on this machine: versions, devices, data, checkpoints. Paste it into an issue.

Examples:

    zoopose doctor

    zoopose doctor --models

    zoopose doctor --image-path /data/animal_data
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from zoopose.commandline.flags import flag, sized
from zoopose.commandline.limits import Limits, check_limits
from zoopose.commandline.parsing import command, warn_of_idle
from zoopose.errors import OptionError
from zoopose.evaluation.run_folder import RunFolder
from zoopose.progress import log

PACKAGES = (
    "torch torchvision numpy scipy opencv-python-headless h5py pandas lightning-fabric jinja2 tensorboard tyro imaug"
).split()


@dataclass(frozen=True)
class DoctorOptions:
    """`zoopose doctor`."""

    TITLE: ClassVar[str] = "Doctor"

    image_path: Annotated[str, flag(metavar="FOLDER")] = "./animal_data/"
    """root folder of the published data sets"""
    models: bool = False
    """also list the networks (parameters, multiply-adds, --arch-options) and recipes, with published and measured scores"""
    inp_res: Annotated[int | tuple[int, int], Limits(8, 8192), sized()] = (256, 192)
    """for --models: input size in px: a side, or rows and columns"""
    joints: Annotated[int, Limits(1, 10_000)] = 17
    """for --models: number of joints"""


def run(options: DoctorOptions) -> None:
    """Print what is found."""
    check_limits(options)
    import torch

    from zoopose.pose.trunks import available_trunks

    warn_of_idle(options, [(name, lambda o: not o.models, "without --models") for name in ("inp_res", "joints")])
    log.info("python      %s on %s, %d cores", platform.python_version(), platform.platform(), os.cpu_count() or 0)
    for name in ("zoopose", *PACKAGES):
        log.info("%-25s %s", name, _version(name))
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(i)
            log.info("GPU %d       %s, %.0f GiB", i, facts.name, facts.total_memory / 2**30)
    else:
        log.info("GPU         none that torch can use; %d CPU threads", torch.get_num_threads())
    log.info("compiler    %s", shutil.which("g++") or shutil.which("clang++") or "none: --compile needs one (g++)")
    for name, found in available_trunks().items():
        log.info("trunk       %s: %s", name, found)
    root = Path(options.image_path)
    for relative in ("behaviorDiscovery2.0", "synthetic_animal", "real_animal_crop"):
        log.info("data        %s: %s", root / relative, "found" if (root / relative).is_dir() else "not there")
    for path in sorted(Path("checkpoint").rglob(RunFolder.BEST))[:20]:
        log.info("checkpoint  %s", path)
    log.info("writable    %s: %s", Path.cwd(), "yes" if os.access(Path.cwd(), os.W_OK) else "NO")
    if options.models:
        _models(options)
        _recipes()


def _models(options: DoctorOptions) -> None:
    import torch

    from zoopose.pose.complexity import complexity
    from zoopose.pose.geometry import hw_of
    from zoopose.pose.models import MODELS, build_model, option_text, options_of

    if options.joints < 1:
        raise OptionError("--joints of at least 1", f"{options.joints}")
    size = hw_of(options.inp_res)
    log.info("")
    log.info("networks of %d joints with default numbers; multiply-adds of convolutions and linear layers, a picture of %d x %d px",
             options.joints, *size)  # fmt: skip
    log.info("%-18s %12s %14s  %s", "--arch", "parameters", "multiply-adds", "--arch-options")
    for name in MODELS:
        with torch.device("meta"):  # numbers only: no memory, no time
            model = build_model(name, options.joints)
        parameters, operations = sum(p.numel() for p in model.parameters()), "-"
        if all(side % model.input_multiple == 0 for side in size):
            operations = f"{complexity(model, size)[1] / 1e9:.2f} G"
        more = ",".join(f"{key}={option_text(value)}" for key, value in options_of(name).items())
        log.info("%-18s %12s %14s  %s", name, f"{parameters:,}", operations, more)


def _recipes() -> None:
    from zoopose.evaluation.published_results import comparison
    from zoopose.train.recipes import load_recipe, recipes

    log.info("")
    log.info("recipes for --recipe, their published figures and ours (percent)")
    for name in recipes():
        for line in comparison(load_recipe(name).results):
            log.info("%-36s %s", name, line)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(command(run, DoctorOptions, "doctor.py", __doc__))
