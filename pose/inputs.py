"""The form in which a network takes its pictures; it travels in the checkpoint, so that a network is always fed alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch

from ..errors import OptionError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class InputForm:
    """How a picture becomes the network's input.

    Attributes:
        kind: `exact`: one sub-pixel matrix from the picture to the crop. `published`: the crop of the published CC-SSL code, which
            cuts corners to integers and stretches every crop's contrast.
        size: side R of the square crop, px.
        heatmap_size: side of the heatmaps, cells.
        mean, std: per RGB channel of values in 0..1; subtracted, divided by.
    """

    kind: str = "exact"
    size: int = 256
    heatmap_size: int = 64
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def stride(self) -> float:
        """Crop pixels per heatmap cell."""
        return self.size / self.heatmap_size

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in 0..1 -> the network's input.

        For the published form every picture's contrast is first stretched to 0..1, jointly over channels, as its crop does
        (a crop that is already stretched stays as it is).
        """
        if self.kind == "published":
            low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
            images = (images - low) / (high - low).clamp_min(1e-6)
        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype).view(3, 1, 1)
        return (images - mean) / std

    def to_dict(self) -> dict:
        """Plain data; `from_dict` is the way back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping) -> InputForm:
        """Inverse of `to_dict`."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})


def depth_for(heatmap_size: int, deepest: int = 4) -> int:
    """Halvings an hourglass can make on maps of this side, at most the published four.

    Raises:
        OptionError: when the side is odd.
    """
    depth = 0
    while depth < deepest and heatmap_size % 2 ** (depth + 1) == 0:
        depth += 1
    if depth == 0:
        raise OptionError(
            "an input side that is a multiple of 8 px (of 64 px for the published depth)",
            f"{heatmap_size * 4} px, heatmaps of {heatmap_size} cells",
            "--inp-res 256 --out-res 64, or 128 and 32, 96 and 24, 64 and 16",
        )
    return depth
