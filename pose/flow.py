"""Optical flow of single points between two pictures, checked forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

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
    forward, backward = search.calc(first, second, None), search.calc(second, first, None)
    xy = np.asarray(xy, np.float32)
    there = xy + _at(forward, xy)
    return there, np.linalg.norm(there + _at(backward, there) - xy, axis=-1)


FLOWS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "lk": lucas_kanade,
    "dis": dense_inverse_search,
}


def _at(field: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(N, 2) flow vectors at sub-pixel points."""
    x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
    return cv2.remap(field, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
