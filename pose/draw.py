"""Draw a pose on a picture, and make a dark or pale picture readable for display."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .skeleton import Skeleton

# RGB; colour-blind people can distinguish them, from each other and from hay, hide and grass
LEFT, RIGHT, CENTRE = (255, 140, 0), (0, 160, 255), (240, 60, 220)
_EDGE = (20, 20, 20)
_SHIFT = 4  # fractional bits of cv2's coordinates: it draws at 1/16 px
_FAINTEST = 0.2  # opacity of a joint with confidence 0: it can just be seen on hay and on a dark hide
_ENDS = (1.0, 99.0)  # percentiles of the brightness that become black and white; glints and noise lie beyond them
_LEAST_RANGE = 8.0  # grey levels; a picture with a smaller range shows nothing but noise, and stays as it is
_MOST_GAIN = (
    3.5  # a stronger stretch shows noise and the blocks of a JPEG more than the animal; seen on the drawn targets
)


def joint_colours(skeleton: Skeleton) -> list[tuple[int, int, int]]:
    """RGB of each joint: the colour of left, of right, or of neither."""
    colours = [CENTRE] * len(skeleton)
    for left, right in skeleton.partners:
        colours[left], colours[right] = LEFT, RIGHT
    return colours


def stretch_contrast(image: np.ndarray) -> np.ndarray:
    """Copy a picture and stretch its contrast for display: dark and pale pictures use the whole range from black to white.

    All channels get the same line, so that colours keep their hue. Pure black is left out of the statistics, since crops are
    filled with it outside the picture, and stays black.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    image = np.asarray(image)
    filled = np.logical_not(image.any(axis=-1))
    grey = image.mean(-1)[~filled]
    if not grey.size:
        return image.copy()
    low, high = np.percentile(grey, _ENDS)
    if high - low < _LEAST_RANGE:
        return image.copy()
    gain = min(255 / (high - low), _MOST_GAIN)
    # a gain at its limit keeps the middle of the range in the middle
    offset = 127.5 - gain * (low + high) / 2
    stretched = np.rint(np.clip(image.astype(np.float32) * np.float32(gain) + np.float32(offset), 0, 255))
    return np.where(filled[..., None], 0, stretched).astype(np.uint8)


def opacity_of(confidence: np.ndarray) -> np.ndarray:
    """How opaque a joint is drawn: 1 for confidence 1 and above, 0.2 for 0 and below, in between on a line.

    Args:
        confidence: heights of peaks, any shape; nan counts as 0.
    """
    return _FAINTEST + (1 - _FAINTEST) * np.clip(np.nan_to_num(np.asarray(confidence, np.float64)), 0, 1)


def draw_pose(
    image: np.ndarray,
    xy: np.ndarray,
    skeleton: Skeleton,
    shown: np.ndarray | None = None,
    radius: float | None = None,
    confidence: np.ndarray | None = None,
) -> np.ndarray:
    """Copy a picture and draw joints and limbs on it: left orange, right blue, joints without a side pink.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (K, 2) joints in px of this picture, pixel centres at integers.
        skeleton: its limbs and left/right partners are used.
        shown: (K,) bool, the joints to draw; None: all. Joints whose coordinates are not finite are not drawn.
        radius: of a joint's dot in px; None: 1/90 of the picture's shorter side.
        confidence: (K,) heights of the peaks, 0 to 1: a joint is as opaque as `opacity_of` says, a limb as its less confident
            end; None: all are opaque.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    picture = np.array(image, np.uint8, order="C")
    if radius is None:
        radius = max(1.5, min(picture.shape[:2]) / 90)
    xy = np.asarray(xy, np.float64)
    drawn = np.isfinite(xy).all(-1) & (np.abs(xy) < 1e5).all(-1)
    if shown is not None:
        drawn &= np.asarray(shown, bool)
    opacity = np.ones(len(skeleton)) if confidence is None else opacity_of(confidence)
    layer = Layer(picture)
    colours = joint_colours(skeleton)
    points = {int(i): (_fixed_point(xy[i, 0]), _fixed_point(xy[i, 1])) for i in np.flatnonzero(drawn)}
    width = max(1, round(radius * 0.8))
    for a, b in skeleton.limbs:
        if drawn[a] and drawn[b]:
            layer.line(points[a], points[b], limb_colour(colours, a, b), width, min(opacity[a], opacity[b]))
    for i, point in points.items():
        layer.disc(point, radius + 1, _EDGE, opacity[i])
        layer.disc(point, radius, colours[i], opacity[i])
    return layer.on_picture()


class Layer:
    """Lines and discs on a picture, each with its opacity; what is drawn later covers what was drawn before.

    Points are in fixed-point numbers of cv2, 1/16 px.

    Args:
        picture: (H, W, 3) uint8 RGB, not changed.
    """

    def __init__(self, picture: np.ndarray):
        self._picture = picture
        self._drawn = picture.copy()
        self._opacity: np.ndarray = np.ones(picture.shape[:2], np.float32)
        self._opaque = True

    def line(
        self, a: tuple[int, int], b: tuple[int, int], colour: tuple[int, int, int], width: int, opacity: float = 1.0
    ) -> None:
        """Draw a line, width in px."""
        cv2.line(self._drawn, a, b, colour, width, cv2.LINE_AA, _SHIFT)
        # wider than the line, so that its smooth edge is within
        cv2.line(self._opacity, a, b, (float(opacity),), width + 2, cv2.LINE_8, _SHIFT)
        self._opaque &= opacity >= 1

    def disc(self, at: tuple[int, int], radius: float, colour: tuple[int, int, int], opacity: float = 1.0) -> None:
        """Draw a filled disc, radius in px."""
        cv2.circle(self._drawn, at, _fixed_point(radius), colour, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(self._opacity, at, _fixed_point(radius + 1), (float(opacity),), -1, cv2.LINE_8, _SHIFT)
        self._opaque &= opacity >= 1

    def ring(self, at: tuple[int, int], radius: float, colour: tuple[int, int, int], width: int) -> None:
        """Draw an opaque circle, radius and width in px."""
        cv2.circle(self._drawn, at, _fixed_point(radius), colour, width, cv2.LINE_AA, _SHIFT)
        cv2.circle(self._opacity, at, _fixed_point(radius), (1.0,), width + 2, cv2.LINE_8, _SHIFT)

    def on_picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: the picture with all that was drawn."""
        if self._opaque:
            return self._drawn
        share = self._opacity[..., None]
        mixed: np.ndarray = np.rint(self._picture * (1 - share) + self._drawn * share).astype(np.uint8)
        return mixed


def _fixed_point(px: float) -> int:
    """A coordinate in the units of cv2's drawing functions."""
    return int(round(px * 2**_SHIFT))


def limb_colour(colours: Sequence[tuple[int, int, int]], a: int, b: int) -> tuple[int, int, int]:
    """RGB of the limb between two joints: of the side that one end or both ends have; of neither where it joins left and right.

    Args:
        colours: of all joints, from `joint_colours`.
    """
    sides = {colours[a], colours[b]} - {CENTRE}
    return sides.pop() if len(sides) == 1 else CENTRE
