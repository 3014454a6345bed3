"""The form in which a network takes its pictures and gives its joints; it travels in the checkpoint, so that a network is always
fed, and read, alike."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch

from ..errors import DataError, DivergenceError, OptionError
from . import heatmap
from . import person_frames as frames
from .codecs import CODECS
from .geometry import apply, aspect_box, compose, crop_matrix, hw_of, invert, resize_matrix

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = ("exact", "published", *frames.FRAMES)


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes the network's input, and the network's maps joints.

    Attributes:
        kind: `exact`: one sub-pixel matrix from the picture to the crop, edges on edges. `published`: the crop of the published
            CC-SSL code, which cuts corners to integers and stretches every crop's contrast. `msra`, `megvii`, `dark`, `udp`: the
            crops of the published human-pose systems, see `pose.person_frames`.
        size_hw: rows and columns of the crop, px; a number stands for a square.
        heatmap_hw: rows and columns of the heatmaps, cells; likewise.
        mean, std: per channel as fed, of values in 0..1; subtracted, divided by.
        bgr: channels are fed in the order blue, green, red.
        codec: how maps mean joints, a name of `pose.codecs.CODECS`.
        sigma: width of the target peaks that the network was trained with, cells.
        decoder: a kind of `heatmap.decode` to read the maps with in place of the codec's own, number for number as published.
        decoder_taps: of the smoothing before maps are read, where it takes another number; 0: its own.
        flip_shift: cells that maps of a mirrored picture are moved to the right by; None: as the kind has it.
        bias_px: taken off both coordinates of joints in the picture, px of the picture (LPN's BIAS).
        padding: how many times its own width and height a box counts before the crop takes its shape around it; None: the data
            set's factor for both.
    """

    kind: str = "exact"
    size_hw: tuple[int, int] = (256, 256)
    heatmap_hw: tuple[int, int] = (64, 64)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    bgr: bool = False
    codec: str = "dark"
    sigma: float = 1.0
    padding: tuple[float, float] | None = None
    decoder: str = ""
    decoder_taps: int = 0
    flip_shift: int | None = None
    bias_px: float = 0.0

    def __post_init__(self):
        if self.codec not in CODECS:
            near = difflib.get_close_matches(self.codec, CODECS, 1)
            raise OptionError(
                f"a codec out of {', '.join(CODECS)}", repr(self.codec), f"--codec {(near or ['dark'])[0]}"
            )
        object.__setattr__(self, "size_hw", hw_of(self.size_hw))
        object.__setattr__(self, "heatmap_hw", hw_of(self.heatmap_hw))

    @property
    def square(self) -> bool:
        """Whether crop and maps are squares."""
        return self.size_hw[0] == self.size_hw[1] and self.heatmap_hw[0] == self.heatmap_hw[1]

    @property
    def size(self) -> int:
        """Side of a square crop, px.

        Raises:
            OptionError: when the crop is no square.
        """
        return self._side(self.size_hw)

    @property
    def heatmap_size(self) -> int:
        """Side of square heatmaps, cells.

        Raises:
            OptionError: when they are no squares.
        """
        return self._side(self.heatmap_hw)

    def _side(self, size_hw: tuple[int, int]) -> int:
        if not self.square:
            h, w = self.size_hw
            raise OptionError(
                "a network of square crops",
                f"one of {h} x {w} px",
                f"zoopose train --init-weights FILE --inp-res {h} gives its weights a square input",
            )
        return size_hw[0]

    @property
    def original_cells(self) -> int | None:
        """Side of the maps whose cells the published CC-SSL protocol counts in; None where its crops and peaks have no sense."""
        comparable = self.square and self.kind in ("exact", "published") and self.maps_per_joint == 1
        return self.heatmap_hw[0] if comparable else None

    @property
    def maps_per_joint(self) -> int:
        """Maps that the codec takes for a joint."""
        return CODECS[self.codec].maps_per_joint

    @property
    def stride(self) -> float:
        """Crop pixels per heatmap cell, along rows."""
        return self.size_hw[0] / self.heatmap_hw[0]

    def crop_matrix(self, box_xywh: np.ndarray, crop_factor: float) -> np.ndarray:
        """crop_from_image (..., 2, 3) float64 for boxes (..., 4) in picture px.

        Args:
            crop_factor: the data set's, where the form has no padding of its own.
        """
        if self.kind in frames.FRAMES:
            h, w = self.size_hw
            padding = crop_factor if self.padding is None else self.padding
            centre, scale = frames.centre_scale(box_xywh, w / h, padding, self.kind)
            return frames.crop_matrix(self.kind, centre, scale, 0.0, (w, h))
        return crop_matrix(self.rectangle(box_xywh, crop_factor), self.size_hw)

    def rectangle(self, box_xywh: np.ndarray, crop_factor: float) -> np.ndarray:
        """(..., 3) left, top and width of the crop about boxes (..., 4), see `geometry.aspect_box`."""
        if self.padding is None:
            return aspect_box(box_xywh, crop_factor, self.size_hw)
        box = np.asarray(box_xywh, np.float64)
        size_wh = box[..., 2:] * self.padding
        corner = box[..., :2] + (box[..., 2:] - size_wh) / 2
        return aspect_box(np.concatenate([corner, size_wh], -1), 1.0, self.size_hw)

    def heatmap_from_crop(self, like: torch.Tensor | None = None):
        """(2, 3) matrix from crop px to heatmap cells: an array, or a tensor like `like`."""
        if self.kind in frames.FRAMES:
            matrix = frames.heatmap_matrix(self.kind, self.size_hw[::-1], self.heatmap_hw[::-1])
            return matrix if like is None else torch.as_tensor(matrix, dtype=like.dtype, device=like.device)
        return resize_matrix(self.size_hw, self.heatmap_hw, like)

    def crop_from_heatmap(self, xy_heatmap: torch.Tensor) -> torch.Tensor:
        """Joints (..., K, 2) in cells -> crop px."""
        return apply(invert(self.heatmap_from_crop(xy_heatmap)), xy_heatmap)

    def image_from_heatmap(self, crop_from_image: torch.Tensor) -> torch.Tensor:
        """(..., 2, 3) from heatmap cells to picture px, of crop_from_image (..., 2, 3)."""
        matrix = invert(compose(self.heatmap_from_crop(crop_from_image), crop_from_image))
        if self.bias_px:
            matrix = matrix.clone()
            matrix[..., 2] -= self.bias_px
        return matrix

    def joint_maps(self, outputs: list[torch.Tensor], num_joints: int) -> torch.Tensor:
        """The last of a network's outputs that holds maps of the joints (part maps come behind them), float32.

        Raises:
            DataError: when no output has these channels and cells.
            DivergenceError: when the maps hold NaN or infinity, of which no joint can be read.
        """
        shape = (num_joints * self.maps_per_joint, *self.heatmap_hw)
        maps = [o for o in outputs if tuple(o.shape[1:]) == shape]
        if not maps:
            h, w = self.heatmap_hw
            raise DataError(f"maps of {num_joints} joints and {h} x {w} cells", f"{[tuple(o.shape) for o in outputs]}")
        found = maps[-1].float()
        bad = int((~found.isfinite().flatten(1).all(1)).sum())
        if bad:
            raise DivergenceError(
                "heatmaps of finite numbers",
                f"NaN or infinite numbers in the heatmaps of {bad} of {len(found)} pictures",
                "a checkpoint from before its training diverged; a training with a lower --lr",
            )
        return found

    def decode(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps (B, C, h, w) -> xy_heatmap (B, K, 2) in cells and score (B, K)."""
        if self.decoder:
            return heatmap.decode(maps, self.decoder, **heatmap.tap_settings(self.decoder, self.decoder_taps))
        return CODECS[self.codec].decode(maps, self.sigma, self.decoder_taps)

    def flip_back(self, maps: torch.Tensor, flip_order) -> torch.Tensor:
        """Maps (B, C, h, w) of a mirrored picture, brought upright.

        In the `msra` frame they come to lie beside those of the picture; as published they are moved by one cell.
        """
        maps = CODECS[self.codec].flip_back(maps, flip_order)
        shift = self.flip_shift
        if shift is None:
            shift = frames.flip_shift(self.kind) if self.kind in frames.FRAMES else 0
        return heatmap.shift_right(maps, shift)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Crops (B, 3, H, W) of this form, RGB in 0..1 -> the network's input.

        The contrast is left as it is: a published crop is stretched when it is cut, before its resize, and ends at 249 to 255.
        """
        if self.bgr:
            images = images.flip(1)
        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype).view(3, 1, 1)
        return (images - mean) / std

    def normalise_exact(self, images: torch.Tensor) -> torch.Tensor:
        """Crops (B, 3, H, W) that were cut as for `exact`, whatever this form, RGB in 0..1 -> the network's input.

        A network of published crops has learnt from stretched ones: here each picture's values are stretched to 0..1, jointly over
        the channels.
        """
        if self.kind == "published":
            low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
            images = (images - low) / (high - low).clamp_min(1e-6)
        return self.normalise(images)

    def pictures(self, images: torch.Tensor) -> torch.Tensor:
        """The network's input (B, 3, H, W) -> RGB in 0..1, to be looked at; the way back from `normalise`."""
        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype).view(3, 1, 1)
        images = (images * std + mean).clamp(0, 1)
        return images.flip(1) if self.bgr else images

    def describe(self) -> str:
        """In words, for banners and reports: crops, maps and codec."""
        (h, w), (rows, columns) = self.size_hw, self.heatmap_hw
        taps = f" with {self.decoder_taps} taps" if self.decoder_taps else ""
        published = f", read as published ({self.decoder}{taps})" if self.decoder else f", read{taps}" if taps else ""
        if self.flip_shift is not None:
            published += f", maps of mirrored pictures moved by {self.flip_shift} cells"
        if self.bias_px:
            published += f", {self.bias_px:g} px taken off joints"
        return f"{self.kind} crops of {h} x {w} px, {rows} x {columns} maps, {self.codec} codec of sigma {self.sigma:g}{published}"

    def to_dict(self) -> dict:
        """Plain data; `from_dict` is the way back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping) -> InputSpec:
        """Inverse of `to_dict`; also of the form of checkpoints up to version 0.1.0, whose crops were squares."""
        older = {"size": "size_hw", "heatmap_size": "heatmap_hw"}
        return cls(**{older.get(k, k): tuple(v) if isinstance(v, list) else v for k, v in data.items()})


def depth_for(heatmap_size: int | tuple[int, int], deepest: int = 4) -> int:
    """Halvings an hourglass can make on maps of this size, at most the published four.

    Raises:
        OptionError: when a side is odd.
    """
    depth, (h, w) = 0, hw_of(heatmap_size)
    while depth < deepest and h % 2 ** (depth + 1) == 0 and w % 2 ** (depth + 1) == 0:
        depth += 1
    if depth == 0:
        raise OptionError(
            "an input side that is a multiple of 8 px (of 64 px for the published depth)",
            f"{h * 4} x {w * 4} px, heatmaps of {h} x {w} cells",
            "--inp-res 256, 128, 96 or 64, or --inp-res 256x192",
        )
    return depth
