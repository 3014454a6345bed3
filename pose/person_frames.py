"""Crops of people in published human-pose systems: centre and scale of a person, and the matrix to the crop.

A person has a centre (x, y) in px of the picture and a scale (w, h) in units of 200 px, both float32 as published. `frame`
names the rule for the crop and the heatmap; the centres of pixels and cells are at integers in all of them:

- `msra`: the person's centre is at size/2 in the crop, half a pixel from the crop's middle; only the scale's width counts. The
  heatmap is a smaller crop: pixel 4 x lies on cell x. SimpleBaseline (B. Xiao et al., ECCV 2018), HRNet (K. Sun et al., CVPR
  2019), LPN.
- `megvii`: the crop of `msra`, but a cell is four whole pixels: pixel 4 x + 2 lies on cell x. MSPN (W. Li et al., arXiv
  1901.00148), RSN (Y. Cai et al., ECCV 2020), CPN's joints (below), and princeton-vl's PyTorch hourglass.
- `dark`: the person's centre is at the middle (size - 1)/2, and lengths run from the first to the last pixel; only the width
  counts. DARK (F. Zhang et al., CVPR 2020), OmniPose.
- `udp`: in the crop as `dark`, but in the picture lengths are those of the scale, width and height independently.
  UDP (J. Huang et al., CVPR 2020, section 3.2).

The maps of a mirrored picture are the mirrored maps in `dark` and `udp`, and in `megvii` except for a quarter of a cell. In
`msra` they are displaced by 3/4 of a cell, and the published test shifts them by one, see `flip_shift`. CPN cuts whole
rectangles instead, see `cpn_rectangle`. The integer transform of the hourglass code is in `pose.original.geometry`, the exact
crop in `pose.geometry`.
"""

from __future__ import annotations

from typing import overload

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike

from ..errors import DataError
from .geometry import apply, invert

FRAMES = ("msra", "dark", "udp", "megvii")
BOX_UNIT_PX = 200.0  # unit of a person's scale
# CPN's PyTorch re-implementation
CPN_EXTENSION = (0.1, 0.15)  # enlargement of the box on each side in x and y, as shares of its width and height
CPN_TRAINING = 1.25  # further factor on the box in training
CPN_FILL = (122.7717, 115.9465, 102.9801)  # RGB 0..255 of pixels outside the picture: the mean of its pictures


def centre_scale(
    box_xywh: ArrayLike, aspect: float, padding: ArrayLike = 1.25, frame: str = "msra"
) -> tuple[np.ndarray, np.ndarray]:
    """Compute centre and scale of boxes, enlarged to the input's shape.

    Args:
        box_xywh: (..., 4) left, top, width, height in px, as in the published loaders (`datasets.person_boxes`).
        aspect: width / height of the input.
        padding: factor on the box, or one for its width and one for its height (MSPN, RSN). As published, a box with its centre at
            x = -1 is not enlarged: it marks a person without centre in MPII.
        frame: a name in `FRAMES`.

    Returns:
        centre (..., 2) px and scale (..., 2) width and height / 200 px, float32.
    """
    _check_frame(frame)
    box = np.asarray(box_xywh, np.float64)
    reach = box[..., 2:] - 1 if frame == "dark" else box[..., 2:]
    centre = (box[..., :2] + reach * 0.5).astype(np.float32)
    factor = np.broadcast_to(np.asarray(padding, np.float32), (2,))
    factor = np.where(centre[..., :1] != -1, factor, np.float32(1))
    w, h = box[..., 2], box[..., 3]
    if factor.size and not (factor[..., 0] == factor[..., 1]).all():
        # two different factors change the box's shape, so they are applied before it gets the input's shape
        w, h = np.moveaxis((np.stack([w, h], -1) / BOX_UNIT_PX).astype(np.float32) * factor, -1, 0)
        scale = np.stack(_fit_aspect(w, h, aspect), -1).astype(np.float32)
    else:
        scale = (np.stack(_fit_aspect(w, h, aspect), -1) / BOX_UNIT_PX).astype(np.float32) * factor
    return centre, scale


