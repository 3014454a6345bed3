"""Boxes, crops, and the 2 x 3 matrices between the frames of picture, crop and heatmap.

Frames count pixels (or cells) with the *centres* of pixels at integers: a picture of width W spans -0.5 to W - 0.5. A resize keeps
edges on edges: x_crop = (x_px + 0.5 - left) * size / side - 0.5. Matrices are (..., 2, 3) arrays or tensors, batched over the
leading axes; `b_from_a` maps points of frame a to frame b. Nothing is rounded.

The transform of the 2020 CC-SSL code, which truncates to whole pixels, is `pose.original.geometry.original_transform`.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import torch
import torch.nn.functional as F


def square_box(box_xywh: np.ndarray, factor: float) -> np.ndarray:
    """Square around the centre of a box.

    Args:
        box_xywh: (..., 4) left, top, width, height in px of the picture.
        factor: side of the square = factor x the longer side of the box.

    Returns:
        (..., 3) float64 left, top and side of the square, px; left and top are pixel edges.
    """
    box = np.asarray(box_xywh, np.float64)
    side = factor * box[..., 2:].max(-1)
    corner = box[..., :2] + box[..., 2:] / 2 - side[..., None] / 2
    return np.concatenate([corner, side[..., None]], -1)


def aspect_box(box_xywh: np.ndarray, factor: float, size_hw: tuple[int, int]) -> np.ndarray:
    """Rectangle around the centre of a box, with the shape of a crop.

    Args:
        box_xywh: (..., 4) left, top, width, height in px of the picture.
        factor: the rectangle is `factor` times the smallest one of this shape that holds the box.
        size_hw: (H, W), rows and columns of the crop.

    Returns:
        (..., 3) float64 left, top (pixel edges) and width, px; the height is width * H / W. For square crops the same as
        `square_box`.
    """
    box = np.asarray(box_xywh, np.float64)
    aspect = size_hw[1] / size_hw[0]
    width = factor * np.maximum(box[..., 2], box[..., 3] * aspect)
    corner = box[..., :2] + box[..., 2:] / 2 - np.stack([width, width / aspect], -1) / 2
    return np.concatenate([corner, width[..., None]], -1)


def crop_matrix(left_top_width: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Matrix from a picture to the crop of a rectangle.

    Args:
        left_top_width: (..., 3), see `square_box` and `aspect_box`.
        size: side of the crop in px, or its rows and columns.

    Returns:
        crop_from_image (..., 2, 3) float64.

    >>> crop_matrix(np.array([10.0, 20.0, 128.0]), 64)
    array([[  0.5 ,   0.  ,  -5.25],
           [  0.  ,   0.5 , -10.25]])
    """
    left, top, width = np.moveaxis(np.asarray(left_top_width, np.float64), -1, 0)
    f = hw_of(size)[1] / width
    zero = np.zeros_like(f)
    rows = [np.stack([f, zero, (0.5 - left) * f - 0.5], -1), np.stack([zero, f, (0.5 - top) * f - 0.5], -1)]
    return np.stack(rows, -2)


@overload
def resize_matrix(
    from_size: int | tuple[int, int], to_size: int | tuple[int, int], like: None = None
) -> np.ndarray: ...
@overload
def resize_matrix(
    from_size: int | tuple[int, int], to_size: int | tuple[int, int], like: torch.Tensor
) -> torch.Tensor: ...
def resize_matrix(
    from_size: int | tuple[int, int], to_size: int | tuple[int, int], like: torch.Tensor | None = None
) -> np.ndarray | torch.Tensor:
    """Matrix of a resize, such as crop to heatmap; edges stay on edges.

    Args:
        from_size: side in px, or rows and columns.
        to_size: side, or rows and columns, after the resize.
        like: a tensor whose type and device the matrix gets; None: an array.

    Returns:
        (2, 3), float64 as an array.
    """
    (h, w), (to_h, to_w) = hw_of(from_size), hw_of(to_size)
    fx, fy = to_w / w, to_h / h
    matrix = np.array([[fx, 0.0, 0.5 * fx - 0.5], [0.0, fy, 0.5 * fy - 0.5]])
    return matrix if like is None else torch.as_tensor(matrix, dtype=like.dtype, device=like.device)


