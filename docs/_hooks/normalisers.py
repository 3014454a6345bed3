"""Draws what each score divides an error by, as SVG files in `docs/pictures`: `python docs/_hooks/normalisers.py`.

All pictures show the same animal, box and crop; only the length and the circle change. Numbers are px of the drawn picture.
"""

from __future__ import annotations

import math
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "pictures"
PICTURE_WH = (640, 420)
FILE_WH = (640, 472)  # the picture, and two lines of text below it
BOX = (205.0, 120.0, 220.0, 200.0)  # x, y, width, height
CROP_FACTOR = 1.5  # as for TigDog
THRESHOLD = 0.05
HOOF = (228.0, 311.0)  # the joint whose circle is drawn
PAPER, ANIMAL, DARK, LENGTH, CIRCLE, BOX_LINE = "#f6f3ec", "#b9a88c", "#4a4238", "#c2410c", "#0f766e", "#64748b"


def svg(body: list[str], title: str, size_wh: tuple[float, float] = FILE_WH) -> str:
    """A whole file."""
    w, h = size_wh
    size = f'viewBox="0 0 {w:g} {h:g}" width="{w:g}" height="{h:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    return "\n".join([head, f"<title>{title}</title>", rectangle(0, 0, w, h, "none", PAPER), *body, "</svg>", ""])


def line(a, b, colour, width, dash="") -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{a[0]:g}" y1="{a[1]:g}" x2="{b[0]:g}" y2="{b[1]:g}" stroke="{colour}" stroke-width="{width:g}" '
        f'stroke-linecap="round"{more}/>'
    )


def rectangle(x, y, w, h, stroke, fill="none", width=2.0, dash="") -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    place = f'x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"{more}/>'


def circle(centre, radius, colour, fill_opacity=0.15) -> str:
    return (
        f'<circle cx="{centre[0]:g}" cy="{centre[1]:g}" r="{radius:.2f}" fill="{colour}" fill-opacity="{fill_opacity:g}" '
        f'stroke="{colour}" stroke-width="2"/>'
    )


def dot(centre) -> str:
    return f'<circle cx="{centre[0]:g}" cy="{centre[1]:g}" r="3" fill="{DARK}"/>'


def words(x, y, text, colour=DARK, anchor="start", size=15) -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size:g}">{text}</text>'


def length(a, b) -> list[str]:
    """A line with a bar across at each end."""
    run = math.dist(a, b)
    across = (-(b[1] - a[1]) / run * 7, (b[0] - a[0]) / run * 7)
    ends = [((p[0] - across[0], p[1] - across[1]), (p[0] + across[0], p[1] + across[1])) for p in (a, b)]
    return [line(a, b, LENGTH, 3.5), *(line(*end, LENGTH, 3.5) for end in ends)]


def horse() -> list[str]:
    """A horse of thick lines, seen from its left side; it fills `BOX`."""
    parts = [
        ((292, 205), (393, 203), 62), ((280, 196), (248, 150), 30), ((246, 146), (217, 168), 24),  # trunk, neck, head
        ((411, 195), (423, 262), 9), ((250, 136), (254, 123), 8),  # tail, ear
        ((284, 225), (274, 268), 17), ((274, 268), (276, 314), 11), ((262, 222), (240, 262), 17), ((240, 262), (228, 311), 11),
        ((400, 224), (412, 266), 18), ((412, 266), (402, 314), 11), ((386, 226), (376, 268), 18), ((376, 268), (372, 314), 11),
    ]  # fmt: skip
    return [line(a, b, ANIMAL, width) for a, b, width in parts] + [f'<circle cx="238" cy="149" r="2.5" fill="{DARK}"/>']


def scene() -> list[str]:
    """Picture, animal and box."""
    w, h = PICTURE_WH
    ground = f'<rect x="1" y="318" width="{w - 2}" height="{h - 319}" fill="#e7e2d3"/>'
    return [rectangle(1, 1, w - 2, h - 2, DARK, PAPER), ground, *horse(), rectangle(*BOX, BOX_LINE, dash="6 5")]


def legend(what: str, value_px: float) -> list[str]:
    """Two lines below the animal: the length, and the circle."""
    radius = f"right inside the circle: {THRESHOLD:g} x {value_px:.0f} px = {THRESHOLD * value_px:.1f} px"
    return [words(8, 442, f"{what}: {value_px:.0f} px", LENGTH), words(8, 464, radius, CIRCLE)]


def crop() -> str:
    x, y, w, h = BOX
    side = CROP_FACTOR * max(w, h)
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    body = [*scene(), rectangle(left, top, side, side, LENGTH, width=1.5, dash="2 4")]
    body += length((left, top + 12), (left + side, top + 12))
    body += [circle(HOOF, THRESHOLD * side, CIRCLE), dot(HOOF), *legend("side of the crop", side)]
    return svg(body, "exact/crop: the side of the square crop")


