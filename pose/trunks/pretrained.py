"""Weights of trunks that were trained to recognise pictures: where they come from, and all of them or none into a trunk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...errors import WeightsError
from .trunk import Three, Trunk

INSTALL_TIMM = "pip install 'zoopose[pretrained]' (uv sync --extra pretrained)"
WITHOUT_DOWNLOAD = "--trunk lite0, whose weights are installed with zoopose, --trunk FILE, or --trunk none"


@dataclass(frozen=True)
class Pretrained:
    """Tensors of a trained network, and where they come from.

    Attributes:
        tensors: by name.
        source: where they come from: package and file, or model name.
        licence: of the weights, as the source states it.
        sha256: checksum of the file, or, if `of_tensors`, of names and tensors.
    """

    tensors: Mapping[str, torch.Tensor] = field(repr=False)
    source: str
    licence: str
    sha256: str
    of_tensors: bool = False


@dataclass(frozen=True)
class TrunkReport:
    """What was loaded into a trunk, for log, run.json, checkpoint and report.

    Attributes:
        trunk: name of the trunk, or of the network that it belongs to.
        loaded: how many tensors were loaded, and how many left out.
        source, licence, sha256: see `Pretrained`.
        mean, std: normalisation of the input, RGB of values in 0..1.
    """

    trunk: str
    loaded: str
    source: str
    licence: str
    sha256: str
    mean: Three
    std: Three

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        normalisation = {name: [round(v, 6) for v in getattr(self, name)] for name in ("mean", "std")}
        texts = {name: getattr(self, name) for name in ("trunk", "loaded", "source", "licence", "sha256")}
        return {**texts, **normalisation}


def describe(report: Mapping[str, Any]) -> str:
    """One line of the plain data of a `TrunkReport`, for the log and the page."""
    mean, std = ("/".join(f"{v:.3f}" for v in report[name]) for name in ("mean", "std"))
    return (
        f"{report['trunk']}: {report['loaded']}; from {report['source']}; licence: {report['licence']}; "
        f"SHA-256 {report['sha256']}; input (value - {mean}) / {std}"
    )


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensor_checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names and bytes of tensors, in the order of the names, hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_all(trunk: Trunk, weights: Pretrained) -> str:
    """Load every tensor of a trunk, or none. What the trunk does not have (the classifier) is left out.

    `num_batches_tracked` may be missing: files written before torch 0.4.1 lack it, and no output depends on it.

    Returns:
        A line that says how many tensors were loaded.

    Raises:
        WeightsError: a tensor is missing, of another shape or not finite; then nothing is loaded.
    """
    own, given = trunk.state_dict(), trunk.our_keys(weights.tensors)
    missing = [k for k in own if k not in given and not k.endswith("num_batches_tracked")]
    shaped = [
        f"{k} {tuple(given[k].shape)} for {tuple(own[k].shape)}"
        for k in own
        if k in given and given[k].shape != own[k].shape
    ]
    broken = [k for k in own if k in given and given[k].is_floating_point() and not bool(given[k].isfinite().all())]
    faults = {"missing": missing, "of another shape": shaped, "not finite": broken}
    if any(faults.values()):
        lines = [f"{len(names)} {fault}: {', '.join(names[:3])}" for fault, names in faults.items() if names]
        raise WeightsError(
            f"all {len(own)} tensors of this trunk; half a trunk is not loaded",
            "\n".join([f"{weights.source}:", *lines]),
            "--trunk with the weights of this network, or --trunk none for fresh weights",
        )
    with torch.no_grad():
        for name, tensor in own.items():
            if name in given:
                tensor.copy_(given[name])
    left = len(set(given) - set(own))
    return f"{len(own)} of {len(own)} tensors, {left} more of the source left out"
