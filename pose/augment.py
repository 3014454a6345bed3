"""Augmentation of a batch on its device: one matrix for each sample moves picture and joints; then colour, blur, noise, occlusion.

Random numbers come from an explicit generator. `random_draws.generator_for(seed, epoch, step)` gives each step of a run its own
random numbers, for each number of workers: no two workers or epochs repeat each other's numbers, and a resumed run draws the
same as one that was not interrupted. The augmentations of the 2020 CC-SSL code are in `pose.original.augment`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from .geometry import apply, compose, hw_of, view_matrix, warp
from .random_draws import BatchPart, Draws, drawn, generator_of_batch, uniform


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes. Zero (one for `scale`) means no such change.

    Attributes:
        scale: the animal's size is multiplied by exp(U(-ln scale, ln scale)).
        rotation_deg: standard deviation of the turn in degrees, limited to twice that.
        rotation_share: share of the samples that are turned.
        shift: largest move, as a share of the crop's side.
        flip: share of the samples that are mirrored; left and right joints change places.
        colour: c: each channel's gain changes by up to c, the saturation by up to 1.5 c (relative).
        contrast: c: contrast is multiplied by exp(U(-ln(1+c), ln(1+c))) about the picture's mean; brightness changes by up to c/2.
        gamma: g: the exponent is exp(U(-g, g)).
        noise: largest standard deviation of the noise, as a share of the range 0..1. Half of the samples have noise for each
            channel.
        blur: largest sigma, px of the view.
        occlusion: share of the samples in which rectangles of one colour cover a part.
        hide_joints: share of the samples in which patches cover single joints; these joints stay labelled.
        plain: share of the samples that do not change at all.
    """

    scale: float = 1.0
    rotation_deg: float = 0.0
    rotation_share: float = 1.0
    shift: float = 0.0
    flip: float = 0.0
    colour: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    occlusion: float = 0.0
    hide_joints: float = 0.0
    plain: float = 0.0

    def photometric(self) -> Augmentation:
        """The same changes without geometry and occlusion, for views that test invariance."""
        return Augmentation(
            colour=self.colour, contrast=self.contrast, gamma=self.gamma, noise=self.noise, blur=self.blur
        )


AUGMENTATIONS = {
    "none": Augmentation(),
    # ranges of the standard recipe of the 2020 CC-SSL code (`pose.original.augment.standard`), with a log-uniform scale
    "standard": Augmentation(scale=1.25, rotation_deg=30, rotation_share=0.6, flip=0.5, colour=0.2),
    # chosen for training on synthetic pictures, not tuned by a measurement
    "strong": Augmentation(
        scale=1.35,
        rotation_deg=20,
        rotation_share=0.7,
        shift=0.08,
        flip=0.5,
        colour=0.35,
        contrast=0.8,
        gamma=0.4,
        noise=0.12,
        blur=1.2,
        occlusion=0.3,
        hide_joints=0.2,
    ),
}


