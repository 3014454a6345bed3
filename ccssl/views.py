"""Images of the views of crops: made by OpenCV in bytes on a CPU, as one batch of floats on other devices.

On a CPU the bytes take a tenth of the time of floats: one matrix and one table make all colour changes of a view. Both
implementations draw from the same ranges, but not the same numbers.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch

from ..pose.augment import Augmentation, photometric
from ..pose.geometry import warp
from ..pose.input_spec import InputSpec
from ..pose.random_draws import uniform

_NOISE_UNIT = 32.0  # grey levels of the noise field in one standard deviation
_NOISE_SLACK = 63  # px by which a view's window of the noise field may move


def view_images(
    crops: torch.Tensor,
    view_from_crop: torch.Tensor,
    recoloured: int,
    spec: InputSpec,
    colours: Augmentation,
    generator: torch.Generator,
) -> torch.Tensor:
    """Views of every crop as network input. The first view of a crop is its inner square, unchanged.

    Args:
        crops: (F, 3, S, S) uint8.
        view_from_crop: (F, V, 2, 3) float32 on the CPU.
        recoloured: how many views after the first do not move.
        spec: side R of the views, and their normalisation.
        colours: ranges of colour, contrast, gamma, noise and blur of all views but the first.
        generator: on the CPU.

    Returns:
        (F x V, 3, R, R) float32, normalised, channels last, on the device of the crops.
    """
    if crops.device.type == "cpu":
        return _by_opencv(crops, view_from_crop, recoloured, spec, colours, generator)
    frames, views, size = *view_from_crop.shape[:2], spec.size
    matrices = view_from_crop.flatten(0, 1).to(crops.device)
    images = warp(crops.float().repeat_interleave(views, 0) / 255, matrices, (size, size)).unflatten(0, (frames, views))
    drawn = photometric(images[:, 1:].flatten(0, 1), colours.photometric(), generator)
    images = torch.cat([images[:, :1], drawn.unflatten(0, (frames, views - 1))], 1).flatten(0, 1)
    return spec.normalise_exact(images).contiguous(memory_format=torch.channels_last)


def _by_opencv(
    crops: torch.Tensor,
    view_from_crop: torch.Tensor,
    recoloured: int,
    spec: InputSpec,
    colours: Augmentation,
    generator: torch.Generator,
) -> torch.Tensor:
    frames, views, size = *view_from_crop.shape[:2], spec.size
    pad, matrices = (crops.shape[-1] - size) // 2, view_from_crop.double().numpy()
    recolour = _Colours(colours, frames * (views - 1), size, generator)
    out, images = np.empty((views, size, size, 3), np.uint8), torch.empty(frames, views, size, size, 3)
    # whole rows at a time: three numbers at a time are slow
    mean, scale = (255 * torch.tensor(spec.mean)).repeat(size), (1 / (255 * torch.tensor(spec.std))).repeat(size)
    for f, planes in enumerate(crops.numpy()):
        crop = cv2.merge(list(planes))
        inner = crop[pad : pad + size, pad : pad + size]
        out[0] = inner
        for v in range(1, views):
            if v <= recoloured:
                view = inner
            else:
                view = cv2.warpAffine(crop, matrices[f, v], (size, size), flags=cv2.INTER_LINEAR)
            recolour(view, f * (views - 1) + v - 1, out[v])
        # one frame at a time, in place, while its views are in the processor's cache
        images[f].copy_(torch.from_numpy(out))
        if spec.kind == "exact":
            images[f].flatten(2).sub_(mean).mul_(scale)
    # channels last, like the bytes
    images = images.flatten(0, 1).permute(0, 3, 1, 2)
    return images if spec.kind == "exact" else spec.normalise_exact(images.div_(255))


class _Colours:
    """`pose.augment.photometric` on bytes, one image at a time; all draws are made in the constructor."""

    def __init__(self, a: Augmentation, count: int, size: int, generator: torch.Generator):
        def draw(*shape: int) -> np.ndarray:
            return uniform(generator, (count, *shape), -1, 1).numpy().astype(np.float64)

        gain, saturation = 1 + a.colour * draw(3), 1 + 1.5 * a.colour * draw()[:, None, None]
        self.mix = (saturation * np.eye(3) + (1 - saturation) / 3) * gain[:, None, :]
        self.contrast, self.brightness = np.exp(draw() * math.log1p(a.contrast)), 255 * a.contrast / 2 * draw()
        self.gamma, self.sigma = np.exp(a.gamma * draw()), a.blur * draw().clip(0)
        self.noise, self.coloured = a.noise * draw().clip(0), draw() > 0
        self.place = torch.randint(_NOISE_SLACK + 1, (count, 2), generator=generator).numpy()
        self.changes_colour, self.changes_gamma = bool(a.colour or a.contrast), bool(a.gamma)
        self.field = None
        if a.noise and count:
            normal = torch.randn(size + _NOISE_SLACK, size + _NOISE_SLACK, 3, generator=generator)
            self.field = (128 + _NOISE_UNIT * normal).round_().clamp_(0, 255).byte().numpy()
            self.grey = np.repeat(self.field[..., :1], 3, 2)
        self.levels = np.arange(256) / 255

    def __call__(self, view: np.ndarray, i: int, out: np.ndarray) -> None:
        """Change a view (R, R, 3) uint8 by the i-th draw, and write it to `out`, of the same shape and type."""
        if self.changes_colour:
            contrast = self.contrast[i]
            mean = (self.mix[i] @ np.array(cv2.mean(view)[:3])).mean()
            shift = np.full((3, 1), (1 - contrast) * mean + self.brightness[i])
            view = cv2.transform(view, np.hstack([contrast * self.mix[i], shift]))
        if self.changes_gamma:
            view = cv2.LUT(view, np.rint(255 * self.levels ** self.gamma[i]).astype(np.uint8))
        if self.sigma[i] > 1 / 3:  # a blur of less than a third of a pixel changes nothing
            side = 2 * math.ceil(2.5 * self.sigma[i]) + 1
            view = cv2.GaussianBlur(view, (side, side), self.sigma[i], borderType=cv2.BORDER_REPLICATE)
        if self.field is not None and self.noise[i] > 0:
            top, left = self.place[i]
            field = self.field if self.coloured[i] else self.grey
            field = field[top : top + len(view), left : left + len(view)]
            weight = 255 * self.noise[i] / _NOISE_UNIT
            view = cv2.addWeighted(view, 1, field, weight, -128 * weight)
        out[:] = view
