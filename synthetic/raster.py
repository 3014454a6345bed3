"""A z-buffer in NumPy: finds the triangle in front at every pixel, exactly, for thousands of small triangles at once.

Every triangle is cut into pixel rows, every row into pixels; the nearest wins. Pixel centres are at integers. H, W picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# a sort key of 63 bits: inverse depth in steps above, number of the triangle in the low bits (a million triangles)
_DEPTH_STEPS = 2.0**40
_FACE_BITS = 20


@dataclass(frozen=True)
class Hits:
    """The covered pixels of a picture, in row-major order. P pixels.

    Attributes:
        size_hw: picture.
        pixel: (P,) flat index.
        face: (P,) triangle in front.
        share: (P, 3) float32 barycentric share of its corners.
        depth_cm: (H, W) float32 distance along the optical axis, infinite where nothing is.
    """

    size_hw: tuple[int, int]
    pixel: np.ndarray
    face: np.ndarray
    share: np.ndarray
    depth_cm: np.ndarray

    def mix(self, corner_values: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(P, C) values at pixels from (V, C) values at vertices."""
        corners = faces[self.face]
        out: np.ndarray = corner_values[corners[:, 0]] * self.share[:, :1]
        out += corner_values[corners[:, 1]] * self.share[:, 1:2]
        out += corner_values[corners[:, 2]] * self.share[:, 2:]
        return out


def rasterise(
    xy_px: np.ndarray, depth_cm: np.ndarray, faces: np.ndarray, size_hw: tuple[int, int], near_cm: float = 5.0
) -> Hits:
    """Front-most triangles.

    Args:
        xy_px: (V, 2) vertices in the picture.
        depth_cm: (V,) their distance along the optical axis.
        faces: (F, 3) triangles; those that turn their back on the camera are left out.
        size_hw: picture.
        near_cm: triangles with a corner nearer than this are left out.
    """
    height, width = size_hw
    face_ids, plane = _facing(xy_px, depth_cm, faces, near_cm, size_hw)
    ya, yb, yc = xy_px[faces[face_ids].T, 1].astype(np.float64)
    top = np.maximum(np.ceil(_least(ya, yb, yc)), 0).astype(np.int64)
    bottom = np.minimum(np.floor(_most(ya, yb, yc)), height - 1).astype(np.int64)
    row_face, y = _expand(top, bottom - top + 1)
    first, last = _row_spans(plane, row_face, y, width)
    pixel_row, x = _expand(first, last - first + 1)
    owner = row_face[pixel_row]
    a, b, c = plane["inverse_depth"][:, owner]
    inverse = a * x + b * y[pixel_row] + c
    key = (inverse * (near_cm * _DEPTH_STEPS / 4)).astype(np.int64) << _FACE_BITS | owner
    front = np.full(height * width, -1, np.int64)
    np.maximum.at(front, y[pixel_row] * width + x, key)
    pixel = np.flatnonzero(front >= 0)
    local = front[pixel] & ((1 << _FACE_BITS) - 1)
    py, px = np.divmod(pixel, width)
    edge = plane["edges"][:, :, local]
    share = (edge[0] * px + edge[1] * py + edge[2]).T.astype(np.float32)
    share = np.clip(share, 0, 1)
    share /= share.sum(1, keepdims=True)
    a, b, c = plane["inverse_depth"][:, local]
    depth = np.full(height * width, np.inf, np.float32)
    depth[pixel] = 1 / (a * px + b * py + c)
    return Hits(size_hw, pixel, face_ids[local], share, depth.reshape(size_hw))


def _facing(
    xy_px: np.ndarray, depth_cm: np.ndarray, faces: np.ndarray, near_cm: float, size_hw: tuple[int, int]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Indices (f,) of triangles that face the camera inside the picture, and their edge and inverse-depth planes."""
    i, j, k = faces.T
    x, y = np.ascontiguousarray(xy_px.T, dtype=np.float64)
    (x0, x1, x2), (y0, y1, y2) = (x[i], x[j], x[k]), (y[i], y[j], y[k])
    # y runs down: counter-clockwise from outside means a negative area here
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    near = depth_cm > near_cm
    keep = (area < -1e-6) & near[i] & near[j] & near[k]
    keep &= (_most(x0, x1, x2) >= 0) & (_most(y0, y1, y2) >= 0)
    keep &= (_least(x0, x1, x2) <= size_hw[1] - 1) & (_least(y0, y1, y2) <= size_hw[0] - 1)
    ids = np.flatnonzero(keep)
    x, y, area = (x0[ids], x1[ids], x2[ids]), (y0[ids], y1[ids], y2[ids]), area[ids]
    edges = np.empty((3, 3, len(ids)))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        edges[:, k] = (y[i] - y[j]) / area, (x[j] - x[i]) / area, (x[i] * y[j] - x[j] * y[i]) / area
    inverse = (edges * (1 / depth_cm[faces[ids]].T)[None]).sum(1)
    return ids, {"edges": edges, "inverse_depth": inverse}


def _least(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    least: np.ndarray = np.minimum(np.minimum(a, b), c)
    return least


def _most(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    most: np.ndarray = np.maximum(np.maximum(a, b), c)
    return most


def _expand(start: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs start[i], start[i] + 1, ... of `count` members: (n,) the run each belongs to, and (n,) the members."""
    count = np.maximum(count, 0)
    owner = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - begin[owner] + start[owner]


def _row_spans(
    plane: dict[str, np.ndarray], row_face: np.ndarray, y: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel column of each row of each triangle; last < first where it holds no pixel centre."""
    edges = plane["edges"]
    slope = np.where(np.abs(edges[0]) < 1e-12, 1e-12, edges[0])
    per_y, at_zero, opens = -edges[1] / slope, -edges[2] / slope, slope > 0
    starts, ends = [], []
    for k in range(3):
        cross = per_y[k][row_face] * y + at_zero[k][row_face]
        left = opens[k][row_face]
        starts.append(np.where(left, cross, -1.0))
        ends.append(np.where(left, float(width), cross))
    first, last = _most(*starts), _least(*ends)
    first = np.clip(np.ceil(first - 1e-7), 0, width).astype(np.int64)
    return first, np.clip(np.floor(last + 1e-7), -1, width - 1).astype(np.int64)
