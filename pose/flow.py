"""Optical flow of single points between two pictures, checked forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..errors import OptionError, WeightsError
from .weights import check_tensors, load_data

# window and levels of the published code (CC-SSL); its criteria too
_LK = {
    "winSize": (15, 15),
    "maxLevel": 2,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
}


def lucas_kanade(first: np.ndarray, second: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow points by pyramidal Lucas-Kanade.

    Args:
        first, second: (H, W) uint8.
        xy: (N, 2) points of `first`, px.

    Returns:
        (N, 2) points of `second` and (N,) px by which following them back misses; infinite where a point was lost.
    """
    points = np.ascontiguousarray(xy, np.float32)[:, None]
    if not len(points):
        return np.zeros((0, 2), np.float32), np.zeros(0)
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, points, None, **_LK)
    back, refound, _ = cv2.calcOpticalFlowPyrLK(second, first, there, None, **_LK)
    missed = np.linalg.norm(back - points, axis=-1)[:, 0]
    lost = (found[:, 0] == 0) | (refound[:, 0] == 0)
    return there[:, 0], np.where(lost, np.inf, missed)


def dense_inverse_search(first: np.ndarray, second: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow points in the dense flow of Kroeger et al. (ECCV 2016); arguments and result as `lucas_kanade`."""
    if not len(xy):
        return np.zeros((0, 2), np.float32), np.zeros(0)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return _along(search.calc(first, second, None), search.calc(second, first, None), xy)


Flow = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

FLOWS: dict[str, Flow] = {"lk": lucas_kanade, "dis": dense_inverse_search}  # those that need no weights


def flow_for(name: str, weights: str | Path = "", device: torch.device | str = "cpu") -> Flow:
    """The flow of a name: `lk`, `dis`, or `raft` with the file of its weights.

    Raises:
        OptionError: `raft` without weights, or without torchvision.
        WeightsError: see `load_raft`.
    """
    if name != "raft":
        return FLOWS[name]
    if not weights:
        raise OptionError(
            "the weights of RAFT for --flow raft",
            "no --raft-weights",
            "--raft-weights FILE (torchvision's raft_large or raft_small state dict), or --flow dis",
        )
    return partial(recurrent_transforms, load_raft(weights).to(device))


def load_raft(path: str | Path) -> nn.Module:
    """torchvision's RAFT (Teed and Deng, ECCV 2020), small or large as its state dict says, in eval mode.

    Raises:
        OptionError: torchvision is missing.
        WeightsError: no such file, or not a state dict of RAFT.
    """
    try:
        from torchvision.models.optical_flow import raft_large, raft_small
    except (ImportError, RuntimeError) as error:  # a torchvision built for another torch fails with the latter
        raise OptionError(
            "torchvision, which has RAFT", str(error).splitlines()[0], "uv pip install torchvision, or --flow dis"
        ) from error
    remedy = "a state dict of torchvision's raft_large or raft_small, as torch.save writes it; or --flow dis"
    try:
        state = load_data(path)
        if isinstance(state, Mapping):
            check_tensors(state, Path(path))
    except WeightsError as error:
        raise WeightsError("a readable file of weights for RAFT", error.found, error.remedy or remedy) from error
    names = set(state) if isinstance(state, dict) else set()
    # only the large one upsamples by a learnt mask
    build = raft_large if any(name.startswith("mask_predictor") for name in names) else raft_small
    network = build(weights=None, progress=False)
    missing = set(network.state_dict()) - names
    if missing:
        raise WeightsError("the weights of RAFT", f"{path}, without {sorted(missing)[0]}", remedy)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError("the weights of RAFT", f"{path}: {str(error).splitlines()[-1].strip()}", remedy) from error
    return network.eval().requires_grad_(False)


RAFT_LEAST, RAFT_MULTIPLE = 128, 8  # the smallest side RAFT takes, px, and what every side must be a multiple of


def recurrent_transforms(
    network: nn.Module, first: np.ndarray, second: np.ndarray, xy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Follow points in the dense flow of RAFT; arguments and result as `lucas_kanade`.

    Args:
        network: of `load_raft`. It was trained on colour; grey pictures are given in all three channels.
    """
    if not len(xy):
        return np.zeros((0, 2), np.float32), np.zeros(0)
    device = next(network.parameters()).device
    pair = torch.from_numpy(np.stack([first, second])).to(device).float()[:, None].expand(-1, 3, -1, -1) / 127.5 - 1
    h, w = first.shape
    pads = [max(RAFT_LEAST, -(-side // RAFT_MULTIPLE) * RAFT_MULTIPLE) - side for side in (w, h)]
    pair = F.pad(pair, (0, pads[0], 0, pads[1]), mode="replicate")
    with torch.no_grad():
        fields = network(pair, pair.flip(0))[-1]  # forward and backward in one pass
    forward, backward = (np.ascontiguousarray(f.permute(1, 2, 0).cpu().numpy()) for f in fields[..., :h, :w])
    return _along(forward, backward, xy)


def _along(forward: np.ndarray, backward: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points moved by a field (H, W, 2), and by how much the field back misses where they came from."""
    xy = np.asarray(xy, np.float32)
    there = xy + _at(forward, xy)
    return there, np.linalg.norm(there + _at(backward, there) - xy, axis=-1)


def _at(field: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(N, 2) flow vectors at sub-pixel points."""
    x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
    return cv2.remap(field, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
