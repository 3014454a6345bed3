"""Augmented crops of people in the published frames, cut from the whole picture.

A turned or larger window has no black corners inside the picture.
"""

from __future__ import annotations

import copy
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from ..errors import OptionError
from ..pose import person_frames as frames
from ..pose.geometry import apply, compose
from ..pose.input_spec import InputSpec
from ..pose.person_augment import PersonAugmentation, PersonDraw, draw_person, mirror_joints, place, upper_body
from ..progress import log
from .person_boxes import frame_box
from .sample import PoseDataset, PoseSample


class PersonCrops(Dataset[dict[str, Any]]):
    """Crops of the people, or animals, of a data set, each augmented with other draws.

    An item is a dict: index (int), crop (3, H, W) uint8 RGB, xy_crop (K, 2) float32 in crop px (0 where not labelled), visible
    (K,) uint8, crop_from_image (2, 3) float64, gain (3,) float32. Draws depend on seed, stream, epoch and index alone: they
    are the same with any number of workers or ranks, and in a run that was resumed.

    Args:
        dataset: what to cut from.
        spec: frame, size and padding of the crops; without a padding, the data set's crop_factor is used.
        augmentation: ranges of the draws.
        seed: of the run.
        stream: number of the data set in the run, so that two data sets get different draws.

    Raises:
        OptionError: `spec` is in none of the published frames.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        spec: InputSpec,
        augmentation: PersonAugmentation,
        seed: int = 0,
        stream: int = 0,
    ):
        if spec.kind not in frames.FRAMES:
            raise OptionError(
                f"an input form out of {', '.join(frames.FRAMES)} for crops of people",
                repr(spec.kind),
                "--recipe NAME, or another --augment",
            )
        self.dataset, self.spec, self.augmentation = dataset, spec, augmentation
        self.seed, self.stream, self.epoch = seed, stream, 0
        self._upper = upper_body(dataset.skeleton, augmentation.half_body_hips)
        if self._upper is None and augmentation.half_body:
            log.info("half bodies are left out: %s has no shoulders, hips and ankles", dataset.skeleton.name)

    def __len__(self) -> int:
        return len(self.dataset)

    def of_epoch(self, epoch: int) -> PersonCrops:
        """The same crops with the draws of an epoch."""
        other = copy.copy(self)
        other.epoch = epoch
        return other

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Raises PictureError where the picture cannot be read; wrap in `SafeDataset` to get a `Fault` instead."""
        index = int(index)
        # the 1 at the end separates these draws from those of shorter keys, which NumPy extends by zeros
        rng = np.random.default_rng([self.seed, self.stream, self.epoch, index, 1])
        return self.item(index, draw_person(self.augmentation, rng))

    def item(self, index: int, draw: PersonDraw | None = None) -> dict[str, Any]:
        """The item with given draws; None does not augment."""
        augmentation = PersonAugmentation(fill=self.augmentation.fill) if draw is None else self.augmentation
        sample = self.dataset[index]
        padding = self.spec.padding or self.dataset.crop_factor
        cut = cut_person(
            sample,
            self.spec.kind,
            self.spec.size_hw,
            padding,
            flip_order=self.dataset.skeleton.flip_order,
            upper=self._upper,
            augmentation=augmentation,
            draw=draw or PersonDraw(),
        )
        return {"index": index, **cut}


def cut_person(
    sample: PoseSample,
    frame: str,
    size_hw: tuple[int, int],
    padding: float | tuple[float, float],
    *,
    flip_order: np.ndarray,
    upper: np.ndarray | None,
    augmentation: PersonAugmentation,
    draw: PersonDraw,
) -> dict[str, Any]:
    """Crop and joints of one sample, as of `PersonCrops`. Mirror, window and turn are one matrix: the picture is sampled once."""
    height, width = sample.image.shape[:2]
    size_wh = size_hw[::-1]
    window = place(
        frame_box(sample, frame),
        sample.xy_px,
        sample.visible,
        frame,
        size_wh[0] / size_wh[1],
        padding,
        width,
        upper,
        augmentation,
        draw,
    )
    matrix = frames.crop_matrix(frame, window.centre, window.scale, window.angle_deg, size_wh)
    xy, visible = sample.xy_px.astype(np.float64), sample.visible
    crop_from_image = matrix
    if window.flip:
        xy, visible = mirror_joints(xy, visible, width, flip_order)
        crop_from_image = compose(matrix, frames.mirror_matrix(width))
    crop = cv2.warpAffine(
        sample.image,
        crop_from_image,
        size_wh,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=augmentation.fill,
    )
    known = (visible > 0)[:, None]
    xy_crop = np.where(known, apply(matrix, np.where(known, xy, 0)), 0)
    return {
        "crop": torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))),
        "xy_crop": torch.from_numpy(xy_crop.astype(np.float32)),
        "visible": torch.from_numpy(visible.astype(np.uint8)),
        "crop_from_image": torch.from_numpy(crop_from_image),
        "gain": torch.tensor([1 + augmentation.gain * g for g in draw.gain], dtype=torch.float32),
    }
