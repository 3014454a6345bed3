"""How the target's animals are framed while they are labelled: the zoom and shift under which the network agrees with itself most.

Boxes of two data sets are rarely drawn alike, and a network sees joints where the source's pictures have them: a cow's head above
her back, where horses carry theirs. Another framing takes such places out of the picture. Which one helps is asked of the network
itself, without any label: the share of joints that a frame and its mirror image put at one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import nn

from ..pose.geometry import warp
from ..pose.input_spec import InputSpec

AGREE = 0.04  # of the crop's side: nearer joints are at one place; 0.05 of the box, where a crop is 1.25 x the box

SAME = 0.02  # likewise, where framings are compared: coarser, and many do alike
DROP = 0.045


@dataclass(frozen=True)
class Framing:
    """Zoom about the crop's middle, then a shift downwards, in shares of the crop's side."""

    zoom: float = 1.0
    shift: float = 0.0

    def matrix(self, crop_size: int, size: int) -> torch.Tensor:
        """(2, 3) float64 from a padded crop to the reframed one, px.

        Args:
            crop_size: side of the padded crop.
            size: side of the square in its middle.
        """
        move = (1 - self.zoom) * (crop_size - 1) / 2
        down = move + self.shift * size
        return torch.tensor([[self.zoom, 0, move], [0, self.zoom, down]], dtype=torch.float64)

    def apply(self, crops: torch.Tensor, size: int) -> torch.Tensor:
        """(F, 3, S, S) uint8 padded crops, reframed; black where a crop ends."""
        if self == Framing():
            return crops
        matrix = self.matrix(crops.shape[-1], size).float().to(crops.device)
        # a part at a time: as floats, all frames would take four times their memory
        parts = [
            warp(part.float(), matrix.expand(len(part), 2, 3), crops.shape[-2:]).round_().clamp_(0, 255).byte()
            for part in crops.split(32)
        ]
        return torch.cat(parts)


# as cropped comes first: it is taken where nothing agrees better
FRAMINGS = tuple(Framing(zoom, shift) for zoom, shift in product((1.0, 1.25, 1.5), (0.0, -0.15, 0.15)))


@torch.no_grad()
def mirrored_joints(
    model: nn.Module, crops: torch.Tensor, spec: InputSpec, flip_order: np.ndarray, at_once: int = 64
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Joints of padded crops and of their mirror images, both (F, K, 2) in cells of the upright heatmap, and (F, K) peaks.

    Args:
        model: in eval mode.
        crops: (F, 3, S, S) uint8 on the device.
        flip_order: (K,).
    """
    pad, k = (crops.shape[-1] - spec.size) // 2, len(flip_order)
    order, found, peaks = torch.as_tensor(flip_order, device=crops.device), [], []
    for part in crops.split(max(1, at_once // 2)):
        images = spec.normalise_exact(part[..., pad : pad + spec.size, pad : pad + spec.size].float() / 255)
        both = torch.cat([images, images.flip(-1)]).contiguous(memory_format=torch.channels_last)
        maps = spec.joint_maps(model(both), k)
        maps = torch.cat([maps[: len(part)], maps[len(part) :, order].flip(-1)])
        joints, peak = spec.decode(maps)
        found.append(joints.unflatten(0, (2, len(part))))
        peaks.append(peak[: len(part)])
    whole = torch.cat(found, 1)
    return whole[0], whole[1], torch.cat(peaks)


def choose(
    model: nn.Module,
    crops: torch.Tensor,
    spec: InputSpec,
    flip_order: np.ndarray,
    framings: Sequence[Framing] = FRAMINGS,
) -> tuple[Framing, list[float]]:
    """The framing under which a network agrees with itself most (of equals the first), and the share of agreeing joints under each.

    One under which the network is clearly less sure than under the first, its mean peak lower by `DROP`, counts 0: animals that are
    cut off give poses that agree, and are wrong.

    Args:
        model: in eval mode.
        crops: (F, 3, S, S) uint8 padded crops on the device, of frames spread over the target.
        form: input form of the network.
        flip_order: (K,) the skeleton's.
        framings: the first one is the crop as it is.
    """
    shares, first = [], None
    for framing in framings:
        own, mirrored, peak = mirrored_joints(model, framing.apply(crops, spec.size), spec, flip_order)
        near = (own - mirrored).norm(dim=-1) < SAME * framing.zoom * spec.heatmap_size
        sure = float(peak.mean())
        first = sure if first is None else first
        shares.append(float(near.float().mean()) if sure >= (1 - DROP) * first else 0.0)
    return framings[int(np.argmax(shares))], shares
