"""What a published CC-SSL loader knows of an item before it augments and crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class OriginalAnnotation:
    """Joints and box of one item, in the units of the published code.

    Attributes:
        pts: (K, 3) float32 x, y in pixels and the published visibility, which becomes the weight. A joint is drawn where its y is
            above 0, visible or not.
        center: (2,) float32 box centre in pixels.
        scale: box side / 200.
        offset: added to the points before they are mapped to the heatmap: 1, or 0 in the loader of cropped copies.
        picture_wh: joints outside 0..picture_wh are removed (set to 0); None keeps all.
        weight_in_tpts: the third column of `tpts` holds the final weight, not the visibility.
    """

    pts: np.ndarray
    center: np.ndarray
    scale: float
    offset: int = 1
    picture_wh: tuple[int, int] | None = None
    weight_in_tpts: bool = False
