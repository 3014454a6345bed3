"""The framing of the target: the zoom and shift of its crops under which the network agrees most with its mirror image.

Boxes of two data sets are rarely drawn by the same rule, and a network expects joints where the source's pictures have them: a cow
holds her head above her back where a horse carries its head. Another framing moves such places out of the crop. The choice needs no
label: the network that labels is asked for the share of joints that a frame and its mirror image put at the same place.
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
from ..train.selftraining.labeller import inner_images

# Two joints agree where they are nearer than this, in shares of the crop's side. 0.04 is 0.05 of the box (the threshold of
# PCK@0.05), where a crop is 1.25 x the box.
AGREE = 0.04
# The same where framings are compared: with 0.04 many framings score nearly the same. Chosen on horse -> cattle_a
# (docs/methods/ccssl.md).
SAME = 0.02
# Largest relative loss of the mean peak of a framing that may be chosen. Chosen on horse -> cattle_a (docs/methods/ccssl.md).
DROP = 0.045


@dataclass(frozen=True)
class Framing:
    """Zoom about the crop's middle, then a shift downwards, in shares of the crop's side."""

    zoom: float = 1.0
    shift: float = 0.0

    def of_boxes(self, crop_factor: float) -> tuple[float, float]:
        """Zoom and shift with which a network is to be used: the zoom is limited, so that no crop is smaller than its box.

        Labels may come from a smaller crop, since they are checked and averaged; a prediction outside of its crop is lost.

        Args:
            crop_factor: side of a crop over the longer side of its box.
        """
        return min(self.zoom, max(1.0, crop_factor)), self.shift

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
        height, width = crops.shape[-2:]
        matrix = self.matrix(width, size).float().to(crops.device)
        # 32 frames at a time: as floats, all frames would take four times their memory
        parts = [
            warp(part.float(), matrix.expand(len(part), 2, 3), (height, width)).round_().clamp_(0, 255).byte()
            for part in crops.split(32)
        ]
        return torch.cat(parts)


# The crop as it is comes first: of equal framings `choose` takes the first.
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
        at_once: pictures in one forward pass.
    """
    k = len(flip_order)
    order, joints, peaks = torch.as_tensor(flip_order, device=crops.device), [], []
    for part in crops.split(max(1, at_once // 2)):
        images = inner_images(part, spec)
        both = torch.cat([images, images.flip(-1)]).contiguous(memory_format=torch.channels_last)
        maps = spec.joint_maps(model(both), k)
        maps = torch.cat([maps[: len(part)], maps[len(part) :, order].flip(-1)])
        xy, peak = spec.decode(maps)
        joints.append(xy.unflatten(0, (2, len(part))))
        peaks.append(peak[: len(part)])
    upright, mirrored = torch.cat(joints, 1)
    return upright, mirrored, torch.cat(peaks)


def choose(
    model: nn.Module,
    crops: torch.Tensor,
    spec: InputSpec,
    flip_order: np.ndarray,
    framings: Sequence[Framing] = FRAMINGS,
) -> tuple[Framing, list[float]]:
    """The framing under which most joints of a frame and of its mirror image agree, and that share of joints under each framing.

    Of equal framings the first is chosen. A framing whose mean peak is lower than the first one's by more than `DROP` scores 0:
    poses of animals that are cut off agree, and are wrong.

    Args:
        model: in eval mode.
        crops: (F, 3, S, S) uint8 padded crops on the device, of frames spread over the target.
        spec: input of the network.
        flip_order: (K,) of the skeleton.
        framings: the first one is the crop as it is.
    """
    shares: list[float] = []
    first_peak: float | None = None
    for framing in framings:
        upright, mirrored, peak = mirrored_joints(model, framing.apply(crops, spec.size), spec, flip_order)
        near = (upright - mirrored).norm(dim=-1) < SAME * framing.zoom * spec.heatmap_size
        mean_peak = float(peak.mean())
        first_peak = mean_peak if first_peak is None else first_peak
        shares.append(float(near.float().mean()) if mean_peak >= (1 - DROP) * first_peak else 0.0)
    return framings[int(np.argmax(shares))], shares
