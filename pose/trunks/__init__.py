"""Trunks of pose networks, by name: layers of networks that were trained to recognise pictures, and their weights.

A name is `lite0` or `lite2` (EfficientNet-lite, installed with zoopose), `timm:NAME` or `torchvision:NAME`.
"""

from __future__ import annotations

from ...errors import OptionError
from .efficientnet_lite import EfficientNetLite
from .lite_weights import PACKAGES, installed, lite_weights
from .pretrained import INSTALL_TIMM, load_all
from .pretrained import Pretrained as Pretrained
from .pretrained import TrunkReport as TrunkReport
from .pretrained import describe as describe
from .timm_trunk import from_timm, timm_weights
from .torchvision_trunk import from_torchvision, torchvision_weights
from .trunk import Three as Three
from .trunk import Trunk as Trunk

# EfficientNet's factors on width and depth
LITE = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}
_BUILDERS = {"timm": from_timm, "torchvision": from_torchvision}
_WEIGHTS = {"timm": timm_weights, "torchvision": torchvision_weights}


def is_trunk(name: str) -> bool:
    """Whether a text is the name of a trunk, and not a file; timm and torchvision are not asked whether they have it."""
    return name in LITE or name.partition(":")[0] in _BUILDERS


def build_trunk(name: str) -> Trunk:
    """The layers of a trunk, with fresh weights; nothing is downloaded.

    Raises:
        OptionError: no such trunk.
        WeightsError: timm is not installed.
    """
    if name in LITE:
        return EfficientNetLite(*LITE[name])
    kind, _, rest = name.partition(":")
    if kind not in _BUILDERS:
        raise OptionError(f"a trunk: {', '.join(LITE)}, timm:NAME, torchvision:NAME", repr(name), "lite0")
    return _BUILDERS[kind](rest)


def pretrained_weights(name: str) -> Pretrained:
    """The weights that belong to a trunk's name.

    Raises:
        WeightsError: they are not installed, or cannot be downloaded.
    """
    if name in LITE:
        return lite_weights(name)
    kind, _, rest = name.partition(":")
    return _WEIGHTS[kind](rest)


def load_trunk(trunk: Trunk, name: str, weights: Pretrained) -> TrunkReport:
    """Load all tensors of a trunk, or none.

    Args:
        name: of the trunk.

    Raises:
        WeightsError: tensors are missing, of another shape or not finite.
    """
    loaded, what = load_all(trunk, weights), "of the tensors" if weights.of_tensors else "of the file"
    checksum = f"{weights.sha256} {what}"
    return TrunkReport(name, loaded, weights.source, weights.licence, checksum, trunk.mean, trunk.std)


def available_trunks() -> dict[str, str]:
    """Trunk -> where its weights are, or what to install."""
    found = {}
    for name, package in PACKAGES.items():
        there = f"installed, {package.name} {installed(package.name)}"
        found[name] = there if installed(package.name) else f"not installed: pip install '{package.name}>=0.1,<0.2'"
    timm = installed("timm")
    found["timm:NAME"] = f"timm {timm}, downloads on first use" if timm else f"not installed: {INSTALL_TIMM}"
    found["torchvision:NAME"] = f"torchvision {installed('torchvision')}, downloads on first use"
    return found
