"""Charts as small inline SVG. Colours come from the page's style sheet, so they follow its light and dark looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from ...errors import ZooposeError

# the picture's own units; the page scales it to its column
WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 44
COLOURS = 8  # classes c0..c7 in the style sheet, used again from the start after that


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers in [low, high], steps of 1, 2 or 5 times a power of ten, around `about` of them."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / about))
    step = min((s * power for s in (1, 2, 5, 10)), key=lambda step: abs(math.log(span / step / about)))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    # rounding takes off what 3 * 0.1 leaves behind
    return [round((first + i) * step, 12) + 0.0 for i in range(count)]


def line_chart(series: Mapping[str, tuple[Sequence[float], Sequence[float]]], x_label: str, y_label: str) -> str:
    """SVG element with a line per series; nan and infinity are gaps, a lone point is a dot.

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
    """SVG element: share right over predicted probability, on a square, beside the diagonal of a calibrated prediction.

    Args:
        bins: of each bin `predicted` and `observed` in 0..1 and `count`; the dots' areas grow with their counts.

    Raises:
        ZooposeError: when a bin lacks one of them.
    """
    try:
        found = np.array([[b["predicted"], b["observed"], b["count"]] for b in bins], float).reshape(-1, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise ZooposeError("bins with numbers `predicted`, `observed` and `count`", repr(error)) from error
    found = found[np.isfinite(found).all(1) & (found[:, 2] > 0)]
    if not len(found):
        return '<p class="nothing">Nothing to draw yet.</p>'
    side = HEIGHT - TOP - BOTTOM

    def place(xy: np.ndarray) -> np.ndarray:
        xy = np.asarray(xy, float)
        return np.stack([LEFT + xy[..., 0] * side, HEIGHT - BOTTOM - xy[..., 1] * side], -1)

    width = LEFT + side + RIGHT
    parts = [
        f'<svg class="chart square" viewBox="0 0 {width} {HEIGHT}" role="img" '
        'aria-label="share right over predicted probability">'
    ]
    parts += _axes(place, (0.0, 1.0), (0.0, 1.0), "predicted probability", "share right", right=LEFT + side)
    (x0, y0), (x1, y1) = place([[0, 0], [1, 1]])
    parts.append(f'<line class="ideal" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
    parts.append('<g class="series c0">')
    placed = place(found[:, :2])
    parts.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)}"/>')
    for (predicted, observed, count), (x, y) in zip(found, placed):
        radius = 2.5 + 6 * math.sqrt(count / found[:, 2].max())
        told = f"predicted {predicted:.2f}, right {observed:.2f}, {count:.0f} labels"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{told}</title></circle>')
    return "\n".join([*parts, "</g>", "</svg>"])


def _points(name: str, x: Sequence[float], y: Sequence[float]) -> np.ndarray:
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    if len(x) != len(y):
        raise ZooposeError(f"as many x as y in the curve {name!r}", f"{len(x)} and {len(y)}")
    return np.stack([x, y], 1)


def _padded(low: float, high: float) -> tuple[float, float]:
    """A little air above and below; shares and losses keep 0 when they come near it."""
    if high <= low:
        air = abs(low) * 0.1 or 0.5
        return low - air, high + air
    air = 0.05 * (high - low)
    return (0.0 if 0 <= low < 0.4 * high else low - air), high + air


def _axes(
    place, x_range, y_range, x_label: str, y_label: str, right: float = WIDTH - RIGHT, whole: bool = False
) -> list[str]:
    """Grid, numbers and names of both axes; `whole`: x counts things."""
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


def _line(name: str, xy: np.ndarray, place, colour: int) -> list[str]:
    """One series: a path per unbroken stretch, and dots that tell their numbers when there are few of them."""
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
