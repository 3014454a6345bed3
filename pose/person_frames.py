"""How the published human-pose systems cut a person out of a picture: centre and scale, and the matrix to the crop.

A person is a centre (x, y) in px of the picture and a scale (w, h) in units of 200 px, both float32 as published. `frame` names
one of the ways from there to a crop and to a heatmap; pixel centres are at integers in all of them:

- `msra`: the centre comes to size/2, half a pixel beside the crop's middle; only the scale's width counts. The heatmap is a smaller
  crop: pixel 4 x lies on cell x. SimpleBaseline (B. Xiao et al., ECCV 2018), HRNet (K. Sun et al., CVPR 2019), LPN.
- `megvii`: the crop of `msra`, but a cell is four whole pixels: pixel 4 x + 2 lies on cell x. MSPN (W. Li et al., arXiv
  1901.00148), RSN (Y. Cai et al., ECCV 2020), CPN's joints (below), and princeton-vl's PyTorch hourglass.
- `dark`: the centre comes to the middle (size - 1)/2, and lengths count from first to last pixel; only the width counts.
  DARK (F. Zhang et al., CVPR 2020), OmniPose.
- `udp`: as `dark` in the crop, but the scale's own length in the picture, width and height each by itself.
  UDP (J. Huang et al., CVPR 2020, section 3.2).

A mirrored picture gives mirrored maps in `dark` and `udp`, and in `megvii` but for a quarter of a cell; in `msra` they lie 3/4 of
a cell beside, for which the published test shifts them by one, see `flip_shift`. CPN cuts whole rectangles instead:
`cpn_rectangle`. The integer transform of the hourglass code is in `published_geometry`, the exact crop of everything else in
`geometry`.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..errors import DataError
from .geometry import apply, invert

FRAMES = ("msra", "dark", "udp", "megvii")
BOX_UNIT_PX = 200.0
CPN_EXTENSION = (0.1, 0.15)  # of the box, on each side, in x and y
CPN_TRAINING = 1.25
CPN_FILL = (122.7717, 115.9465, 102.9801)  # RGB mean that lies around its pictures


def centre_scale(box_xywh, aspect: float, padding=1.25, frame: str = "msra") -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale of boxes, grown to the input's shape.

    Args:
        box_xywh: (..., 4) left, top, width, height in px, as the published loaders have it (`datasets.person_boxes`).
        aspect: width / height of the input.
        padding: factor on the box, or one for its width and one for its height (MSPN, RSN). A box whose centre lies at x = -1
            is not enlarged, as published: MPII marks a person without centre so.
        frame: one of `FRAMES`.

    Returns:
        centre (..., 2) px and scale (..., 2) width and height / 200, float32.
    """
    _known(frame)
    box = np.asarray(box_xywh, np.float64)
    reach = box[..., 2:] - 1 if frame == "dark" else box[..., 2:]
    centre = (box[..., :2] + reach * 0.5).astype(np.float32)
    factor = np.broadcast_to(np.asarray(padding, np.float32), (2,))
    factor = np.where(centre[..., :1] != -1, factor, np.float32(1))
    w, h = box[..., 2], box[..., 3]
    if factor.size and not (factor[..., 0] == factor[..., 1]).all():
        # an uneven padding changes the box's shape, so it comes before the growing
        w, h = np.moveaxis((np.stack([w, h], -1) / BOX_UNIT_PX).astype(np.float32) * factor, -1, 0)
        scale = np.stack(_grown(w, h, aspect), -1).astype(np.float32)
    else:
        scale = (np.stack(_grown(w, h, aspect), -1) / BOX_UNIT_PX).astype(np.float32) * factor
    return centre, scale


