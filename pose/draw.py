"""Draw a pose on a picture."""

from __future__ import annotations

import cv2
import numpy as np

from .skeleton import Skeleton

# RGB; colour-blind people can distinguish them, from each other and from hay, hide and grass
LEFT, RIGHT, CENTRE = (255, 140, 0), (0, 160, 255), (240, 60, 220)
_EDGE = (20, 20, 20)
_SHIFT = 4  # fractional bits of cv2's coordinates: it draws at 1/16 px


def joint_colours(skeleton: Skeleton) -> list[tuple[int, int, int]]:
    """RGB of each joint: the colour of left, of right, or of neither."""
    colours = [CENTRE] * len(skeleton)
    for left, right in skeleton.partners:
        colours[left], colours[right] = LEFT, RIGHT
    return colours


def draw_pose(
    image: np.ndarray,
    xy: np.ndarray,
    skeleton: Skeleton,
    shown: np.ndarray | None = None,
    radius: float | None = None,
) -> np.ndarray:
    """Copy a picture and draw joints and limbs on it: left orange, right blue, joints without a side pink.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (K, 2) joints in px of this picture, pixel centres at integers.
        skeleton: its limbs and left/right partners are used.
        shown: (K,) bool, the joints to draw; None: all. Joints whose coordinates are not finite are not drawn.
        radius: of a joint's dot in px; None: 1/90 of the picture's shorter side.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    out = np.array(image, np.uint8, order="C")
    if radius is None:
        radius = max(1.5, min(out.shape[:2]) / 90)
    xy = np.asarray(xy, np.float64)
    drawn = np.isfinite(xy).all(-1) & (np.abs(xy) < 1e5).all(-1)
    if shown is not None:
        drawn &= np.asarray(shown, bool)
    colours = joint_colours(skeleton)
    points = {int(i): (_fixed_point(xy[i, 0]), _fixed_point(xy[i, 1])) for i in np.flatnonzero(drawn)}
    width = max(1, round(radius * 0.8))
    for a, b in skeleton.limbs:
        if drawn[a] and drawn[b]:
            cv2.line(out, points[a], points[b], _limb_colour(colours[a], colours[b]), width, cv2.LINE_AA, _SHIFT)
    for i, point in points.items():
        for r, fill in ((radius + 1, _EDGE), (radius, colours[i])):
            cv2.circle(out, point, _fixed_point(r), fill, -1, cv2.LINE_AA, _SHIFT)
    return out


def _fixed_point(px: float) -> int:
    """A coordinate in the units of cv2's drawing functions."""
    return int(round(px * 2**_SHIFT))


def _limb_colour(a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
    """The colour of the side that one end or both ends have; of neither where the limb joins left and right."""
    sides = {a, b} - {CENTRE}
    return sides.pop() if len(sides) == 1 else CENTRE
