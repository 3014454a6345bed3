"""Augmentation of people as in published codes: box, half body, size, turn and mirror, applied as one matrix.

The order is that of HRNet's code (K. Sun et al., CVPR 2019): half body, size, turn, mirror. `PersonAugmentation` holds the
ranges of a published training. `draw_person` draws the random numbers of one sample, always the same numbers in the same order:
a change of one range does not change the other numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .person_frames import BOX_UNIT_PX, centre_scale
from .skeleton import Skeleton

LAWS = ("normal", "uniform")
HALF_BODY_CENTRES = ("mean", "middle")
_LOWER_BODY = ("hip", "knee", "ankle", "pelvis")
# HRNet's code, `joints_weight`; other joints have 1
_JOINT_WEIGHTS = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}


@dataclass(frozen=True)
class PersonAugmentation:
    """Ranges of the random changes; the defaults change nothing. Pairs are (least, largest) or (x, y).

    Attributes:
        padding: factors on the box's width and height in training; None: those of the input spec. MSPN and RSN test with other
            factors.
        box_growth: g: width and height are also enlarged by U(1, g), independently (MSPN, RSN).
        scale: least and largest factor of the window's size; above 1 the person gets smaller.
        scale_law: "normal": about their middle, with half their distance as deviation, limited to them; or "uniform".
        scale_limit: upper limit of the factor (CPN's zoom stays within its crop).
        rotation_deg: deviation of the turn in degrees, limited to twice that; the largest turn if the law is "uniform".
        rotation_law: "normal" or "uniform".
        rotation_share: share of the samples that are turned.
        flip: share of the samples that are mirrored.
        either: a sample is mirrored, or turned, or neither, but never both (CPN).
        half_body: share of the samples whose window is fitted to the upper or lower body.
        half_body_joints: only samples with more labelled joints than this.
        half_body_least: a half can be chosen if it has more labelled joints than this.
        half_body_centre: centre of the window: the "mean" of the joints or the "middle" of their box.
        half_body_growth: factors on the joints' box.
        half_body_law: "uniform": the factors are U(1, g), independently; "": the factors themselves.
        half_body_hips: hips are part of the upper body (MSPN and RSN on COCO; not on MPII).
        gain: largest relative change of each channel's brightness (hourglass, CPN).
        fill: RGB 0..255 of pixels outside the picture.

    Raises:
        ValueError: an unknown law or centre.
    """

    padding: tuple[float, float] | None = None
    box_growth: tuple[float, float] = (1.0, 1.0)
    scale: tuple[float, float] = (1.0, 1.0)
    scale_law: str = "normal"
    scale_limit: float = math.inf
    rotation_deg: float = 0.0
    rotation_law: str = "normal"
    rotation_share: float = 0.6
    flip: float = 0.0
    either: bool = False
    half_body: float = 0.0
    half_body_joints: int = 8
    half_body_least: int = 2
    half_body_centre: str = "mean"
    half_body_growth: tuple[float, float] = (1.5, 1.5)
    half_body_law: str = ""
    half_body_hips: bool = False
    gain: float = 0.0
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for name, known in (
            ("scale_law", LAWS),
            ("rotation_law", LAWS),
            ("half_body_centre", HALF_BODY_CENTRES),
            ("half_body_law", ("", "uniform")),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {getattr(self, name)!r}")


@dataclass(frozen=True)
class PersonDraw:
    """Random numbers of one sample: U(0, 1) if nothing else is said.

    Attributes:
        half: the half body is used if this is below its share.
        upper: N(0, 1); below 0.5 the upper body is chosen, as published (69 % of the samples).
        half_growth: for width and height of the half body's box.
        growth: for width and height of the person's box.
        scale: N(0, 1) or U(0, 1), by the augmentation's law.
        turn: the sample is turned if this is at most its share.
        angle: N(0, 1) or U(0, 1), by the augmentation's law.
        flip: the sample is mirrored if this is at most its share.
        gain: (3,) U(-1, 1), red, green, blue.
    """

    half: float = 1.0
    upper: float = 0.0
    half_growth: tuple[float, float] = (0.0, 0.0)
    growth: tuple[float, float] = (0.0, 0.0)
    scale: float = 0.0
    turn: float = 1.0
    angle: float = 0.0
    flip: float = 1.0
    gain: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class PersonWindow:
    """The window of one sample.

    Attributes:
        centre: (2,) px of the picture; of the mirrored picture where `flip`.
        scale: (2,) width and height / 200 px.
        angle_deg: turn, with the sign of `person_frames.crop_matrix`.
        flip: whether picture and joints are mirrored first.
    """

    centre: np.ndarray
    scale: np.ndarray
    angle_deg: float
    flip: bool


def draw_person(augmentation: PersonAugmentation, rng: np.random.Generator) -> PersonDraw:
    """Draw the random numbers of one sample."""
    u, n = rng.random(12), rng.standard_normal(3)
    red, green, blue = 2 * u[9:] - 1
    return PersonDraw(
        half=u[0],
        upper=n[0],
        half_growth=(u[1], u[2]),
        growth=(u[3], u[4]),
        scale=n[1] if augmentation.scale_law == "normal" else u[5],
        turn=u[6],
        angle=n[2] if augmentation.rotation_law == "normal" else u[7],
        flip=u[8],
        gain=(red, green, blue),
    )


def place(
    box_xywh: np.ndarray,
    xy_px: np.ndarray,
    visible: np.ndarray,
    frame: str,
    aspect: float,
    padding: ArrayLike,
    width: int,
    upper: np.ndarray | None,
    augmentation: PersonAugmentation,
    draw: PersonDraw,
) -> PersonWindow:
    """Compute the window of one sample.

    Args:
        box_xywh: (4,) px, see `datasets.person_boxes.frame_box`.
        xy_px: (K, 2) joints in px of the picture, for the half body.
        visible: (K,) flags, for the half body.
        frame: a name in `person_frames.FRAMES`.
        aspect: width / height of the input.
        padding: factor on the box, or one for its width and one for its height, where the augmentation has none.
        width: of the picture, px.
        upper: (K,) bool, see `upper_body`; None: no half body.
        augmentation: the ranges.
        draw: the random numbers.
    """
    a = augmentation
    factors = np.broadcast_to(np.asarray(padding if a.padding is None else a.padding, np.float64), (2,))
    centre, scale = centre_scale(box_xywh, aspect, factors * _factors(a.box_growth, draw.growth), frame)
    if upper is not None and draw.half < a.half_body and np.count_nonzero(visible > 0) > a.half_body_joints:
        half = half_body(
            xy_px,
            visible,
            upper,
            draw.upper,
            aspect,
            _factors(a.half_body_growth, draw.half_growth) if a.half_body_law else a.half_body_growth,
            least=a.half_body_least,
            about=a.half_body_centre,
            inclusive=1 if frame == "dark" else 0,
        )
        centre, scale = half or (centre, scale)
    scale = scale * np.float64(_scale_factor(a, draw.scale))
    flip, turned = _mirrored_or_turned(a, draw)
    angle = 0.0
    if turned and a.rotation_law == "normal":
        angle = float(np.clip(a.rotation_deg * draw.angle, -2 * a.rotation_deg, 2 * a.rotation_deg))
    elif turned:
        angle = a.rotation_deg * (2 * draw.angle - 1)
    if flip:
        centre = np.array([width - centre[0] - 1, centre[1]], centre.dtype)
    return PersonWindow(centre, scale, angle, flip)


def half_body(
    xy_px: np.ndarray,
    visible: np.ndarray,
    upper: np.ndarray,
    draw: float,
    aspect: float,
    growth: ArrayLike = (1.5, 1.5),
    *,
    least: int = 2,
    about: str = "mean",
    inclusive: int = 0,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Compute centre and scale of the upper or lower body (HRNet's and MSPN's half body).

    Args:
        xy_px: (K, 2) joints in px.
        visible: (K,) flags; joints above 0 count.
        upper: (K,) bool, see `upper_body`.
        draw: N(0, 1). Below 0.5 the upper half if it has more than `least` joints. Otherwise the lower half if it has more than
            `least` joints. Otherwise the upper half.
        aspect: width / height of the input.
        growth: factors on the joints' box in x and y, before it gets the input's shape.
        least: the chosen half must have at least this many joints.
        about: centre of the window, "mean" of the joints or "middle" of their box.
        inclusive: px added to both sides of the box (1 in DARK).

    Returns:
        Centre (2,) in px and scale (2,) in 200 px, float32. None where the half has too few joints, or all in one place.
    """
    halves = {side: xy_px[(visible > 0) & (upper == side)].astype(np.float32) for side in (True, False)}
    first, other = halves[True], halves[False]
    chosen = first if (draw < 0.5 and len(first) > least) or len(other) <= least else other
    if len(chosen) < least:
        return None
    low, high = chosen.min(0), chosen.max(0)
    size = high - low + inclusive
    if not (size > 0).any():
        return None
    centre = chosen.mean(0) if about == "mean" else (low + high) / 2
    w, h = size * np.asarray(growth, np.float64)
    scale = np.array([max(w, h * aspect), max(h, w / aspect)]) / BOX_UNIT_PX
    return centre.astype(np.float32), scale.astype(np.float32)


def mirror_joints(
    xy_px: np.ndarray, visible: np.ndarray, width: int, flip_order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Joints (..., K, 2) in px and flags (..., K) of the mirrored picture: x becomes width - 1 - x, partners change places."""
    mirrored = np.stack([width - 1 - xy_px[..., 0], xy_px[..., 1]], -1)
    return mirrored[..., flip_order, :], visible[..., flip_order]


def upper_body(skeleton: Skeleton, hips: bool = False) -> np.ndarray | None:
    """The joints of a person's upper body: all except hips, knees, ankles and pelvis.

    Args:
        skeleton: of a person.
        hips: hips (not the pelvis) are part of the upper body.

    Returns:
        (K,) bool; None where the skeleton is not a person's.
    """
    names = [name.split("_")[-1] for name in skeleton.joints]
    if not {"shoulder", "hip", "ankle"} <= set(names):
        return None
    lower = [name for name in _LOWER_BODY if not (hips and name == "hip")]
    return np.array([name not in lower for name in names])


def joint_weights(skeleton: Skeleton) -> np.ndarray:
    """Loss weights (K,) float32 of HRNet's USE_DIFFERENT_JOINTS_WEIGHT: elbows and knees 1.2, wrists and ankles 1.5, others 1."""
    return np.array([_JOINT_WEIGHTS.get(name.split("_")[-1], 1.0) for name in skeleton.joints], np.float32)


def _factors(largest: ArrayLike, draw: ArrayLike) -> np.ndarray:
    """Factors from 1 to `largest`, for draws of U(0, 1)."""
    factors: np.ndarray = 1 + (np.asarray(largest, np.float64) - 1) * np.asarray(draw, np.float64)
    return factors


def _scale_factor(a: PersonAugmentation, draw: float) -> float:
    low, high = a.scale
    if a.scale_law == "normal":
        factor = float(np.clip((low + high) / 2 + (high - low) / 2 * draw, low, high))
    else:
        factor = low + (high - low) * draw
    return min(factor, a.scale_limit)


def _mirrored_or_turned(a: PersonAugmentation, draw: PersonDraw) -> tuple[bool, bool]:
    if not a.either:
        return a.flip > 0 and bool(draw.flip <= a.flip), bool(draw.turn <= a.rotation_share)
    return bool(draw.flip < a.flip), bool(a.flip <= draw.flip < a.flip + a.rotation_share)