def crop_matrix(
    frame: str,
    centre: ArrayLike,
    scale: ArrayLike,
    angle_deg: ArrayLike,
    size_wh: ArrayLike,
    shift: ArrayLike = (0.0, 0.0),
) -> np.ndarray:
    """Compute the matrix to a person's crop as in the published code, which rounds the points in the picture to float32.

    Args:
        frame: a name in `FRAMES`.
        centre: (..., 2) px of the picture, see `centre_scale`.
        scale: (..., 2) in 200 px, see `centre_scale`.
        angle_deg: (...) turn with the sign of the published code. `msra`, `dark` and `megvii`: the window turns clockwise on the
            screen, so the picture turns counter-clockwise. `udp`: the picture turns clockwise.
        size_wh: (..., 2) width, height of the crop in px; or of the heatmap in cells, except in `megvii`, see `heatmap_matrix`.
        shift: (..., 2) move of the window as a share of the scale; not for `udp`.

    Returns:
        crop_from_image (..., 2, 3) float64.

    Raises:
        DataError: a scale that is not above 0.
    """
    _check_frame(frame)
    centre, scale, size = np.asarray(centre), np.asarray(scale), np.asarray(size_wh, np.float64)
    used = scale if frame == "udp" else scale[..., :1]
    if not (used > 0).all():
        raise DataError("persons with a box above zero size", f"a scale of {used.min():g}", "leave such boxes out")
    angle = np.pi * np.asarray(angle_deg, np.float64) / 180
    if frame == "udp":
        return _udp_matrix(centre.astype(np.float64), scale.astype(np.float64), angle, size)
    ends = 1.0 if frame == "dark" else 0.0
    length = scale * np.asarray(BOX_UNIT_PX, scale.dtype)
    moved = centre + length * np.asarray(shift)
    up = -0.5 * (length[..., 0].astype(np.float64) - ends)
    tip = moved + np.stack(np.broadcast_arrays(-np.sin(angle) * up, np.cos(angle) * up), -1)
    source = moved.astype(np.float32), tip.astype(np.float32)
    middle = (size - ends) / 2
    raised = middle + np.stack([np.zeros_like(middle[..., 0]), -(size[..., 0] - ends) / 2], -1)
    return _through_points(source, (middle.astype(np.float32), raised.astype(np.float32)))


def heatmap_matrix(frame: str, size_wh: ArrayLike, heatmap_wh: ArrayLike) -> np.ndarray:
    """Compute the matrix from a crop to its heatmap.

    The heatmap is a crop of its own size; in `megvii` half a cell is subtracted.

    Args:
        frame: a name in `FRAMES`.
        size_wh: (2,) width, height of the input, px.
        heatmap_wh: (2,) width, height of the heatmap, cells.

    Returns:
        heatmap_from_crop (2, 3) float64.
    """
    _check_frame(frame)
    size, cells = np.asarray(size_wh, np.float64), np.asarray(heatmap_wh, np.float64)
    if frame in ("msra", "megvii"):
        factor = np.full(2, cells[0] / size[0])  # only the width counts
        move = (cells - factor * size) / 2 - (0.5 if frame == "megvii" else 0)
    elif frame == "dark":
        factor = np.full(2, (cells[0] - 1) / (size[0] - 1))
        move = (cells - 1 - factor * (size - 1)) / 2
    else:
        factor, move = (cells - 1) / (size - 1), np.zeros(2)
    return np.array([[factor[0], 0, move[0]], [0, factor[1], move[1]]])


def flip_shift(frame: str) -> int:
    """Cells by which the published flip test moves the maps of the mirrored picture to the right; their first column stays."""
    _check_frame(frame)
    return 1 if frame == "msra" else 0


