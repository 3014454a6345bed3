"""Codecs by name: each is a kind of target maps and the decoder for such maps.

Frame: heatmap cells, cell centres at integers. The matrices between picture, crop and map are in `pose.input_spec`.

| name          | target                                    | decoder                                               | bound   |
|---------------|-------------------------------------------|-------------------------------------------------------|---------|
| `dark`        | Gaussian about the joint                  | smooth with sigma, Newton step on the logarithm       | 0.02    |
| `argmax`      | Gaussian about the joint                  | highest cell                                          | 0.5     |
| `quarter`     | Gaussian about the nearest cell, windowed | highest cell, quarter cell to the higher neighbour    | 0.5     |
| `softargmax`  | as `quarter`                              | mean place under a softmax (beta 160), quarter cell   | 0.5     |
| `udp`         | Gaussian about the joint, windowed        | smooth with 7 taps, Newton step on the logarithm      | 0.001   |
| `udp_offset`  | disc, offset to the joint in radii        | highest cell of the smoothed disc, smoothed offset    | 0.2     |
| `udp_offset4` | as `udp_offset`, radius 4 cells of 64     | as `udp_offset`                                       | 0.05    |
| `grmi`        | disc, offset to the joint in cells        | votes of all cells, centre of the highest votes       | 0.001   |
| `megvii`      | one cell, smoothed with 15 to 5 taps      | highest cell, quarter cell to the second highest      | 0.75    |
| `cpn`         | one cell, smoothed with 15 to 7 taps      | as `megvii`, with more smoothing                      | 0.75    |

The bound in cells is on |decode(encode(x)) - x| for each axis, for sigma 0.8 to 3 (`udp`: 1 to 3) and joints at least `margin`
inside the centres of the outermost cells; that of `udp_offset` is for maps of 64 or more rows (tests/pose/test_codecs.py
measures them). The error of `quarter`, `softargmax`, `megvii` and `cpn` is the rounding of their targets to whole cells.
Sources: `pose.heatmap`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from . import heatmap
from .heatmap.flip import FlipOrder
from .heatmap.megvii import KERNELS
from .heatmap.offsets import RADIUS_SHARE

WIDE_SHARE = 4.0 / 64  # radius of the disc as a share of the map's height, from UDP's HRNet branch (KPD: 4 cells of 64)


@dataclass(frozen=True)
class Codec:
    """A kind of target maps, and the decoder for such maps.

    Attributes:
        name: key of `CODECS`.
        encoding: kind of `heatmap.encode`; None: discs with offsets where `radius_share` is set, else levels of `kernels`.
        decoding: kind of `heatmap.decode`.
        loss: name of the default loss for these targets.
        maps_per_joint: M, maps of a joint in a network's output; they follow each other.
        kernels: taps of the Gaussian that smooths each level's cell, the widest level first; none: one level.
        radius_share: radius of the disc as a share of the map's height.
        unit_radius: offsets are counted in radii; False: in cells.
        bound: on |decode(encode(x)) - x| for each axis, cells.
        margin: the bound holds for joints at least this far inside the map, cells; for `dark` in sigmas.
    """

    name: str
    encoding: str | None
    decoding: str
    loss: str
    maps_per_joint: int = 1
    kernels: tuple[int, ...] = ()
    radius_share: float | None = None
    unit_radius: bool = True
    bound: float = 0.5
    margin: float = 0.0

    @property
    def levels(self) -> int:
        """Number of targets of different widths for a joint."""
        return max(1, len(self.kernels))

    @property
    def uses_sigma(self) -> bool:
        """Whether `sigma` is the width of the targets. Discs have a radius instead, levels have kernels."""
        return self.encoding is not None

    def encode(
        self, xy_heatmap: torch.Tensor, visible: torch.Tensor, size_hw: tuple[int, int], sigma: float
    ) -> torch.Tensor:
        """Draw targets.

        Args:
            xy_heatmap: (B, K, 2) joints in cells.
            visible: (B, K); a joint with flag 0 gets empty maps.
            size_hw: (h, w), rows and columns of the maps.
            sigma: width of the peaks in cells; discs and levels do not use it, see `uses_sigma`.

        Returns:
            (B, K * M, h, w) float32, or (B, levels, K, h, w) with the widest level first.
        """
        if self.kernels:
            return heatmap.encode_levels(xy_heatmap, visible, size_hw, self.kernels)
        if self.radius_share is not None:
            radius = self.radius_share * size_hw[0]
            return heatmap.encode_offsets(xy_heatmap, visible, size_hw, radius, radius if self.unit_radius else 1.0)
        assert self.encoding is not None
        return heatmap.encode(xy_heatmap, visible, size_hw, sigma, self.encoding)

    def decode(self, maps: torch.Tensor, sigma: float, taps: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Find the joints of maps.

        Args:
            maps: (B, K * M, h, w).
            sigma: width of the targets' peaks in cells; `dark` smooths with it.
            taps: of the smoothing; 0: the decoder's default.

        Returns:
            xy_heatmap (B, K, 2) in cells, and score (B, K), see `heatmap.decode`.
        """
        settings = heatmap.tap_settings(self.decoding, taps)
        if self.decoding == "dark":
            settings["modulate_sigma"] = sigma
        if self.radius_share is not None:
            settings["radius"] = self.radius_share * maps.shape[-2]
        return heatmap.decode(maps, self.decoding, **settings)

    def flip_back(self, maps: torch.Tensor, flip_order: FlipOrder) -> torch.Tensor:
        """Mirror the maps (B, K * M, h, w) of a mirrored picture back; offsets in x change their sign.

        Args:
            flip_order: (K,) index of each joint's partner, see `Skeleton.flip_order`.
        """
        flip = heatmap.flip_back_offsets if self.maps_per_joint == 3 else heatmap.flip_back
        return flip(maps, flip_order)


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec("dark", "gaussian", "dark", "balanced", bound=0.02, margin=2.0),
        Codec("argmax", "gaussian", "argmax", "balanced"),
        Codec("quarter", "msra", "quarter", "published"),
        Codec("softargmax", "msra", "lpn", "published"),
        Codec("udp", "udp_gaussian", "udp_gaussian", "published", bound=0.001, margin=4.0),
        Codec("udp_offset", None, "udp_offset", "udp_offset", 3, radius_share=RADIUS_SHARE, bound=0.2, margin=6.0),
        Codec("udp_offset4", None, "udp_offset", "udp_offset", 3, radius_share=WIDE_SHARE, bound=0.05, margin=7.0),
        Codec("grmi", None, "grmi", "grmi", 3, radius_share=RADIUS_SHARE, unit_radius=False, bound=0.001),
        Codec("megvii", None, "megvii", "megvii", kernels=(*KERNELS, 5), bound=0.75, margin=3.0),
        Codec("cpn", None, "cpn", "cpn", kernels=KERNELS, bound=0.75, margin=3.0),
    )
}
