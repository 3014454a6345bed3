"""Optical flow of single points between two pictures, checked by following them forward and back."""

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

# settings of Lucas-Kanade in the 2020 CC-SSL code
_WINDOW_PX = (15, 15)
_PYRAMID_LEVELS = 2  # beyond the full size
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)  # iterations, and the least step in px


def lucas_kanade(first: np.ndarray, second: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow points by pyramidal Lucas-Kanade.

    Args:
        first: (H, W) uint8 picture.
        second: (H, W) uint8 picture.
        xy: (N, 2) points of `first`, px.

    Returns:
        The points (N, 2) in `second`, px. The distance (N,) in px between a point and where following it forward and back ends;
        infinite where a point was lost.
    """
    points = np.ascontiguousarray(xy, np.float32)[:, None]
    if not len(points):
        return np.zeros((0, 2), np.float32), np.zeros(0)
    there, found = _pyramidal_flow(first, second, points)
    back, found_back = _pyramidal_flow(second, first, there)
    missed = np.linalg.norm(back - points, axis=-1)[:, 0]
    lost = (found[:, 0] == 0) | (found_back[:, 0] == 0)
    return there[:, 0], np.where(lost, np.inf, missed)


def _pyramidal_flow(first: np.ndarray, second: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 1, 2) in the second picture, and whether each was found (N, 1)."""
    # OpenCV writes the result to the fourth argument
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, np.zeros_like(points), winSize=_WINDOW_PX, maxLevel=_PYRAMID_LEVELS, criteria=_STOP
    )
    return there, found


def dense_inverse_search(first: np.ndarray, second: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow points in the dense flow of Kroeger et al. (ECCV 2016); arguments and result as in `lucas_kanade`."""
    if not len(xy):
        return np.zeros((0, 2), np.float32), np.zeros(0)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # None: start without a flow; OpenCV's stubs do not allow it
    forward = search.calc(first, second, None)  # type: ignore[call-overload]
    backward = search.calc(second, first, None)  # type: ignore[call-overload]
    return _move(forward, backward, xy)


Flow = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

FLOWS: dict[str, Flow] = {"lk": lucas_kanade, "dis": dense_inverse_search}  # those that need no weights


def flow_for(name: str, weights: str | Path = "", device: torch.device | str = "cpu") -> Flow:
    """The flow of a name.

    Args:
        name: `lk`, `dis` or `raft`.
        weights: file with the weights of RAFT.
        device: where RAFT runs.

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
    """Load torchvision's RAFT (Teed and Deng, ECCV 2020), small or large as the state dict shows, in eval mode.

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
    # only the large network upsamples with a learnt mask
    build = raft_large if any(name.startswith("mask_predictor") for name in names) else raft_small
    network: nn.Module = build(weights=None, progress=False)
    missing = set(network.state_dict()) - names
    if missing:
        raise WeightsError("the weights of RAFT", f"{path}, without {sorted(missing)[0]}", remedy)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError("the weights of RAFT", f"{path}: {str(error).splitlines()[-1].strip()}", remedy) from error
    return network.eval().requires_grad_(False)


RAFT_LEAST, RAFT_MULTIPLE = 128, 8  # px: torchvision's RAFT takes sides from 128 on that are multiples of 8


def recurrent_transforms(
    network: nn.Module, first: np.ndarray, second: np.ndarray, xy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Follow points in the dense flow of RAFT; other arguments and result as in `lucas_kanade`.

    Args:
        network: of `load_raft`. It was trained on colour pictures, so a grey picture is given to it in all three channels.
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
    return _move(forward, backward, xy)


def _move(forward: np.ndarray, backward: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points moved by a field (H, W, 2), and their distance in px after being moved back by the other field."""
    xy = np.asarray(xy, np.float32)
    there = xy + _at(forward, xy)
    return there, np.linalg.norm(there + _at(backward, there) - xy, axis=-1)


def _at(field: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(N, 2) flow vectors of a field (H, W, 2) at sub-pixel points (N, 2)."""
    x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
    return cv2.remap(field, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