@overload
def transform_preds(
    frame: str, xy_heatmap: torch.Tensor, centre: ArrayLike, scale: ArrayLike, heatmap_wh: ArrayLike
) -> torch.Tensor: ...
@overload
def transform_preds(
    frame: str, xy_heatmap: np.ndarray, centre: ArrayLike, scale: ArrayLike, heatmap_wh: ArrayLike
) -> np.ndarray: ...
def transform_preds(
    frame: str, xy_heatmap: np.ndarray | torch.Tensor, centre: ArrayLike, scale: ArrayLike, heatmap_wh: ArrayLike
) -> np.ndarray | torch.Tensor:
    """Map joints from heatmap cells to the picture (`transform_preds` of the published codes).

    Args:
        frame: a name in `FRAMES`.
        xy_heatmap: (..., K, 2) array or tensor, cells.
        centre: (..., 2) px of the picture, see `centre_scale`.
        scale: (..., 2) in 200 px, see `centre_scale`.
        heatmap_wh: (..., 2) width, height of the map, cells.

    Returns:
        (..., K, 2) float64 px of the picture, an array or a tensor as `xy_heatmap`.
    """
    image_from_heatmap = invert(crop_matrix(frame, centre, scale, 0.0, heatmap_wh))
    half = 0.5 if frame == "megvii" else 0.0
    if isinstance(xy_heatmap, torch.Tensor):
        return apply(torch.as_tensor(image_from_heatmap, device=xy_heatmap.device), xy_heatmap.double() + half)
    return apply(image_from_heatmap, np.asarray(xy_heatmap, np.float64) + half)


def mirror_matrix(width: ArrayLike) -> np.ndarray:
    """Matrix (..., 2, 3) that mirrors pictures left to right: x becomes width - 1 - x, for a width (...) in px."""
    width = np.asarray(width, np.float64)
    matrix = np.zeros((*width.shape, 2, 3))
    matrix[..., 0, 0], matrix[..., 0, 2], matrix[..., 1, 1] = -1, width - 1, 1
    return matrix


def cpn_rectangle(
    box_xyxy: ArrayLike,
    picture_hw: ArrayLike,
    size_hw: ArrayLike,
    training: bool = False,
    extension: tuple[float, float] = CPN_EXTENSION,
) -> np.ndarray:
    """Compute the rectangle of whole pixels that CPN cuts for a person (Y. Chen et al., CVPR 2018; PyTorch re-implementation).

    The box is enlarged by `extension` on each side (in training by another quarter) and to the input's shape. Then it is
    limited to the picture with a border of max(H, W) px around it.

    Args:
        box_xyxy: (..., 4) left, top, right, bottom in px.
        picture_hw: (..., 2) rows, columns of the picture.
        size_hw: (..., 2) rows, columns of the crop.
        training: enlarge as in training.
        extension: shares of the box's width added left and right, and of its height added above and below.

    Returns:
        (..., 4) float64 left, top, right, bottom in px; right and bottom are exclusive.
    """
    # in float32 as published: the truncation to whole pixels depends on the last digit
    box, factor = np.asarray(box_xyxy, np.float32), np.array([1 + 2 * share for share in extension], np.float32)
    picture, size = np.asarray(picture_hw, np.float32), np.asarray(size_hw, np.float32)[..., ::-1]
    rim = picture.max(-1, keepdims=True)
    middle = (box[..., :2] + box[..., 2:]) / 2 + rim
    grown = (box[..., 2:] + rim - (box[..., :2] + rim)) * factor
    grown = grown * np.float32(CPN_TRAINING) if training else grown
    # one side of the rectangle, limited so that the rectangle ends at least a pixel inside the border
    by_width = grown[..., 0] / size[..., 0] >= grown[..., 1] / size[..., 1]
    side, unit = np.where(by_width, grown[..., 0], grown[..., 1]), np.where(by_width, size[..., 0], size[..., 1])
    room = np.minimum(middle, picture[..., ::-1] + 2 * rim - middle)
    limit = (room / size * unit[..., None] * 2 - 1).min(-1)
    half = np.minimum(side, limit)[..., None] / 2 / unit[..., None] * size
    corners = np.concatenate([middle - half, middle + half], -1)
    rectangle: np.ndarray = (np.trunc(corners) - rim).astype(np.float64)
    return rectangle