def hw_of(size: int | tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a size; a number is the side of a square."""
    return (size, size) if isinstance(size, int | np.integer) else (int(size[0]), int(size[1]))


@overload
def apply(matrix: np.ndarray, xy: np.ndarray) -> np.ndarray: ...
@overload
def apply(matrix: torch.Tensor, xy: torch.Tensor) -> torch.Tensor: ...
def apply(matrix: Any, xy: Any) -> Any:
    """Map points: matrix (..., 2, 3), xy (..., K, 2) -> (..., K, 2). Both are arrays, or both are tensors."""
    linear, shift = matrix[..., :2], matrix[..., None, :, 2]
    return xy @ (linear.mT if isinstance(linear, torch.Tensor) else np.swapaxes(linear, -1, -2)) + shift


@overload
def invert(matrix: np.ndarray) -> np.ndarray: ...
@overload
def invert(matrix: torch.Tensor) -> torch.Tensor: ...
def invert(matrix: Any) -> Any:
    """Inverse of matrices (..., 2, 3), by the closed formula.

    Raises:
        ValueError: a matrix without inverse.
    """
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = a * d - b * c
    if not bool((abs(determinant) > 1e-12).all()):
        raise ValueError("a singular matrix has no inverse")
    xp = torch if isinstance(matrix, torch.Tensor) else np
    rows = [xp.stack([d, -b], -1), xp.stack([-c, a], -1)]
    linear = xp.stack(rows, -2) / determinant[..., None, None]
    return xp.concatenate([linear, -(linear @ matrix[..., 2:])], -1)


@overload
def compose(c_from_b: np.ndarray, b_from_a: np.ndarray) -> np.ndarray: ...
@overload
def compose(c_from_b: torch.Tensor, b_from_a: torch.Tensor) -> torch.Tensor: ...
def compose(c_from_b: Any, b_from_a: Any) -> Any:
    """The matrix c_from_a (..., 2, 3) of `b_from_a` followed by `c_from_b`; leading axes are broadcast."""
    linear = c_from_b[..., :2] @ b_from_a[..., :2]
    shift = c_from_b[..., :2] @ b_from_a[..., 2:] + c_from_b[..., 2:]
    xp = torch if isinstance(linear, torch.Tensor) else np
    return xp.concatenate([linear, shift], -1)


def view_matrix(
    size: int | tuple[int, int],
    scale: torch.Tensor,
    angle_deg: torch.Tensor,
    flip: torch.Tensor,
    shift: torch.Tensor | None = None,
    *,
    from_size: int | tuple[int, int] | None = None,
    margin: float = 1.0,
) -> torch.Tensor:
    """Matrix from a crop to a view of it: scale, turn, mirror and shift about the centre.

    Args:
        size: side of the view in px, or its rows and columns.
        scale: (B,) factor on the animal's size; with 1 the view shows the crop's inner part.
        angle_deg: (B,) turn of the picture, counter-clockwise on the screen.
        flip: (B,) bool, mirror left and right after the turn.
        shift: (B, 2) move as a share of the view's columns and rows; None: no move.
        from_size: side of the crop in px, or its rows and columns; None: `size`.
        margin: side of the crop / side of its inner part.

    Returns:
        view_from_crop (B, 2, 3) with the type of `scale`.
    """
    (h, w), (from_h, from_w) = hw_of(size), hw_of(size if from_size is None else from_size)
    f = scale * (w * margin / from_w)
    angle = torch.deg2rad(angle_deg)
    cos, sin = f * torch.cos(angle), f * torch.sin(angle)
    linear = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
    mirror = torch.where(flip, -1.0, 1.0).to(linear)
    linear = linear * torch.stack([mirror, torch.ones_like(mirror)], -1)[..., None]
    centre_in = linear.new_tensor([[(from_w - 1) / 2], [(from_h - 1) / 2]])
    move = linear.new_tensor([[(w - 1) / 2], [(h - 1) / 2]]) - linear @ centre_in
    if shift is not None:
        move = move + (shift * shift.new_tensor([w, h]))[..., None]
    return torch.cat([linear, move], -1)


def warp(
    images: torch.Tensor, out_from_in: torch.Tensor, size_hw: tuple[int, int], mode: str = "bilinear"
) -> torch.Tensor:
    """Resample each picture of a batch by its own matrix; pixels from outside the picture are 0.

    Args:
        images: (B, C, H, W) float.
        out_from_in: (B, 2, 3), from pixels of the picture to pixels of the result.
        size_hw: (H', W'), rows and columns of the result.
        mode: of grid_sample ("bilinear", "nearest", "bicubic").

    Returns:
        (B, C, H', W').
    """
    height, width = images.shape[-2:]
    h, w = size_hw
    back = invert(out_from_in.to(torch.float64)).to(images)
    ys = torch.arange(h, device=images.device, dtype=images.dtype).view(1, h, 1, 1)
    xs = torch.arange(w, device=images.device, dtype=images.dtype).view(1, 1, w, 1)
    column, row, shift = (part[:, None, None] for part in back.unbind(-1))
    source = column * xs + (row * ys + shift)
    scale = torch.tensor([2.0 / width, 2.0 / height], device=images.device, dtype=images.dtype)
    normed = (source + 0.5) * scale - 1
    return F.grid_sample(images, normed, mode=mode, padding_mode="zeros", align_corners=False)
