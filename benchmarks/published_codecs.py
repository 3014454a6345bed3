"""The published decoders and targets in their own form: highest cells at once, then a Python loop over joints in NumPy and OpenCV.

Written from their description, to be timed beside `pose.heatmap`. Each decoder takes maps (B, C, h, w), centre and scale (B, 2) and
gives joints in picture px (B, K, 2).
"""

from __future__ import annotations

import cv2
import numpy as np


def highest(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (B, K, 2), (0, 0) where nothing exceeds 0, and values (B, K)."""
    flat = maps.reshape(*maps.shape[:2], -1)
    index, value = flat.argmax(2), flat.max(2)
    xy = np.stack([index % maps.shape[3], index // maps.shape[3]], -1).astype(np.float32)
    return xy * (value > 0)[..., None], value


def third(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    way = a - b
    return b + np.array([-way[1], way[0]], np.float32)


def picture_from_map(centre: np.ndarray, scale: np.ndarray, size_wh: tuple[int, int], ends: float) -> np.ndarray:
    """Affine matrix through three points; `ends` 1 counts lengths from first to last pixel, as DARK does."""
    w, h = size_wh
    source, target = np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
    source[0], source[1] = centre, centre + np.array([0, -(scale[0] * 200 - ends) / 2])
    target[0] = [(w - ends) / 2, (h - ends) / 2]
    target[1] = target[0] + np.array([0, -(w - ends) / 2], np.float32)
    source[2], target[2] = third(source[0], source[1]), third(target[0], target[1])
    return cv2.getAffineTransform(target, source)


def to_picture(xy: np.ndarray, centre, scale, size_wh, ends: float) -> np.ndarray:
    """One matrix a person, one product a joint."""
    found = xy.copy()
    for i in range(len(xy)):
        matrix = picture_from_map(centre[i], scale[i], size_wh, ends)
        for j in range(xy.shape[1]):
            found[i, j] = np.dot(matrix, np.array([xy[i, j, 0], xy[i, j, 1], 1.0]))
    return found


def udp_to_picture(xy: np.ndarray, centre, scale, size_wh) -> np.ndarray:
    found = xy.copy()
    for i in range(len(xy)):
        size = scale[i] * 200
        found[i] = xy[i] * (size / (np.array(size_wh) - 1.0)) + centre[i] - size * 0.5
    return found


def quarter(maps: np.ndarray, centre, scale) -> np.ndarray:
    """SimpleBaseline and HRNet."""
    xy, _ = highest(maps)
    h, w = maps.shape[2:]
    for i in range(maps.shape[0]):
        for j in range(maps.shape[1]):
            one = maps[i][j]
            x, y = int(np.floor(xy[i][j][0] + 0.5)), int(np.floor(xy[i][j][1] + 0.5))
            if 1 < x < w - 1 and 1 < y < h - 1:
                slope = np.array([one[y][x + 1] - one[y][x - 1], one[y + 1][x] - one[y - 1][x]])
                xy[i][j] += np.sign(slope) * 0.25
    return to_picture(xy, centre, scale, (w, h), 0.0)


def dark_step(one: np.ndarray, xy: np.ndarray) -> np.ndarray:
    h, w = one.shape
    x, y = int(xy[0]), int(xy[1])
    if not (1 < x < w - 2 and 1 < y < h - 2):
        return xy
    gradient = np.array([[0.5 * (one[y][x + 1] - one[y][x - 1])], [0.5 * (one[y + 1][x] - one[y - 1][x])]])
    xx = 0.25 * (one[y][x + 2] - 2 * one[y][x] + one[y][x - 2])
    yy = 0.25 * (one[y + 2][x] - 2 * one[y][x] + one[y - 2][x])
    xy_mixed = 0.25 * (one[y + 1][x + 1] - one[y - 1][x + 1] - one[y + 1][x - 1] + one[y - 1][x - 1])
    hessian = np.array([[xx, xy_mixed], [xy_mixed, yy]])
    if xx * yy - xy_mixed**2 == 0:
        return xy
    return xy - np.squeeze(np.linalg.inv(hessian) @ gradient, 1)


def dark(maps: np.ndarray, centre, scale, kernel: int = 11) -> np.ndarray:
    """DARK and OmniPose."""
    xy, value = highest(maps)
    maps, (h, w), rim = maps.copy(), maps.shape[2:], kernel // 2
    for i in range(maps.shape[0]):
        for j in range(maps.shape[1]):
            padded = np.zeros((h + 2 * rim, w + 2 * rim))
            padded[rim:-rim, rim:-rim] = maps[i, j]
            maps[i, j] = cv2.GaussianBlur(padded, (kernel, kernel), 0)[rim:-rim, rim:-rim]
            maps[i, j] *= value[i, j] / np.max(maps[i, j])
    logarithm = np.log(np.maximum(maps, 1e-10))
    for i in range(maps.shape[0]):
        for j in range(maps.shape[1]):
            xy[i, j] = dark_step(logarithm[i][j], xy[i][j])
    return to_picture(xy, centre, scale, (w, h), 1.0)


def udp_steps(logarithm: np.ndarray, xy: np.ndarray) -> np.ndarray:
    padded = np.pad(logarithm, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    found = xy.astype(float)
    for i in range(xy.shape[0]):
        for j in range(xy.shape[1]):
            one, x, y = padded[i, j], int(xy[i, j, 0]) + 1, int(xy[i, j, 1]) + 1
            middle, right, left = one[y, x], one[y, x + 1], one[y, x - 1]
            below, above = one[y + 1, x], one[y - 1, x]
            mixed = 0.5 * (one[y + 1, x + 1] - right - below + 2 * middle - left - above + one[y - 1, x - 1])
            hessian = np.array([[right - 2 * middle + left, mixed], [mixed, below - 2 * middle + above]])
            gradient = np.array([0.5 * (right - left), 0.5 * (below - above)])
            if np.linalg.det(hessian) != 0:
                found[i, j] -= np.linalg.inv(hessian) @ gradient
    return found


def udp_gaussian(maps: np.ndarray, centre, scale, kernel: int = 7) -> np.ndarray:
    """UDP-Pose, branch master."""
    xy, value = highest(maps)
    maps = maps.copy()
    for i in range(maps.shape[0]):
        for j in range(maps.shape[1]):
            smooth = cv2.GaussianBlur(maps[i, j], (kernel, kernel), 0)
            low, high = np.min(smooth), np.max(smooth)
            maps[i, j] = (smooth - low) / (high - low) * value[i, j]
    xy = udp_steps(np.log(np.clip(maps, 0.001, 50)), xy)
    return udp_to_picture(xy, centre, scale, maps.shape[:1:-1])


def udp_mmpose(maps: np.ndarray, centre, scale, kernel: int = 11) -> np.ndarray:
    """UDP-Pose, branch mmpose: its maps are smoothed in a loop, all the rest is done at once."""
    xy, _ = highest(maps)
    maps, (h, w) = maps.copy(), maps.shape[2:]
    for one in maps.reshape(-1, h, w):
        cv2.GaussianBlur(one, (kernel, kernel), 0, one)
    np.log(np.clip(maps, 0.001, 50, maps), maps)
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="symmetric").reshape(-1)
    at = xy[..., 0] + 1 + (xy[..., 1] + 1) * (w + 2)
    at = (at + (w + 2) * (h + 2) * np.arange(xy.shape[0] * xy.shape[1]).reshape(xy.shape[:2])).astype(int)
    middle, right, left = padded[at], padded[at + 1], padded[at - 1]
    below, above = padded[at + w + 2], padded[at - w - 2]
    mixed = 0.5 * (padded[at + w + 3] - right - below + 2 * middle - left - above + padded[at - w - 3])
    gradient = np.stack([0.5 * (right - left), 0.5 * (below - above)], -1)[..., None]
    hessian = np.stack([right - 2 * middle + left, mixed, mixed, below - 2 * middle + above], -1)
    hessian = np.linalg.inv(hessian.reshape(*xy.shape[:2], 2, 2) + np.finfo(np.float32).eps * np.eye(2))
    return udp_to_picture(xy - (hessian @ gradient)[..., 0], centre, scale, (w, h))


def udp_offset(maps: np.ndarray, centre, scale, radius: float = 3.5) -> np.ndarray:
    """UDP's disc and offsets."""
    disc, way_x, way_y = maps[:, ::3].copy(), maps[:, 1::3] * radius, maps[:, 2::3] * radius
    for i in range(disc.shape[0]):
        for j in range(disc.shape[1]):
            disc[i, j] = cv2.GaussianBlur(disc[i, j], (15, 15), 0)
            way_x[i, j] = cv2.GaussianBlur(way_x[i, j], (7, 7), 0)
            way_y[i, j] = cv2.GaussianBlur(way_y[i, j], (7, 7), 0)
    xy, _ = highest(disc)
    for i in range(disc.shape[0]):
        for j in range(disc.shape[1]):
            x, y = int(xy[i][j][0]), int(xy[i][j][1])
            xy[i][j][0] += way_x[i, j, y, x]
            xy[i][j][1] += way_y[i, j, y, x]
    return udp_to_picture(xy, centre, scale, maps.shape[:1:-1])


def targets(xy: np.ndarray, size_hw: tuple[int, int], sigma: float, unbiased: bool = False) -> np.ndarray:
    """Windows of one sample's joints (K, 2) in cells, one after the other: SimpleBaseline, HRNet; `unbiased`: UDP."""
    h, w = size_hw
    maps, reach = np.zeros((len(xy), h, w), np.float32), int(3 * sigma)
    for j, (mu_x, mu_y) in enumerate(xy):
        x, y = int(mu_x + 0.5), int(mu_y + 0.5)
        left, top, right, bottom = x - reach, y - reach, x + reach + 1, y + reach + 1
        if left >= w or top >= h or right < 0 or bottom < 0:
            continue
        column = np.arange(0, 2 * reach + 1, 1, np.float32)
        middle_x, middle_y = (reach + mu_x - x, reach + mu_y - y) if unbiased else (reach, reach)
        window = np.exp(-((column - middle_x) ** 2 + (column[:, None] - middle_y) ** 2) / (2 * sigma**2))
        from_x, to_x, from_y, to_y = max(0, -left), min(right, w) - left, max(0, -top), min(bottom, h) - top
        maps[j][max(0, top) : min(bottom, h), max(0, left) : min(right, w)] = window[from_y:to_y, from_x:to_x]
    return maps


def whole_targets(xy: np.ndarray, size_hw: tuple[int, int], sigma: float) -> np.ndarray:
    """DARK's maps of one sample's joints (K, 2), one after the other, each drawn as a whole."""
    maps = np.zeros((len(xy), *size_hw), np.float32)
    column, row = np.arange(0, size_hw[1], 1, np.float32), np.arange(0, size_hw[0], 1, np.float32)[:, None]
    for j, (x, y) in enumerate(xy):
        maps[j] = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return maps