def crop_matrix(frame: str, centre, scale, angle_deg, size_wh, shift=(0.0, 0.0)) -> np.ndarray:
    """Matrix crop_from_image of persons, as the published code finds it: the source points rounded to float32.

    Args:
        frame: one of `FRAMES`.
        centre, scale: (..., 2), see `centre_scale`.
        angle_deg: (...) turn as the published code counts it: clockwise turns of the window on the screen for `msra` and `dark`
            (the picture turns the other way) and `megvii`, clockwise turns of the picture for `udp`.
        size_wh: (..., 2) width, height of the crop in px; or of the heatmap in cells, but in `megvii`, see `heatmap_matrix`.
        shift: (..., 2) move of the window in shares of the scale; not for `udp`.

    Returns:
        (..., 2, 3) float64.

    Raises:
        DataError: a scale that is not above 0.
    """
    _known(frame)
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


def heatmap_matrix(frame: str, size_wh, heatmap_wh) -> np.ndarray:
    """Matrix heatmap_from_crop (2, 3) float64: the crop of the heatmap's size after that of the input's size, undone; half a cell
    less in `megvii`.

    Args:
        frame: one of `FRAMES`.
        size_wh, heatmap_wh: width, height of the input (px) and of the heatmap (cells).
    """
    _known(frame)
    size, cells = np.asarray(size_wh, np.float64), np.asarray(heatmap_wh, np.float64)
    if frame in ("msra", "megvii"):
        factor = np.full(2, cells[0] / size[0])  # the width alone sets the scale
        move = (cells - factor * size) / 2 - (0.5 if frame == "megvii" else 0)
    elif frame == "dark":
        factor = np.full(2, (cells[0] - 1) / (size[0] - 1))
        move = (cells - 1 - factor * (size - 1)) / 2
    else:
        factor, move = (cells - 1) / (size - 1), np.zeros(2)
    return np.array([[factor[0], 0, move[0]], [0, factor[1], move[1]]])


def flip_shift(frame: str) -> int:
    """Cells by which the published flip test moves the maps of the mirrored picture to the right, its first column kept."""
    _known(frame)
    return 1 if frame == "msra" else 0


def transform_preds(frame: str, xy_heatmap, centre, scale, heatmap_wh):
    """Joints from heatmap cells to the picture.

    Args:
        frame: one of `FRAMES`.
        xy_heatmap: (..., K, 2) array or tensor, cells.
        centre, scale: (..., 2), see `centre_scale`.
        heatmap_wh: (..., 2) width, height of the map.

    Returns:
        (..., K, 2) float64 px of the picture, array or tensor as given.
    """
    image_from_heatmap = invert(crop_matrix(frame, centre, scale, 0.0, heatmap_wh))
    half = 0.5 if frame == "megvii" else 0.0
    if isinstance(xy_heatmap, torch.Tensor):
        return apply(torch.as_tensor(image_from_heatmap, device=xy_heatmap.device), xy_heatmap.double() + half)
    return apply(image_from_heatmap, np.asarray(xy_heatmap, np.float64) + half)


def mirror_matrix(width) -> np.ndarray:
    """Matrix (..., 2, 3) of the left/right mirror of pictures `width` (...) px wide: x becomes width - 1 - x."""
    width = np.asarray(width, np.float64)
    matrix = np.zeros((*width.shape, 2, 3))
    matrix[..., 0, 0], matrix[..., 0, 2], matrix[..., 1, 1] = -1, width - 1, 1
    return matrix