def cpn_joint_matrix(rectangle: ArrayLike, size_hw: ArrayLike) -> np.ndarray:
    """Compute the matrix of CPN's joints: (x - left) x width of the crop / width of the rectangle.

    As published, this differs from the resize of the picture, which keeps edges on edges, by half a pixel of the crop minus
    half a pixel of the picture.

    Args:
        rectangle: (..., 4), see `cpn_rectangle`.
        size_hw: (..., 2) rows, columns of the crop.

    Returns:
        crop_from_image (..., 2, 3) float64.
    """
    left_top, right_bottom = np.split(np.asarray(rectangle, np.float64), 2, -1)
    factor = np.asarray(size_hw, np.float64)[..., ::-1] / (right_bottom - left_top)
    matrix = np.zeros((*factor.shape[:-1], 2, 3))
    matrix[..., 0, 0], matrix[..., 1, 1] = factor[..., 0], factor[..., 1]
    matrix[..., 2] = -left_top * factor
    return matrix


def cpn_crop(
    image: np.ndarray,
    rectangle: np.ndarray,
    size_hw: tuple[int, int],
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> np.ndarray:
    """Cut a rectangle from a picture and resize it, bilinear.

    Args:
        image: (H, W, 3) uint8.
        rectangle: (4,) see `cpn_rectangle`.
        size_hw: rows, columns of the crop.
        fill: values 0..255 of the channels of pixels outside the picture.

    Returns:
        (*size_hw, 3) uint8.
    """
    left, top, right, bottom = (int(v) for v in rectangle)
    h, w = image.shape[:2]
    around = max(0, -top), max(0, bottom - h), max(0, -left), max(0, right - w)
    part = image[max(0, top) : max(0, min(bottom, h)), max(0, left) : max(0, min(right, w))]
    if part.size == 0:  # completely outside the picture
        part, around = np.empty((bottom - top, right - left, 3), np.uint8), (0, 0, 0, 0)
        part[:] = np.rint(fill).astype(np.uint8)
    part = cv2.copyMakeBorder(part, *around, cv2.BORDER_CONSTANT, value=tuple(float(v) for v in fill))
    return cv2.resize(part, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)


def _check_frame(frame: str) -> None:
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, not {frame!r}")


def _fit_aspect(w: np.ndarray, h: np.ndarray, aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """The smallest width and height with the ratio `aspect` that contain w and h."""
    wide, narrow = w > aspect * h, w < aspect * h
    return np.where(narrow, h * aspect, w), np.where(wide, w / aspect, h)


def _udp_matrix(centre: np.ndarray, scale: np.ndarray, angle: np.ndarray, size: np.ndarray) -> np.ndarray:
    length = scale * BOX_UNIT_PX
    factor = (size - 1) / length
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.broadcast_arrays(cos, -sin, length[..., 0] / 2 - cos * centre[..., 0] + sin * centre[..., 1])
    y = np.broadcast_arrays(sin, cos, length[..., 1] / 2 - sin * centre[..., 0] - cos * centre[..., 1])
    return np.stack([np.stack(x, -1) * factor[..., :1], np.stack(y, -1) * factor[..., 1:]], -2)


def _through_points(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Matrix (..., 2, 3) that maps two points, and the third corner of a right angle at the second point, to those of `target`."""
    (a, first), (b, second) = ((p, np.stack([p, q, _third(p, q)], -1).astype(np.float64)) for p, q in (source, target))
    spans = [points[..., 1:] - points[..., :1] for points in (first, second)]
    linear = spans[1] @ np.linalg.inv(spans[0])
    return np.concatenate([linear, b[..., None] - linear @ a[..., None]], -1)


def _third(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The third corner of a right angle at q, in the points' own precision."""
    leg = p - q
    corner: np.ndarray = q + np.stack([-leg[..., 1], leg[..., 0]], -1)
    return corner
