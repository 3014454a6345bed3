"""Drawing a pose on a picture."""

from __future__ import annotations

import cv2
import numpy as np

from .skeleton import Skeleton

# RGB; told apart by colour-blind eyes too, and from hay, hide and grass
LEFT, RIGHT, CENTRE = (255, 140, 0), (0, 160, 255), (240, 60, 220)
_EDGE = (20, 20, 20)
_SHIFT = 4  # cv2 draws at 1/16 px


def joint_colours(skeleton: Skeleton) -> list[tuple[int, int, int]]:
    """RGB of each joint: left, right, or neither."""
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
    """A copy of a picture with joints and limbs drawn in: left orange, right blue, what has no side pink.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (K, 2) joint positions in px of this picture, pixel centres at integers.
        skeleton: names the limbs and the sides.
        shown: (K,) bool, which joints to draw; None for all. Positions that are not finite are never drawn.
        radius: of a joint's dot in px; None: about a hundredth of the picture's shorter side.
    """
    out = np.array(image, np.uint8, order="C")
    if radius is None:
        radius = max(1.5, min(out.shape[:2]) / 90)
    xy = np.asarray(xy, np.float64)
    drawn = np.isfinite(xy).all(-1) & (np.abs(xy) < 1e5).all(-1)
    if shown is not None:
        drawn &= np.asarray(shown, bool)
    colours = joint_colours(skeleton)
    points = [tuple(int(round(v * 2**_SHIFT)) for v in p) if d else None for p, d in zip(xy, drawn)]
    width = max(1, round(radius * 0.8))
    for a, b in skeleton.limbs:
        if drawn[a] and drawn[b]:
            cv2.line(out, points[a], points[b], _limb_colour(colours[a], colours[b]), width, cv2.LINE_AA, _SHIFT)
    for point, colour in zip(points, colours):
        if point is not None:
            for r, fill in ((radius + 1, _EDGE), (radius, colour)):
                cv2.circle(out, point, int(round(r * 2**_SHIFT)), fill, -1, cv2.LINE_AA, _SHIFT)
    return out


def _limb_colour(a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
    # a limb between the middle and a side belongs to the side; one across both to neither
    sides = {a, b} - {CENTRE}
    return sides.pop() if len(sides) == 1 else CENTRE