def cpn_rectangle(
    box_xyxy, picture_hw, size_hw, training: bool = False, extension: tuple[float, float] = CPN_EXTENSION
) -> np.ndarray:
    """The whole pixels that CPN cuts for a person (Y. Chen et al., CVPR 2018; as in its PyTorch re-implementation).

    The box grows by `extension` on every side (in training by a further quarter), to the input's shape, and is cut so that it stays
    within the picture with max(H, W) px around it.

    Args:
        box_xyxy: (..., 4) corners in px.
        picture_hw, size_hw: (..., 2) rows, columns of the picture and of the crop.
        extension: shares of the box added left and right, above and below.

    Returns:
        (..., 4) float64 left, top, right, bottom in px, right and bottom exclusive.
    """
    # all in float32, as published: the cut to whole pixels makes the last digit visible
    box, factor = np.asarray(box_xyxy, np.float32), np.array([1 + 2 * share for share in extension], np.float32)
    picture, size = np.asarray(picture_hw, np.float32), np.asarray(size_hw, np.float32)[..., ::-1]
    rim = picture.max(-1, keepdims=True)
    middle = (box[..., :2] + box[..., 2:]) / 2 + rim
    grown = (box[..., 2:] + rim - (box[..., :2] + rim)) * factor
    grown = grown * np.float32(CPN_TRAINING) if training else grown
    # side of the rectangle in shares of the input's; at most as far as the rim reaches, less a pixel
    by_width = grown[..., 0] / size[..., 0] >= grown[..., 1] / size[..., 1]
    side, unit = np.where(by_width, grown[..., 0], grown[..., 1]), np.where(by_width, size[..., 0], size[..., 1])
    room = np.minimum(middle, picture[..., ::-1] + 2 * rim - middle)
    limit = (room / size * unit[..., None] * 2 - 1).min(-1)
    half = np.minimum(side, limit)[..., None] / 2 / unit[..., None] * size
    corners = np.concatenate([middle - half, middle + half], -1)
    return (np.trunc(corners) - rim).astype(np.float64)


def cpn_joint_matrix(rectangle, size_hw) -> np.ndarray:
    """Matrix crop_from_image (..., 2, 3) of CPN's joints: x - left, times width of the crop / width of the rectangle.

    Pictures are resized edge on edge, half a pixel of the crop less half a pixel of the picture beside it: as published.
    """
    left_top, right_bottom = np.split(np.asarray(rectangle, np.float64), 2, -1)
    factor = np.asarray(size_hw, np.float64)[..., ::-1] / (right_bottom - left_top)
    matrix = np.zeros((*factor.shape[:-1], 2, 3))
    matrix[..., 0, 0], matrix[..., 1, 1] = factor[..., 0], factor[..., 1]
    matrix[..., 2] = -left_top * factor
    return matrix


def cpn_crop(image: np.ndarray, rectangle, size_hw: tuple[int, int], fill=(0.0, 0.0, 0.0)) -> np.ndarray:
    """A rectangle of a picture resized to `size_hw`, bilinear, `fill` where it leaves the picture.

    Args:
        image: (H, W, 3) uint8.
        rectangle: (4,) see `cpn_rectangle`.
        fill: value of every channel, 0..255.

    Returns:
        (*size_hw, 3) uint8.
    """
    left, top, right, bottom = (int(v) for v in rectangle)
    h, w = image.shape[:2]
    around = max(0, -top), max(0, bottom - h), max(0, -left), max(0, right - w)
    part = image[max(0, top) : max(0, min(bottom, h)), max(0, left) : max(0, min(right, w))]
    if part.size == 0:  # wholly beside the picture
        part, around = np.empty((bottom - top, right - left, 3), np.uint8), (0, 0, 0, 0)
        part[:] = np.rint(fill).astype(np.uint8)
    part = cv2.copyMakeBorder(part, *around, cv2.BORDER_CONSTANT, value=tuple(float(v) for v in fill))
    return cv2.resize(part, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)


def _known(frame: str) -> None:
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, not {frame!r}")


def _grown(w, h, aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """The smallest width and height of the aspect ratio that hold w and h."""
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
    """Matrix (..., 2, 3) that brings two points and the third corner of their right angle to others."""
    (a, first), (b, second) = ((p, np.stack([p, q, _third(p, q)], -1).astype(np.float64)) for p, q in (source, target))
    spans = [points[..., 1:] - points[..., :1] for points in (first, second)]
    linear = spans[1] @ np.linalg.inv(spans[0])
    return np.concatenate([linear, b[..., None] - linear @ a[..., None]], -1)


def _third(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """q and the way from q to p, turned by a quarter; in the points' own precision."""
    way = p - q
    return q + np.stack([-way[..., 1], way[..., 0]], -1)
