"""Weights of trunks that were trained to recognise pictures: where they come from, and all of them or none into a trunk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ...errors import WeightsError


@dataclass(frozen=True)
class Pretrained:
    """Tensors of a trained network, and where they come from.

    Attributes:
        tensors: by name.
        source: where they come from: package and file, or model name.
        licence: of the weights, as the source states it.
        sha256: checksum of the file, or of the tensors where there is no file.
    """

    tensors: Mapping[str, torch.Tensor]
    source: str
    licence: str
    sha256: str


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_in_order(trunk: nn.Module, weights: Pretrained, left_over: int) -> str:
    """Load tensors whose names differ from the trunk's, but not their order; what remains at the end is the classifier.

    Args:
        left_over: number of tensors that must remain.

    Returns:
        A line that says how many tensors were loaded.

    Raises:
        WeightsError: another number of tensors, another shape, or another kind of tensor in the same place; nothing is loaded.
    """
    own, given = trunk.state_dict(), list(weights.tensors.items())
    if len(given) != len(own) + left_over:
        raise WeightsError(f"{len(own)} tensors and {left_over} of a classifier", f"{weights.source}: {len(given)}")
    pairs = list(zip(own.items(), given))
    for (name, tensor), (theirs, value) in pairs:
        same_kind = name.rpartition(".")[2] == theirs.rpartition(".")[2]
        if tensor.shape != value.shape or not same_kind:
            raise WeightsError(
                f"{name} of shape {tuple(tensor.shape)}", f"{weights.source}: {theirs} of shape {tuple(value.shape)}"
            )
    with torch.no_grad():
        for (_, tensor), (_, value) in pairs:
            tensor.copy_(value)
    return f"{len(own)} of {len(own)} tensors; {left_over} of the classifier left out"