def box() -> str:
    x, y, w, h = BOX
    side = max(w, h)
    body = [*scene(), *length((x, y - 14), (x + side, y - 14)), circle(HOOF, THRESHOLD * side, CIRCLE), dot(HOOF)]
    return svg(body + legend("longer side of the box", side), "exact/box: the longer side of the animal's box")


def diagonal() -> str:
    w, h = PICTURE_WH
    size = math.hypot(w, h)
    body = [*scene(), *length((4, 4), (w - 4, h - 4)), circle(HOOF, THRESHOLD * size, CIRCLE), dot(HOOF)]
    return svg(body + legend("diagonal of the picture", size), "exact/diagonal: the diagonal of the picture")


def published() -> str:
    """The 37 whole-cell offsets that are right: closer than 3.2 cells."""
    cell, reach = 34, 5
    side = (2 * reach + 1) * cell
    left, top = 24, 20
    body = []
    right = 0
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            hit = math.hypot(dx, dy) < 3.2
            right += hit
            fill = LENGTH if dx == dy == 0 else "#99d5cc" if hit else "#ffffff"
            body.append(
                rectangle(left + (dx + reach) * cell, top + (dy + reach) * cell, cell, cell, "#cbd5e1", fill, 1)
            )
    centre = (left + side / 2, top + side / 2)
    body.append(circle(centre, 3.2 * cell, CIRCLE, 0))
    body.append(words(left, top + side + 28, "true cell of the 64 x 64 heatmap", LENGTH))
    body.append(words(left, top + side + 52, f"the {right} cells that are right: closer than 3.2 cells", CIRCLE))
    return svg(body, "published: whole cells of the heatmap", (side + 2 * left, side + 90))


def head() -> str:
    """MPII's head size, on a person: the people of MPII are those who have head boxes."""
    x, y, w, h = 262.0, 40.0, 76.0, 96.0  # head box
    size = 0.6 * math.hypot(w, h)
    wrist = (190.0, 250.0)
    skin = [((300, 150), (300, 265), 62), ((285, 165), (235, 215), 22), ((235, 215), wrist, 18), ((315, 165), (372, 212), 22),
            ((372, 212), (388, 268), 18), ((288, 275), (280, 372), 28), ((314, 275), (326, 372), 28)]  # fmt: skip
    body = [
        rectangle(1, 1, PICTURE_WH[0] - 2, PICTURE_WH[1] - 2, DARK, PAPER),
        *(line(a, b, ANIMAL, width) for a, b, width in skin),
    ]
    body.append(f'<ellipse cx="{x + w / 2:g}" cy="{y + h / 2:g}" rx="31" ry="42" fill="{ANIMAL}"/>')
    body += [rectangle(x, y, w, h, BOX_LINE, dash="6 5"), *length((x, y), (x + 0.6 * w, y + 0.6 * h))]
    body += [circle(wrist, 0.5 * size, CIRCLE), dot(wrist)]
    body.append(words(360, 62, f"head size: 0.6 x diagonal = {size:.1f} px", LENGTH, size=14))
    body.append(words(360, 84, "(of the dashed head box)", BOX_LINE, size=14))
    body.append(words(8, 464, f"PCKh@0.5: right inside the circle: 0.5 x {size:.1f} px = {0.5 * size:.1f} px", CIRCLE))
    return svg(body, "PCKh: the head size of MPII")


def oks() -> str:
    """OKS has no threshold length of its own: every joint has a width, in shares of the root of the animal's area."""
    scale = math.sqrt(0.53 * BOX[2] * BOX[3])  # the silhouette fills about half of its box
    # sigmas of AP-10K: eye, elbow, hip, front paw
    joints = (((238.0, 149.0), 0.025), ((262.0, 222.0), 0.072), ((400.0, 224.0), 0.107), (HOOF, 0.062))
    body = scene()
    for at, sigma in joints:
        body += [circle(at, 2 * sigma * scale * math.sqrt(2 * math.log(2)), CIRCLE), dot(at)]
    body.append(words(8, 442, f"root of the animal's area: {scale:.0f} px", LENGTH))
    body.append(words(8, 464, "on each circle a joint counts 0.5; the circles grow with the joint's sigma", CIRCLE))
    return svg(body, "OKS: the root of the area, and a sigma for every joint")


PICTURES = {
    "normaliser_crop.svg": crop,
    "normaliser_box.svg": box,
    "normaliser_diagonal.svg": diagonal,
    "normaliser_published.svg": published,
    "normaliser_head.svg": head,
    "normaliser_oks.svg": oks,
}


def main() -> None:
    """Write all pictures anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
