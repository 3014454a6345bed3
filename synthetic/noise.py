"""Tileable noise, computed once: solid noise for coats, sheets of noise for grounds and skies.

Values are spread evenly over 0..1: a share of 1 - t lies above a threshold t.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

SHEET = 512  # side of a sheet of noise, px
_SOLID = 48  # side of the cube of solid noise, samples


def stream(*key: int) -> np.random.Generator:
    """A generator that depends on the key alone: the same numbers in any order and any process."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([int(k) for k in key])))


def _even(values: np.ndarray) -> np.ndarray:
    """The same order of values, spread evenly over 0..1."""
    out = np.empty(values.size, np.float32)
    out[np.argsort(values, axis=None, kind="stable")] = np.linspace(0, 1, values.size, dtype=np.float32)
    return out.reshape(values.shape)


def _spectral(
    shape: tuple[int, ...], fall: float, seed: int, stretch: tuple[float, ...], lowest: float = 0.0
) -> np.ndarray:
    """Periodic noise whose amplitude falls with frequency to the power `fall`; axis i is stretched `stretch[i]` times."""
    white = np.fft.fftn(stream(seed).standard_normal(shape))
    axes = np.meshgrid(*[np.fft.fftfreq(n) * n * k for n, k in zip(shape, stretch)], indexing="ij")
    frequency = np.sqrt(sum(a**2 for a in axes))
    gain = np.where(frequency > lowest, np.maximum(frequency, 1) ** -fall, 0)
    noise: np.ndarray = np.fft.ifftn(white * gain).real
    return noise


def _cells(shape: tuple[int, ...], count: int, seed: int) -> np.ndarray:
    """Periodic distance to the nearest of scattered points, in units of the tile."""
    points = stream(seed).random((count, len(shape)))
    axes = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in shape], indexing="ij")
    best = np.full(shape, np.inf)
    for point in points:
        gap = [np.abs(a - p) for a, p in zip(axes, point)]
        np.minimum(best, sum(np.minimum(g, 1 - g) ** 2 for g in gap), out=best)
    distance: np.ndarray = np.sqrt(best)
    return distance


@cache
def _solid_atlas(kind: str) -> np.ndarray:
    """The slices of a noise cube below each other, each with one row and column repeated, and the first slice again."""
    shape = (_SOLID,) * 3
    if kind == "cells":
        cube = _even(-_cells(shape, 90, 11))
    else:
        fall = {"soft": 2.6, "rough": 1.6}[kind]
        cube = _even(_spectral(shape, fall, 12, (1, 1, 1), lowest=1.5 if kind == "soft" else 0.5))
    return np.pad(cube, ((0, 1), (0, 1), (0, 1)), mode="wrap").reshape(-1, _SOLID + 1)


def solid(kind: str, points: np.ndarray) -> np.ndarray:
    """(n,) noise in 0..1 at points (n, 3), in tiles.

    Args:
        kind: "soft" blotches, "rough" ones, or "cells" (high inside scattered round spots).
    """
    n = len(points)
    pad = -n % 256
    q = np.pad((points - np.floor(points)) * np.float32(_SOLID), ((0, pad), (0, 0))).astype(np.float32)
    q = np.minimum(q, np.float32(_SOLID - 1e-3)).reshape(-1, 256, 3)
    slice_ = np.floor(q[..., 2])
    x, y = np.ascontiguousarray(q[..., 0]), q[..., 1] + slice_ * (_SOLID + 1)
    atlas = _solid_atlas(kind)
    low = cv2.remap(atlas, x, y, cv2.INTER_LINEAR)
    high = cv2.remap(atlas, x, y + (_SOLID + 1), cv2.INTER_LINEAR)
    return (low + (high - low) * (q[..., 2] - slice_)).reshape(-1)[:n]


SHEETS = ("cloud", "grain", "streak", "rock", "blots", "collage")


@cache
def sheet(kind: str) -> np.ndarray:
    """(512, 512) float32 tileable noise in 0..1, kind one of `SHEETS`; read only."""
    shape = (SHEET, SHEET)
    if kind == "rock":
        out = _even(_cells((256, 256), 70, 21))
        out = cv2.resize(out, shape[::-1], interpolation=cv2.INTER_LINEAR) * 0.7 + 0.3 * _even(
            _spectral(shape, 1.2, 22, (1, 1))
        )
    elif kind == "collage":
        out = _collage(shape)
    else:
        fall, stretch = {
            "cloud": (2.0, (1, 1)),
            "grain": (0.9, (1, 1)),
            "streak": (1.3, (0.25, 2.5)),
            "blots": (3.0, (1, 1)),
        }[kind]
        out = _even(_spectral(shape, fall, 20, stretch, lowest=3 if kind == "blots" else 0.5))
    out = np.ascontiguousarray(out, np.float32)
    out.setflags(write=False)
    return out


def _collage(shape: tuple[int, int]) -> np.ndarray:
    """Overlapping shapes with shaded fillings: as many edges and flat places as a photograph of things."""
    rng = stream(23)
    out = (_even(_spectral(shape, 1.8, 24, (1, 1))) * 255).astype(np.uint8)
    for _ in range(150):
        x, y = rng.integers(0, SHEET, 2)
        size = int(rng.uniform(8, 70))
        grey = int(rng.integers(0, 256))
        kind = rng.integers(3)
        for dx in (-SHEET, 0, SHEET):
            for dy in (-SHEET, 0, SHEET):
                at = (int(x) + dx, int(y) + dy)
                if kind == 0:
                    cv2.circle(out, at, size // 2, (grey,), -1, cv2.LINE_AA)
                elif kind == 1:
                    cv2.rectangle(out, at, (at[0] + size, at[1] + size // 2), (grey,), -1)
                else:
                    corners = np.array([at, (at[0] + size, at[1] + size // 3), (at[0] + size // 4, at[1] + size)])
                    cv2.fillConvexPoly(out, corners, (grey,), cv2.LINE_AA)
    return out / np.float32(255) * 0.8 + 0.2 * _even(_spectral(shape, 1.0, 25, (1, 1)))


def tile(kind: str, size_hw: tuple[int, int], scale: float, offset_xy: np.ndarray, turn_deg: float = 0.0) -> np.ndarray:
    """(h, w) piece of a sheet: `scale` sheet pixels to one pixel, from an offset in sheet pixels, turned."""
    c, s = scale * np.cos(np.radians(turn_deg)), scale * np.sin(np.radians(turn_deg))
    matrix = np.array([[c, -s, offset_xy[0]], [s, c, offset_xy[1]]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(sheet(kind), matrix, size_hw[::-1], flags=flags, borderMode=cv2.BORDER_WRAP)
