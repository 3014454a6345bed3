"""Crops of any data set as the published code makes them, cached as uint8: CC-SSL labels them and trains on them.

The published code cuts the frames of its target once, to files of 256 x 256 px; it labels and trains in their pixels. Here the
crops have the side of the network's input and stay in memory.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..pose.geometry import apply, crop_matrix, hw_of
from ..pose.original.crop import image_to_chw, original_crop
from ..pose.original.geometry import BOX_UNIT_PX
from .crops import CropCache, CropDataset
from .original_annotation import OriginalAnnotation
from .original_items import annotation_of
from .sample import PoseDataset, PoseSample

SURROUNDINGS = 1.5  # side of a source picture / side of its crop
PICTURE_PX = 384  # side of a source picture: its crop then has the published 256 px
JPEG_QUALITY = 75  # of the published crops: Pillow's default


class _StretchedCrops(CropDataset):
    """Items as of `CropDataset`: crop (3, S, S) uint8 as `original_crop` makes it, less no mean.

    crop_from_image is the matrix of the box before its corners are cut to whole pixels. `size` is a side, not rows and columns.
    """

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.dataset[index]
        known = annotation_of(self.dataset, index, sample)
        crop = original_crop(image_to_chw(sample.image), known.center, known.scale, hw_of(self.size))
        matrix = box_matrix(known, hw_of(self.size)[0])
        labelled = sample.visible > 0
        xy_crop = apply(matrix, np.where(labelled[:, None], sample.xy_px, 0).astype(np.float64))
        return {
            "index": int(index),
            "crop": torch.from_numpy(np.rint(crop * np.float32(255)).astype(np.uint8)),
            "xy_crop": torch.from_numpy(np.where(labelled[:, None], xy_crop, 0).astype(np.float32)),
            "visible": torch.from_numpy(sample.visible.astype(np.uint8)),
            "crop_from_image": torch.from_numpy(matrix),
            "box_side_px": float(max(sample.box_xywh[2:])),
        }


class OriginalCropCache(CropCache, _StretchedCrops):
    """`CropCache` of crops as the published code makes them: contrast-stretched, corners at whole pixels, no margin.

    Args:
        dataset: any data set with boxes.
        size: S, px.
        limit_bytes: most memory to use; if all crops need more, none is cached.
    """

    def __init__(self, dataset: PoseDataset, size: int, limit_bytes: int):
        super().__init__(dataset, size, 1.0, limit_bytes)


def box_matrix(known: OriginalAnnotation, size: int) -> np.ndarray:
    """(2, 3) float64 crop_from_image of an annotation's box, for crops of `size` px."""
    side = BOX_UNIT_PX * float(known.scale)
    left, top = (np.asarray(known.center, np.float64) - side / 2).tolist()
    return crop_matrix(np.array([left, top, side]), size)


class _Crops(PoseDataset):
    """Base class of data sets whose pictures are crops of another set."""

    def __init__(self, crops: CropCache):
        self.crops = crops
        self.skeleton, self.ids, self.shots = crops.dataset.skeleton, crops.dataset.ids, crops.dataset.shots

    def describe(self) -> dict[str, Any]:
        """Facts of the other set, and the side of the crops."""
        return {**self.crops.dataset.describe(), "crop_px": self.crops.size}


class LabelledCrops(_Crops):
    """Crops of any target with pseudo-labels in their pixels, as of the published `real_animal_crop`.

    As in the published files, crops are decoded from JPEG of quality 75, and labels are rounded to float16.

    Args:
        crops: of the target.
    """

    crop_factor = 1.0

    def __init__(self, crops: OriginalCropCache):
        super().__init__(crops)
        self.side = crops.side
        k = len(self.skeleton)
        self.xy_px, self.weight = np.zeros((len(self), k, 2), np.float32), np.zeros((len(self), k), np.float32)

    def __getitem__(self, index: int) -> PoseSample:
        item = self.crops[index]
        side = self.side
        xy_crop = restore_crop_px(
            apply(item["crop_from_image"].numpy(), np.nan_to_num(self.xy_px[index]).astype(np.float64))
        )
        pts = np.concatenate([xy_crop, self.weight[index][:, None]], 1).astype(np.float32)
        middle = np.full(2, side / 2, np.float32)
        known = OriginalAnnotation(pts, middle, side / BOX_UNIT_PX, offset=0, weight_in_tpts=True)
        visible = np.where(self.weight[index] > 0, 2, 0).astype(np.uint8)
        box = np.array([0, 0, side, side], np.float32)
        return PoseSample(
            through_jpeg(item["crop"].numpy()), pts[:, :2], visible, box, {"id": self.ids[index], "published": known}
        )


class SourcePictures(_Crops):
    """Animals with their surroundings as pictures of 384 px, for the strong recipe, which works on whole pictures.

    Published renderings fill 640 x 480 px with one animal. In other pictures the animal may be small, or far from the middle, about
    which the recipe turns and scales; noise and blur are in pixels. So pictures are cut and scaled to this size first.

    Args:
        dataset: labelled.
        limit_bytes: most memory to use; if all crops need more, none is cached.
    """

    def __init__(self, dataset: PoseDataset, limit_bytes: int):
        super().__init__(CropCache(dataset, PICTURE_PX, SURROUNDINGS, limit_bytes))
        self.crop_factor, self.labels = dataset.crop_factor, dataset.labels

    def __getitem__(self, index: int) -> PoseSample:
        item = self.crops[index]
        side = PICTURE_PX / SURROUNDINGS / self.crop_factor
        corner = PICTURE_PX / 2 - side / 2
        image = np.ascontiguousarray(item["crop"].numpy().transpose(1, 2, 0))
        box = np.array([corner, corner, side, side], np.float32)
        return PoseSample(image, item["xy_crop"].numpy(), item["visible"].numpy(), box, {"id": self.ids[index]})


def through_jpeg(crop: np.ndarray) -> np.ndarray:
    """Writes a (3, S, S) uint8 crop as JPEG and reads it again, (S, S, 3) uint8: published target crops are such files."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(crop.transpose(1, 2, 0))).save(buffer, "JPEG", quality=JPEG_QUALITY)
    with Image.open(buffer) as picture:
        return np.array(picture.convert("RGB"))


def restore_crop_px(xy_crop: np.ndarray) -> np.ndarray:
    """Removes the rounding noise of crop pixels that were mapped to picture pixels in float32 and back: the steps are those of
    float16.

    The published loader cuts to whole cells: 1e-5 px below a whole number would be another cell.
    """
    restored: np.ndarray = (
        (np.round(np.asarray(xy_crop, np.float64) * 2**13) / 2**13).astype(np.float16).astype(np.float32)
    )
    return restored
