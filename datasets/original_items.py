"""The published training and evaluation items of any data set: crop, target maps and `meta`.

Source: as `pose.original.geometry`. For the published sets (`tigdog`, `synthetic_animal`) the numbers are those of the
published loaders; any other set gets the same crop and targets from its boxes and labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ..errors import OptionError
from ..pose.original import augment as recipes
from ..pose.original.crop import color_normalize, image_to_chw, original_crop
from ..pose.original.geometry import BOX_UNIT_PX, original_transform
from ..pose.original.heatmap import LABEL_TYPES, draw_labelmaps
from .original_annotation import OriginalAnnotation
from .sample import PoseDataset, PoseSample

AUGMENT = ("none", "standard", "strong")
Draw = recipes.StandardDraw | recipes.StrongDraw


Item = tuple[torch.Tensor, torch.Tensor, dict[str, Any]]


class OriginalItems(Dataset[Item]):
    """Published items of a data set: (inp, target, meta).

    inp (3, inp_res, inp_res) float32 contrast-stretched crop less the mean; target (K, out_res, out_res) float32;
    meta with index, center (2,), scale, pts (K, 3) in picture pixels, tpts (K, 3) 1-based in the map, target_weight
    (K, 1). Draws depend on seed, stream, epoch and index alone, whatever the number of workers.

    The published loaders: real_animal and synthetic_animal are augment="standard"; real_animal_sp and
    synthetic_animal_sp are "strong" with weight_in_tpts=True, real_animal_sp with the mean of the rendered pictures
    (`SyntheticAnimal.mean_of`); the source loader of CC-SSL is "strong" without flip, its cropped targets are
    "standard".

    Args:
        dataset: any data set with boxes.
        inp_res, out_res: sides of crop and map.
        sigma: of the peaks, in cells.
        scale_factor, rot_factor: of the standard recipe.
        label_type: Gaussian or Cauchy.
        flip: mirror half of the items (not with augment="none").
        augment: none, standard or strong, see `pose.original.augment`.
        mean: (3,) RGB to subtract; default: `mean` of the data set.
        weight_in_tpts: put the final weight into the third column of tpts; default: as `OriginalAnnotation` says.
        seed: of the draws.
        stream: number of the data set in the run, so that two data sets get different draws.

    Raises:
        OptionError: an unknown recipe or label type, or no mean.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        *,
        inp_res: int = 256,
        out_res: int = 64,
        sigma: float = 1,
        scale_factor: float = 0.25,
        rot_factor: float = 30.0,
        label_type: str = "Gaussian",
        flip: bool = True,
        augment: str = "none",
        mean: Sequence[float] | np.ndarray | None = None,
        weight_in_tpts: bool | None = None,
        seed: int = 0,
        stream: int = 0,
    ):
        if augment not in AUGMENT:
            raise OptionError(f"an augmentation out of {', '.join(AUGMENT)}", repr(augment))
        if label_type not in LABEL_TYPES:
            raise OptionError(f"a label type out of {', '.join(LABEL_TYPES)}", repr(label_type))
        mean = dataset.mean if mean is None else mean
        if mean is None:
            raise OptionError("mean=(r, g, b) in 0..1", "a data set without a published mean", "give the mean")
        self.dataset, self.inp_res, self.out_res, self.sigma = dataset, inp_res, out_res, sigma
        self.scale_factor, self.rot_factor, self.label_type, self.flip = scale_factor, rot_factor, label_type, flip
        self.augment, self.weight_in_tpts = augment, weight_in_tpts
        self.seed, self.stream = seed, stream
        self.mean = np.asarray(mean, np.float32)
        # in shared memory, so that workers that live on see the next epoch
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]  # torch has no types for it

    def __len__(self) -> int:
        return len(self.dataset)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the draws of an epoch; to be called before it begins."""
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> Item:
        rng = np.random.default_rng([self.seed, int(self._epoch), index, *([self.stream] if self.stream else [])])
        if self.augment == "standard":
            return self.item(index, recipes.draw_standard(rng))
        return self.item(index, recipes.draw_strong(rng) if self.augment == "strong" else None)

    def item(self, index: int, draw: Draw | None = None) -> Item:
        """The item with given draws; None does not augment. The type of the draw chooses the recipe."""
        sample = self.dataset[index]
        annotation = annotation_of(self.dataset, index, sample)
        item = self._augmented(sample.image, annotation, draw)
        crop = original_crop(item.image, item.center, item.scale, (self.inp_res, self.inp_res), item.rot_deg)
        target, tpts, weight = self._target(item, annotation.offset)
        in_tpts = annotation.weight_in_tpts if self.weight_in_tpts is None else self.weight_in_tpts
        if in_tpts:
            tpts[:, 2] = weight
        meta = {
            "index": index,
            "center": torch.from_numpy(item.center),
            "scale": float(item.scale),
            "pts": torch.from_numpy(item.pts),
            "tpts": torch.from_numpy(tpts),
            "target_weight": torch.from_numpy(weight[:, None]),
        }
        return torch.from_numpy(color_normalize(crop, self.mean)), torch.from_numpy(target), meta

    def _augmented(self, image: np.ndarray, annotation: OriginalAnnotation, draw: Draw | None) -> recipes.Augmented:
        flip_order = self.dataset.skeleton.flip_order
        picture_wh = annotation.picture_wh
        pts = annotation.pts.copy()
        if isinstance(draw, recipes.StrongDraw):
            image, pts = recipes.strong(image, pts, draw)
            picture_wh = picture_wh or (image.shape[1], image.shape[0])
        if picture_wh:
            outside = ((pts[:, :2] < 0) | (pts[:, :2] > picture_wh)).any(1)
            pts[outside] = 0
        item = recipes.Augmented(image_to_chw(image), pts, annotation.center.copy(), annotation.scale)
        if isinstance(draw, recipes.StandardDraw):
            return recipes.standard(item, draw, self.scale_factor, self.rot_factor, self.flip, flip_order)
        if isinstance(draw, recipes.StrongDraw) and self.flip and draw.u_flip <= 0.5:
            return recipes.mirrored(item, flip_order)
        return item

    def _target(self, item: recipes.Augmented, offset: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Maps (K, h, w), joints in the map (K, 3) and weights (K,). Joints with y above 0 are drawn, hidden or not."""
        size = (self.out_res, self.out_res)
        tpts = item.pts.copy()
        active = tpts[:, 1] > 0
        moved = original_transform(tpts[:, :2] + np.float32(offset), item.center, item.scale, size, item.rot_deg)
        tpts[active, :2] = moved[active]
        maps, flags = draw_labelmaps(tpts[:, :2] - 1, size, self.sigma, self.label_type, active)
        return maps, tpts, np.where(active, item.pts[:, 2] * flags, item.pts[:, 2]).astype(np.float32)


def annotation_of(dataset: PoseDataset, index: int, sample: PoseSample) -> OriginalAnnotation:
    """What a published loader would know of an item: from the sample or the data set, else computed from box and labels.

    In sets that the published code does not know, a labelled joint has weight 1, hidden or not.
    """
    known: OriginalAnnotation | None = sample.meta.get("published")
    annotation = dataset.original_annotation(index) if known is None else known
    if annotation is not None:
        return annotation
    labelled = sample.visible > 0
    pts = np.where(labelled[:, None], np.concatenate([sample.xy_px, labelled[:, None]], 1), 0).astype(np.float32)
    box = np.asarray(sample.box_xywh, np.float64)
    scale = float(max(box[2], box[3]) / BOX_UNIT_PX * dataset.crop_factor)
    return OriginalAnnotation(pts, (box[:2] + box[2:] / 2).astype(np.float32), scale)