def draw_views(
    augmentation: Augmentation,
    batch: int,
    size: int | tuple[int, int],
    generator: Draws,
    crop_size: int | tuple[int, int] | None = None,
    margin: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the geometry of views.

    Args:
        augmentation: the ranges.
        batch: B, number of views.
        size: side of the view in px, or its rows and columns.
        generator: on the CPU.
        crop_size: side of the crop in px, or its rows and columns; None: `size`.
        margin: side of the crop / side of its inner part, which a view without changes shows.

    Returns:
        view_from_crop (B, 2, 3) float32 on the CPU, and whether each view is mirrored, (B,) bool.
    """
    a = augmentation
    scale = torch.exp(uniform(generator, (batch,), -1, 1) * float(np.log(a.scale)))
    angle = (drawn(torch.randn, generator, (batch,)) * a.rotation_deg).clamp(-2 * a.rotation_deg, 2 * a.rotation_deg)
    angle = torch.where(uniform(generator, (batch,)) < a.rotation_share, angle, 0.0)
    flip = uniform(generator, (batch,)) < a.flip
    shift = uniform(generator, (batch, 2), -a.shift, a.shift)
    return view_matrix(size, scale, angle, flip, shift, from_size=crop_size, margin=margin), flip


def augment(
    crops: torch.Tensor,
    xy_crop: torch.Tensor,
    visible: torch.Tensor,
    augmentation: Augmentation,
    size: int | tuple[int, int],
    *,
    flip_order: np.ndarray,
    generator: Draws,
    margin: float = 1.0,
    framing: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Make one augmented view of each crop.

    Args:
        crops: (B, 3, S, T) uint8 or float in 0..255, with the shape of the view; sides are `margin` times those of the inner part.
        xy_crop: (B, K, 2) joints in px of the crop.
        visible: (B, K) flags.
        augmentation: the ranges.
        size: side of the view in px, or its rows and columns (H, W).
        flip_order: (K,) index of each joint's partner, see `Skeleton.flip_order`.
        generator: on the CPU; a `BatchPart` where the crops are part of a batch.
        margin: see `crops`.
        framing: (2, 3), from px of the crop to px of the reframed crop that the views are made of; None: the crop itself.

    Returns:
        images (B, 3, H, W) float in 0..1, xy_view (B, K, 2) in px of the view, visible (B, K), view_from_crop (B, 2, 3).
    """
    device = crops.device
    size_hw, crop_hw = hw_of(size), (crops.shape[-2], crops.shape[-1])
    matrix, flip = draw_views(augmentation, len(crops), size_hw, generator, crop_hw, margin)
    plain = uniform(generator, (len(crops),)) < augmentation.plain if augmentation.plain else None
    if plain is not None:
        still, _ = draw_views(Augmentation(), len(crops), size_hw, generator, crop_hw, margin)
        matrix, flip = torch.where(plain[:, None, None], still, matrix), flip & ~plain
    if framing is not None:
        matrix = compose(matrix, framing.to(matrix))
    unmoved = crop_hw == size_hw and bool((matrix == torch.eye(2, 3)).all())
    matrix, flip = matrix.to(device), flip.to(device)
    images = crops.float() / 255
    if not unmoved:
        images = warp(images, matrix, size_hw)
    xy_view = apply(matrix, xy_crop.to(matrix))
    order = torch.as_tensor(flip_order, device=device)
    xy_view = torch.where(flip[:, None, None], xy_view[:, order], xy_view)
    visible = torch.where(flip[:, None], visible[:, order], visible)
    unchanged = images.clone() if plain is not None else images
    images = photometric(images, augmentation, generator)
    _occlude(images, xy_view, augmentation, generator)
    if plain is not None:
        images = torch.where(plain.to(device)[:, None, None, None], unchanged, images)
    return images, xy_view, visible, matrix


def photometric(images: torch.Tensor, augmentation: Augmentation, generator: Draws) -> torch.Tensor:
    """Change colour, contrast, gamma, blur and noise of pictures (B, 3, H, W) in 0..1, not their geometry."""
    a, b, device = augmentation, len(images), images.device
    if b == 0:
        return images

    def draw(*shape: int) -> torch.Tensor:
        return uniform(generator, shape, -1, 1).to(device)

    # large temporary tensors cost more time than the arithmetic, so a copy is changed in place
    images = images.clone()
    if a.colour:
        images *= 1 + a.colour * draw(b, 3, 1, 1)
        grey = images.mean(1, keepdim=True)
        images.sub_(grey).mul_(1 + 1.5 * a.colour * draw(b, 1, 1, 1)).add_(grey)
    if a.contrast:
        mean = images.mean((1, 2, 3), keepdim=True)
        gain = torch.exp(draw(b, 1, 1, 1) * float(np.log1p(a.contrast)))
        images.sub_(mean).mul_(gain).add_(mean).add_(a.contrast / 2 * draw(b, 1, 1, 1))
    if a.gamma:
        images.clamp_(1e-4, 1).pow_(torch.exp(a.gamma * draw(b, 1, 1, 1)))
    if a.blur:
        rows = generator.rows if isinstance(generator, BatchPart) else torch.arange(b)
        total = generator.total if isinstance(generator, BatchPart) else b
        sigmas = a.blur * uniform(generator_of_batch(generator), (total,), -1, 1).clamp_min(0)
        sigma = sigmas[rows]
        blurred = (sigma > 1 / 3).nonzero()[:, 0]  # px; a smaller blur is not visible
        if len(blurred):
            blur = _blur(images[blurred.to(device)], sigma[blurred].to(device), float(sigmas.max()))
            images[blurred.to(device)] = blur
    if a.noise:
        on_device = torch.Generator(device).manual_seed(
            int(torch.randint(2**62, (1,), generator=generator_of_batch(generator)))
        )
        field = BatchPart(on_device, generator.rows, generator.total) if isinstance(generator, BatchPart) else on_device
        noise = drawn(torch.randn, field, images.shape, device=device, dtype=images.dtype)
        per_channel = draw(b, 1, 1, 1) > 0
        noise = torch.where(per_channel, noise, noise[:, :1])
        images += noise.mul_(a.noise * draw(b, 1, 1, 1).clamp_min(0))
    return images.clamp_(0, 1)


def _blur(images: torch.Tensor, sigma: torch.Tensor, widest: float) -> torch.Tensor:
    """Blur each picture with its own sigma (B,) in px; all kernels have the size for `widest`, the largest sigma of the batch."""
    b, c, h, w = images.shape
    radius = max(1, int(np.ceil(2.5 * widest)))
    cell = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-(cell**2) / (2 * sigma[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)
    flat = F.pad(images.reshape(1, b * c, h, w), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=b * c)
    return F.conv2d(flat, kernel[:, None, :, None], groups=b * c).view(b, c, h, w)


def _occlude(images: torch.Tensor, xy_view: torch.Tensor, a: Augmentation, generator: Draws) -> None:
    """Cover rectangles at random places, and small patches on random joints, with one colour each; changes `images`."""
    if a.occlusion:
        centre = uniform(generator, (len(images), 2, 2))
        half = uniform(generator, (len(images), 2, 2), 0.04, 0.16)
        on = uniform(generator, (len(images), 2)) < a.occlusion
        _cover(images, centre, half, on, generator)
    if a.hide_joints:
        k = xy_view.shape[1]
        joint = drawn(
            lambda shape, generator: torch.randint(k, shape, generator=generator), generator, (len(images), 2)
        )
        size_wh = torch.tensor([images.shape[-1], images.shape[-2]])
        centre = (xy_view.cpu().gather(1, joint[..., None].expand(-1, -1, 2)) + 0.5) / size_wh
        half = uniform(generator, (len(images), 2, 2), 0.02, 0.08)
        on = uniform(generator, (len(images), 2)) < a.hide_joints
        _cover(images, centre, half, on, generator)


def _cover(
    images: torch.Tensor,
    centre: torch.Tensor,
    half: torch.Tensor,
    on: torch.Tensor,
    generator: Draws,
) -> None:
    """Cover rectangles; changes `images`.

    Args:
        images: (B, 3, H, W).
        centre: (B, N, 2) x, y as shares of W and H.
        half: (B, N, 2) half the width and height, as shares of W and H.
        on: (B, N) bool, which rectangles are drawn.
        generator: of the colours.
    """
    h, w = images.shape[-2:]
    colours = uniform(generator, (*on.shape, 3)).to(images)
    x = (torch.arange(w) + 0.5) / w
    y = (torch.arange(h) + 0.5) / h
    centre = torch.nan_to_num(centre, nan=-9.0)
    for i, n in on.nonzero().tolist():
        columns = ((x - centre[i, n, 0]).abs() < half[i, n, 0]).nonzero()[:, 0].tolist()
        rows = ((y - centre[i, n, 1]).abs() < half[i, n, 1]).nonzero()[:, 0].tolist()
        if columns and rows:
            images[i, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = colours[i, n, :, None, None]


def restyle(images: torch.Tensor, donors: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Give some pictures the mean and standard deviation of each channel of other pictures, chosen randomly from `donors`.

    Args:
        images: (B, 3, H, W).
        donors: (D, 3, H', W'), with the same range of values.
        share: share of the pictures that change.
        generator: on the CPU.

    Returns:
        (B, 3, H, W).
    """
    on = uniform(generator, (len(images),)) < share
    which = torch.randint(len(donors), (len(images),), generator=generator)
    changed = on.nonzero()[:, 0].to(images.device)
    if not len(changed):
        return images
    before, donor = images[changed], donors[which.to(images.device)[changed]]
    mean, spread = before.mean((2, 3), keepdim=True), before.std((2, 3), keepdim=True)
    new_mean, new_spread = donor.mean((2, 3), keepdim=True), donor.std((2, 3), keepdim=True)
    styled = images.clone()
    styled[changed] = (before - mean) / spread.clamp_min(1e-3) * new_spread + new_mean  # a flat picture has no spread
    return styled
