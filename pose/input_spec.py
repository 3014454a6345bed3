"""The input spec of a network: how a picture becomes its input, and how its maps become joints. It is saved in the checkpoint."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, overload

import numpy as np
import torch

from ..errors import DataError, DivergenceError, OptionError
from . import heatmap
from . import person_frames as frames
from .codecs import CODECS
from .geometry import apply, aspect_box, compose, crop_matrix, hw_of, invert, resize_matrix
from .heatmap.flip import FlipOrder

# RGB mean and deviation of ImageNet's pictures in 0..1, from torchvision
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = ("exact", "published", *frames.FRAMES)


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes a network's input, and how the network's maps become joints.

    Attributes:
        kind: kind of the crops. `exact`: one sub-pixel matrix from the picture to the crop, edges on edges. `published`: the
            crop of the 2020 CC-SSL code, which truncates corners to integers and stretches the contrast of each crop. `msra`,
            `megvii`, `dark`, `udp`: the crops of published human-pose systems, see `pose.person_frames`.
        size_hw: (H, W), rows and columns of the crop, px; a number is the side of a square.
        heatmap_hw: (h, w), rows and columns of the heatmaps, cells; a number is the side of a square.
        mean: for each channel in the network's order, of values in 0..1; it is subtracted.
        std: for each channel in the network's order, of values in 0..1; the difference is divided by it.
        bgr: the network takes channels in the order blue, green, red.
        codec: a name in `pose.codecs.CODECS`.
        sigma: width of the target peaks in the network's training, cells.
        decoder: a kind of `heatmap.decode` that is used instead of the codec's decoder.
        decoder_taps: taps of the smoothing before maps are decoded; 0: the decoder's default.
        flip_shift: cells by which maps of a mirrored picture are moved to the right; None: the default of the kind.
        bias_px: number that is subtracted from both coordinates of joints in the picture, px (LPN's BIAS).
        padding: factors on the width and the height of a box before the crop's shape is fitted around it; None: the data set's
            factor for both.
        zoom: factor by which the crop is tightened about its middle: the framing of the data that a network was adapted to.
        shift: by which what the crop shows is then moved downwards, in shares of its height.
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
    zoom: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
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
            OptionError: the crop is not square.
        """
        return self._side(self.size_hw)

    @property
    def heatmap_size(self) -> int:
        """Side of square heatmaps, cells.

        Raises:
            OptionError: the heatmaps are not square.
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
        """Side of the maps in the protocol of the 2020 CC-SSL code, cells; None where this spec cannot use the protocol."""
        comparable = self.square and self.kind in ("exact", "published") and self.maps_per_joint == 1
        return self.heatmap_hw[0] if comparable else None

    @property
    def framing(self) -> tuple[float, float]:
        """Zoom and shift."""
        return self.zoom, self.shift

    def framed(self, framing: tuple[float, float] = (1.0, 0.0)) -> InputSpec:
        """This spec with another zoom and shift; by default with the crop as a whole."""
        return replace(self, zoom=framing[0], shift=framing[1])

    @property
    def maps_per_joint(self) -> int:
        """M, the codec's number of maps for each joint."""
        return CODECS[self.codec].maps_per_joint

    @property
    def stride(self) -> float:
        """Crop pixels in a heatmap cell, from row to row."""
        return self.size_hw[0] / self.heatmap_hw[0]

    def crop_matrix(self, box_xywh: np.ndarray, crop_factor: float) -> np.ndarray:
        """Matrices from the picture to the crops of boxes.

        Args:
            box_xywh: (..., 4) left, top, width, height in px of the picture.
            crop_factor: the data set's factor, used where the spec has no padding.

        Returns:
            crop_from_image (..., 2, 3) float64.
        """
        if self.kind in frames.FRAMES:
            h, w = self.size_hw
            padding = crop_factor if self.padding is None else self.padding
            centre, scale = frames.centre_scale(box_xywh, w / h, padding, self.kind)
            return frames.crop_matrix(self.kind, centre, scale, 0.0, (w, h))
        return crop_matrix(self.rectangle(box_xywh, crop_factor), self.size_hw)

    def rectangle(self, box_xywh: np.ndarray, crop_factor: float) -> np.ndarray:
        """Left, top and width (..., 3) in px of the crops around boxes (..., 4), see `geometry.aspect_box`, with the framing."""
        return self._framed(self._whole_rectangle(box_xywh, crop_factor))

    def _framed(self, left_top_width: np.ndarray) -> np.ndarray:
        """The part (..., 3) of crops (..., 3) that the framing shows."""
        if self.zoom == 1 and self.shift == 0:
            return left_top_width
        width = left_top_width[..., 2]
        height = width * self.size_hw[0] / self.size_hw[1]
        inset = (1 - 1 / self.zoom) / 2
        left = left_top_width[..., 0] + inset * width
        top = left_top_width[..., 1] + (inset - self.shift / self.zoom) * height
        return np.stack([left, top, width / self.zoom], -1)

    def _whole_rectangle(self, box_xywh: np.ndarray, crop_factor: float) -> np.ndarray:
        if self.padding is None:
            return aspect_box(box_xywh, crop_factor, self.size_hw)
        box = np.asarray(box_xywh, np.float64)
        size_wh = box[..., 2:] * self.padding
        corner = box[..., :2] + (box[..., 2:] - size_wh) / 2
        return aspect_box(np.concatenate([corner, size_wh], -1), 1.0, self.size_hw)

    @overload
    def heatmap_from_crop(self, like: None = None) -> np.ndarray: ...
    @overload
    def heatmap_from_crop(self, like: torch.Tensor) -> torch.Tensor: ...
    def heatmap_from_crop(self, like: torch.Tensor | None = None) -> np.ndarray | torch.Tensor:
        """Matrix (2, 3) from crop px to heatmap cells.

        Args:
            like: a tensor whose type and device the matrix gets; None: an array.
        """
        if self.kind in frames.FRAMES:
            matrix = frames.heatmap_matrix(self.kind, self.size_hw[::-1], self.heatmap_hw[::-1])
            return matrix if like is None else torch.as_tensor(matrix, dtype=like.dtype, device=like.device)
        if like is None:
            return resize_matrix(self.size_hw, self.heatmap_hw)
        return resize_matrix(self.size_hw, self.heatmap_hw, like)

    def crop_from_heatmap(self, xy_heatmap: torch.Tensor) -> torch.Tensor:
        """Joints (..., K, 2) in cells -> crop px."""
        return apply(invert(self.heatmap_from_crop(xy_heatmap)), xy_heatmap)

    def image_from_heatmap(self, crop_from_image: torch.Tensor) -> torch.Tensor:
        """Matrix from heatmap cells to picture px, (..., 2, 3), for crop_from_image (..., 2, 3)."""
        matrix = invert(compose(self.heatmap_from_crop(crop_from_image), crop_from_image))
        if self.bias_px:
            matrix = matrix.clone()
            matrix[..., 2] -= self.bias_px
        return matrix

    def joint_maps(self, outputs: list[torch.Tensor], num_joints: int) -> torch.Tensor:
        """Find the joint maps among a network's outputs.

        Args:
            outputs: of the network, one or more for each stage; part maps follow the joint maps.
            num_joints: K.

        Returns:
            (B, K * M, h, w) float32, the last output with this shape.

        Raises:
            DataError: no output has this shape.
            DivergenceError: the maps hold NaN or infinity, so no joint can be found in them.
        """
        shape = (num_joints * self.maps_per_joint, *self.heatmap_hw)
        maps = [o for o in outputs if tuple(o.shape[1:]) == shape]
        if not maps:
            h, w = self.heatmap_hw
            raise DataError(f"maps of {num_joints} joints and {h} x {w} cells", f"{[tuple(o.shape) for o in outputs]}")
        last = maps[-1].float()
        bad = int((~last.isfinite().flatten(1).all(1)).sum())
        if bad:
            raise DivergenceError(
                "heatmaps of finite numbers",
                f"NaN or infinite numbers in the heatmaps of {bad} of {len(last)} pictures",
                "a checkpoint from before its training diverged; a training with a lower --lr",
            )
        return last

    def decode(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps (B, K * M, h, w) -> xy_heatmap (B, K, 2) in cells and score (B, K)."""
        if self.decoder:
            return heatmap.decode(maps, self.decoder, **heatmap.tap_settings(self.decoder, self.decoder_taps))
        return CODECS[self.codec].decode(maps, self.sigma, self.decoder_taps)

    def flip_back(self, maps: torch.Tensor, flip_order: FlipOrder) -> torch.Tensor:
        """Mirror the maps (B, K * M, h, w) of a mirrored picture back.

        In the `msra` frame the result is not in the same place as the maps of the picture; it is moved by one cell, as published.

        Args:
            flip_order: (K,) index of each joint's partner, see `Skeleton.flip_order`.
        """
        maps = CODECS[self.codec].flip_back(maps, flip_order)
        shift = self.flip_shift
        if shift is None:
            shift = frames.flip_shift(self.kind) if self.kind in frames.FRAMES else 0
        return heatmap.shift_right(maps, shift)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Crops (B, 3, H, W) of this spec's kind, RGB in 0..1 -> the network's input.

        The contrast does not change here. The contrast of a `published` crop is stretched when it is cut, before its resize;
        after that its largest value is 249 to 255 of 255.
        """
        if self.bgr:
            images = images.flip(1)
        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype).view(3, 1, 1)
        return (images - mean) / std

    def normalise_exact(self, images: torch.Tensor) -> torch.Tensor:
        """Crops (B, 3, H, W) of kind `exact`, RGB in 0..1 -> the input of this spec's network, for each kind of spec.

        A network of `published` crops was trained with stretched contrast. For such a network each picture's values are
        stretched to 0..1, with the same factor for all channels.
        """
        if self.kind == "published":
            low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
            images = (images - low) / (high - low).clamp_min(1e-6)
        return self.normalise(images)

    def to_rgb(self, images: torch.Tensor) -> torch.Tensor:
        """The network's input (B, 3, H, W) -> RGB in 0..1, for people to look at; inverse of `normalise`."""
        mean = torch.tensor(self.mean, device=images.device, dtype=images.dtype).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device, dtype=images.dtype).view(3, 1, 1)
        images = (images * std + mean).clamp(0, 1)
        return images.flip(1) if self.bgr else images

    def describe(self) -> str:
        """A sentence for banners and reports: crops, maps and codec."""
        (h, w), (rows, columns) = self.size_hw, self.heatmap_hw
        taps = f" with {self.decoder_taps} taps" if self.decoder_taps else ""
        published = f", read as published ({self.decoder}{taps})" if self.decoder else f", read{taps}" if taps else ""
        if self.flip_shift is not None:
            published += f", maps of mirrored pictures moved by {self.flip_shift} cells"
        if self.bias_px:
            published += f", {self.bias_px:g} px taken off joints"
        if self.zoom != 1 or self.shift:
            published += f", crops zoomed {self.zoom:g} times and moved by {self.shift:g} of their height"
        return f"{self.kind} crops of {h} x {w} px, {rows} x {columns} maps, {self.codec} codec of sigma {self.sigma:g}{published}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data for a checkpoint."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> InputSpec:
        """Inverse of `to_dict`. It also reads checkpoints of versions up to 0.1.0, whose crops were square."""
        older = {"size": "size_hw", "heatmap_size": "heatmap_hw"}
        fields: dict[str, Any] = {older.get(k, k): tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**fields)


def depth_for(heatmap_size: int | tuple[int, int], deepest: int = 4) -> int:
    """How often an hourglass can halve maps of this size without a remainder, at most `deepest` times.

    Args:
        heatmap_size: side of the maps in cells, or their rows and columns.
        deepest: 4 in the published networks.

    Raises:
        OptionError: a side is odd.
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
