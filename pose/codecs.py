"""How heatmaps mean joints: target maps and their decoding that belong together, by name.

Frame: heatmap cells, cell centres at integers. The matrices between picture, crop and map belong to the input form.

| name          | targets                                   | decoding                                              | bound   |
|---------------|-------------------------------------------|-------------------------------------------------------|---------|
| `dark`        | Gaussian about the joint                  | smoothed by sigma, Newton step on the logarithm       | 0.02    |
| `argmax`      | Gaussian about the joint                  | highest cell                                          | 0.5     |
| `quarter`     | Gaussian about the nearest cell, windowed | highest cell, a quarter towards the higher neighbour  | 0.5     |
| `softargmax`  | as `quarter`                              | mean place of a softmax (beta 160), quarter shift     | 0.5     |
| `udp`         | Gaussian about the joint, windowed        | smoothed by 7 taps, Newton step on the logarithm      | 0.001   |
| `udp_offset`  | disc and way to the joint, in radii       | highest cell of the smoothed disc, smoothed way there | 0.2     |
| `udp_offset4` | likewise, a radius of 4 cells of 64       | likewise                                              | 0.05    |
| `grmi`        | disc and way to the joint, in cells       | votes of all cells, centre of those at the highest    | 0.001   |
| `megvii`      | one cell, smoothed by 15 to 5 taps        | highest cell, a quarter towards the second highest    | 0.75    |
| `cpn`         | one cell, smoothed by 15 to 7 taps        | likewise, smoothed more                               | 0.75    |

The bound, in cells, is on |decode(encode(x)) - x| per axis for sigma 0.8 to 3 (`udp`: 1 to 3) and joints at least `margin` inside
the map's outermost centres; that of `udp_offset` is for maps of 64 rows or more. What `quarter`, `softargmax`, `megvii` and `cpn`
lose is the rounding of their targets to whole cells. Sources: `pose.heatmap` and its modules.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from . import heatmap
from .heatmap.megvii import KERNELS
from .heatmap.offsets import RADIUS_SHARE

WIDE_SHARE = 4.0 / 64  # radius of the disc in UDP's HRNet branch (KPD 4 cells of 64), of the map's height


@dataclass(frozen=True)
class Codec:
    """Targets, and what maps like them mean.

    Attributes:
        name: key of `CODECS`.
        encoding: kind of `heatmap.encode`, or None: discs with offsets where there are three maps a joint, `kernels` else.
        decoding: kind of `heatmap.decode`.
        loss: name of the loss that belongs to it when none is chosen.
        maps_per_joint: maps of a joint in a network's output, which lie next to each other.
        kernels: taps of the Gaussian that smooths each level's cell, wide (coarse) levels first; one level without any.
        radius_share: radius of the disc, of the map's height.
        unit_radius: offsets are counted in radii, not in cells.
        bound: of |decode(encode(x)) - x| per axis in cells.
        margin: how far inside the map the bound begins, in cells; in sigmas for `dark`.
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
        """Targets of different widths that a joint has, for outputs of different coarseness."""
        return max(1, len(self.kernels))

    @property
    def uses_sigma(self) -> bool:
        """Whether the targets' width is `sigma`; discs have a radius, levels have kernels."""
        return self.encoding is not None

    def encode(
        self, xy_heatmap: torch.Tensor, visible: torch.Tensor, size_hw: tuple[int, int], sigma: float
    ) -> torch.Tensor:
        """Targets.

        Args:
            xy_heatmap: (B, K, 2) joints in cells.
            visible: (B, K); joints without get empty maps.
            size_hw: rows and columns of the maps.
            sigma: width of the peaks in cells; not of discs and levels, see `uses_sigma`.

        Returns:
            (B, K * maps_per_joint, h, w) float32, or (B, levels, K, h, w), wide levels first.
        """
        if self.kernels:
            return heatmap.encode_levels(xy_heatmap, visible, size_hw, self.kernels)
        if self.radius_share is not None:
            radius = self.radius_share * size_hw[0]
            return heatmap.encode_offsets(xy_heatmap, visible, size_hw, radius, radius if self.unit_radius else 1.0)
        return heatmap.encode(xy_heatmap, visible, size_hw, sigma, self.encoding)

    def decode(self, maps: torch.Tensor, sigma: float, taps: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Joints.

        Args:
            maps: (B, K * maps_per_joint, h, w).
            sigma: width of the targets' peaks in cells, which `dark` smooths with.
            taps: of the smoothing, where it takes another number; 0: its own.

        Returns:
            xy_heatmap (B, K, 2) in cells, and score (B, K), see `heatmap.DECODERS`.
        """
        settings = heatmap.tap_settings(self.decoding, taps)
        if self.decoding == "dark":
            settings["modulate_sigma"] = sigma
        if self.radius_share is not None:
            settings["radius"] = self.radius_share * maps.shape[-2]
        return heatmap.decode(maps, self.decoding, **settings)

    def flip_back(self, maps: torch.Tensor, flip_order) -> torch.Tensor:
        """Maps (B, K * maps_per_joint, h, w) of a mirrored picture, brought upright; offsets in x change their sign.

        Args:
            flip_order: (K,) partner of each joint, `Skeleton.flip_order`.
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
