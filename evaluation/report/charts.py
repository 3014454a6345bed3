"""Charts as small inline SVG. Colours come from the style sheet of the page, which has a light and a dark theme."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ZooposeError
from .blocks import Series

# units of the picture, which the page scales to the width of its column
WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 44
COLOURS = 8  # classes c0..c7 in the style sheet, used again from the start after that

# points (..., 2) in the units of the axes -> points in the picture
Place = Callable[[np.ndarray], np.ndarray]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers in [low, high], about `about` of them, in steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / about))
    step = min((s * power for s in (1, 2, 5, 10)), key=lambda step: abs(math.log(span / step / about)))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    # 3 * 0.1 is not 0.3: rounding removes the difference
    return [round((first + i) * step, 12) + 0.0 for i in range(count)]


def line_chart(series: Series, x_label: str, y_label: str) -> str:
    """SVG element with a line for each series; NaN and infinity are gaps, a single point is a dot.

    Args:
        series: name -> (x, y), equally long.
        x_label, y_label: what the axes show, with the unit.

    Raises:
        ZooposeError: when x and y of a series differ in length.
    """
    points = {name: _points(name, x, y) for name, (x, y) in series.items()}
    finite = np.concatenate([np.empty((0, 2)), *[p[np.isfinite(p).all(1)] for p in points.values()]])
    if not len(finite):
        return '<p class="nothing">Nothing to draw yet.</p>'
    (x_low, y_low), (x_high, y_high) = finite.min(0), finite.max(0)
    y_low, y_high = _padded(y_low, y_high)
    x_low, x_high = (x_low, x_high) if x_high > x_low else (x_low - 0.5, x_high + 0.5)

    def place(xy: np.ndarray) -> np.ndarray:
        x = LEFT + (xy[..., 0] - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (xy[..., 1] - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
        return np.stack([x, y], -1)

    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(y_label, quote=True)} over {escape(x_label, quote=True)}">'
    ]
    parts += _axes(place, (x_low, x_high), (y_low, y_high), x_label, y_label, whole=bool((finite[:, 0] % 1 == 0).all()))
    for i, (name, xy) in enumerate(points.items()):
        parts += _line(name, xy, place, i % COLOURS)
    return "\n".join([*parts, "</svg>"])


def reliability_chart(bins: Sequence[Mapping[str, float]]) -> str:
    """SVG element: share right over predicted probability, a square with the diagonal of a calibrated prediction.

    Args:
        bins: of each bin `predicted` and `observed` in 0..1 and `count`; the area of a dot grows with its count.

    Raises:
        ZooposeError: when a bin lacks one of them.
    """
    try:
        points = np.array([[b["predicted"], b["observed"], b["count"]] for b in bins], float).reshape(-1, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise ZooposeError("bins with numbers `predicted`, `observed` and `count`", repr(error)) from error
    points = points[np.isfinite(points).all(1) & (points[:, 2] > 0)]
    if not len(points):
        return '<p class="nothing">Nothing to draw yet.</p>'
    side = HEIGHT - TOP - BOTTOM

    def place(xy: np.ndarray) -> np.ndarray:
        return np.stack([LEFT + xy[..., 0] * side, HEIGHT - BOTTOM - xy[..., 1] * side], -1)

    width = LEFT + side + RIGHT
    parts = [
        f'<svg class="chart square" viewBox="0 0 {width} {HEIGHT}" role="img" '
        'aria-label="share right over predicted probability">'
    ]
    parts += _axes(place, (0.0, 1.0), (0.0, 1.0), "predicted probability", "share right", right=LEFT + side)
    (x0, y0), (x1, y1) = place(np.array([[0, 0], [1, 1]]))
    parts.append(f'<line class="ideal" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
    parts.append('<g class="series c0">')
    placed = place(points[:, :2])
    parts.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)}"/>')
    for (predicted, observed, count), (x, y) in zip(points, placed):
        radius = 2.5 + 6 * math.sqrt(count / points[:, 2].max())
        label = f"predicted {predicted:.2f}, right {observed:.2f}, {count:.0f} labels"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{label}</title></circle>')
    return "\n".join([*parts, "</g>", "</svg>"])


def _points(name: str, x: ArrayLike, y: ArrayLike) -> np.ndarray:
    xs, ys = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    if len(xs) != len(ys):
        raise ZooposeError(f"as many x as y in the curve {name!r}", f"{len(xs)} and {len(ys)}")
    return np.stack([xs, ys], 1)


def _padded(low: float, high: float) -> tuple[float, float]:
    """The range with a margin of 5 % on both sides; a range of positive values that comes near 0 begins at 0."""
    if high <= low:
        margin = abs(low) * 0.1 or 0.5
        return low - margin, high + margin
    margin = 0.05 * (high - low)
    return (0.0 if 0 <= low < 0.4 * high else low - margin), high + margin


def _axes(
    place: Place,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_label: str,
    y_label: str,
    *,
    right: float = WIDTH - RIGHT,
    whole: bool = False,
) -> list[str]:
    """Grid, numbers and names of both axes; `whole`: x has whole numbers only."""
    parts = []
    for value in ticks(*y_range, about=6):
        y = place(np.array([x_range[0], value]))[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    bottom = HEIGHT - BOTTOM
    for value in [v for v in ticks(*x_range, about=8) if not whole or v == round(v)]:
        x = place(np.array([value, y_range[0]]))[0]
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    middle = (LEFT + right) / 2
    parts.append(f'<text class="label" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    turn = f"translate(14 {(TOP + bottom) / 2}) rotate(-90)"
    parts.append(f'<text class="label" transform="{turn}" text-anchor="middle">{escape(y_label)}</text>')
    return parts


def _line(name: str, xy: np.ndarray, place: Place, colour: int) -> list[str]:
    """One series: a path for each part without a gap; up to 60 points are dots that show their numbers."""
    known = np.isfinite(xy).all(1)
    placed = place(xy)
    starts = np.flatnonzero(known & ~np.r_[False, known[:-1]])
    ends = np.flatnonzero(known & ~np.r_[known[1:], False]) + 1
    parts = [f'<g class="series c{colour}"><title>{escape(name)}</title>']
    for start, end in zip(starts, ends):
        if end - start > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed[start:end])
            parts.append(f'<polyline points="{path}"/>')
    few = known.sum() <= 60
    alone = np.isin(np.arange(len(xy)), starts) & np.isin(np.arange(len(xy)) + 1, ends)
    for (x, y), (px, py) in zip(xy[known & (few | alone)], placed[known & (few | alone)]):
        parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.6"><title>{escape(name)}: {y:.4g} at {x:g}</title></circle>'
        )
    return [*parts, "</g>"]
