"""The compiled training forward: compiled where it pays, plain everywhere else."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import OptionError
from ..pose.models.blocks import PreActBottleneck


class Compiled(nn.Module):
    """A network whose training forward is compiled: block by block, for the first shape of batch that it meets.

    All blocks of a stacked hourglass have the same code: seven compilations are enough for all stacks; a network without such
    blocks is compiled as a whole. Scoring, labelling and odd batches (one that lost an unreadable picture, say) take the plain
    forward: the weights are the same tensors, and nothing is compiled again for them.

    Raises:
        OptionError: when the compiler that torch.compile calls is not there.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        check_compiler()
        self.network = network
        self._shape: torch.Size | None = None
        self._now = False
        found: list[nn.Module] = [m for m in network.modules() if isinstance(m, PreActBottleneck)]
        blocks = found or [network]
        forward = type(blocks[0]).forward
        fast = torch.compile(forward, dynamic=False)
        for block in blocks:
            # in place of the method, not of the module, so that no tensor gets another name
            block.forward = self._switched(block, forward, fast)

    def _switched(
        self, block: nn.Module, plain: Callable[..., Any], fast: Callable[..., Any]
    ) -> Callable[[torch.Tensor], Any]:
        """The forward of a block: compiled while `_now` is set."""
        return lambda x: (fast if self._now else plain)(block, x)

    def forward(self, images: torch.Tensor, *more: Any) -> Any:
        training = self.training and torch.is_grad_enabled()
        if training and self._shape is None:
            self._shape = images.shape
        self._now = training and images.shape == self._shape
        try:
            return self.network(images, *more)
        finally:
            self._now = False


def check_compiler() -> None:
    """Raises OptionError unless torch.compile has the C++ compiler and the headers of Python that it needs."""
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise OptionError(
            f"the C++ compiler {compiler} for --compile",
            "no such program on the PATH",
            "apt install g++ (or set CXX to another compiler), or leave --compile out",
        )
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        raise OptionError(
            "the C headers of Python for --compile",
            f"no {header}",
            "apt install python3-dev (a Python from `uv python install` has them), or leave --compile out",
        )
