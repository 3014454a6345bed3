"""Crops around the animals as uint8 tensors of one size, cached between epochs so that pictures are decoded once."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from ..errors import DataError
from ..pose import geometry
from .pictures import Fault
from .sample import IGNORED, PoseDataset, PoseSample

LET_GO_BYTES = (
    256 << 20
)  # bytes of a mapped file that may stay in memory; chosen: little compared with a worker process


def crop_image(image: np.ndarray, left_top_width: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resamples a rectangle of a picture to a crop of its shape, black where it leaves the picture.

    Args:
        image: (H, W, C) uint8.
        left_top_width: (3,) the rectangle in pixel edges, see `geometry.square_box` and `geometry.aspect_box`.
        size: side of the crop in px, or its rows and columns S, T.

    Returns:
        (S, T, C) uint8, exactly in the frame of `geometry.crop_matrix(left_top_width, size)`.
    """
    left, top, width = (float(v) for v in left_top_width)
    rows, columns = geometry.hw_of(size)
    matrix = geometry.crop_matrix(np.array([left, top, width]), size)
    step = int(width / columns)
    if step >= 2:
        # bilinear sampling skips pixels when shrinking by more than 2: average whole blocks of pixels first
        image, corner = _block_means(image, left, top, width, width * rows / columns, step)
        blocks = (np.array([left, top, width]) - [*corner, 0]) / step
        matrix = geometry.crop_matrix(blocks, size)
    size_wh = columns, rows
    return cv2.warpAffine(image, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _block_means(
    image: np.ndarray, left: float, top: float, width: float, height: float, step: int
) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of a picture below a rectangle, step x step pixels averaged into one, and its corner in picture px."""
    h, w = image.shape[:2]
    x0, y0 = max(0, int(np.floor(left)) - step), max(0, int(np.floor(top)) - step)
    x1, y1 = min(w, int(np.ceil(left + width)) + step), min(h, int(np.ceil(top + height)) + step)
    part = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    if part.size == 0:
        return np.zeros((1, 1, *image.shape[2:]), np.uint8), (x0, y0)
    below, right = -part.shape[0] % step, -part.shape[1] % step
    # the last blocks may leave the picture; the padding repeats its border so that they are not darkened
    part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size_wh = part.shape[1] // step, part.shape[0] // step
    return cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA), (x0, y0)


def crop_sample(
    sample: PoseSample, index: int, crop_factor: float, size: int | tuple[int, int], margin: float
) -> dict[str, Any]:
    """One item of `CropDataset` from one sample; see there for the keys."""
    rectangle = geometry.aspect_box(sample.box_xywh, crop_factor * margin, geometry.hw_of(size))
    matrix = geometry.crop_matrix(rectangle, size)
    known = sample.visible > 0
    xy_crop = geometry.apply(matrix, np.where(known[:, None], sample.xy_px, 0).astype(np.float64))
    crop = crop_image(sample.image, rectangle, size)
    parts = {} if sample.parts is None else {"parts": torch.from_numpy(crop_parts(sample.parts, matrix, size))}
    return {
        **parts,
        "index": index,
        "crop": torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))),
        "xy_crop": torch.from_numpy(np.where(known[:, None], xy_crop, 0).astype(np.float32)),
        "visible": torch.from_numpy(sample.visible.astype(np.uint8)),
        "crop_from_image": torch.from_numpy(matrix),
        "box_side_px": float(max(sample.box_xywh[2:])),
    }


def crop_parts(parts: np.ndarray, crop_from_image: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """(S, T) uint8 crop of a part map (H, W), nearest pixel; `IGNORED` where the crop leaves the picture."""
    rows, columns = geometry.hw_of(size)
    size_wh = columns, rows
    nearest, constant = cv2.INTER_NEAREST, cv2.BORDER_CONSTANT
    return cv2.warpAffine(parts, crop_from_image, size_wh, flags=nearest, borderMode=constant, borderValue=(IGNORED,))


class CropDataset(Dataset[dict[str, Any]]):
    """Crops of one size around the animals of a data set.

    An item is a dict: index (int), crop (3, S, T) uint8, xy_crop (K, 2) float32 in crop px (0 where not labelled),
    visible (K,) uint8, crop_from_image (2, 3) float64, box_side_px (float, longer side of the animal's box); of a set with part
    maps also parts (S, T) uint8.

    Args:
        dataset: what to cut from.
        size: side of the crop in px, or its rows and columns S, T.
        margin: the crop is crop_factor x margin times the smallest rectangle of its shape about the box; more than 1 leaves
            room for turning and shifting without black corners.
    """

    def __init__(self, dataset: PoseDataset, size: int | tuple[int, int], margin: float = 1.0):
        self.dataset, self.size, self.margin = dataset, size, margin

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Raises PictureError where the picture cannot be read; wrap in `SafeDataset` to get a `Fault` instead."""
        return crop_sample(self.dataset[index], int(index), self.dataset.crop_factor, self.size, self.margin)

    @property
    def side(self) -> int:
        """Side of square crops, px; crops of another shape have none."""
        assert isinstance(self.size, int)
        return self.size


class CropCache(CropDataset):
    """`CropDataset` that caches every crop, shared by the worker processes forked from this one.

    The crops are in memory where all fit in `limit_bytes`, else in an unnamed file in `folder` that ends with the process; without
    a folder nothing is cached. `place` says which: "memory", "file" or "nowhere". The file is mapped. Its pages are given back to
    the system from time to time, so that the process stays small, however large the file is.

    Args:
        dataset, size, margin: as in `CropDataset`.
        limit_bytes: most memory to use.
        folder: where the file may lie.

    Raises:
        DataError: `folder` has no room for the crops.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        size: int | tuple[int, int],
        margin: float,
        limit_bytes: int,
        folder: Path | None = None,
    ):
        super().__init__(dataset, size, margin)
        self.limit_bytes, self.folder = limit_bytes, folder
        self._open()

    def _open(self) -> None:
        k = len(self.dataset.skeleton)
        parts = [("parts", "u1", geometry.hw_of(self.size))] if self.dataset.parts else []
        record = np.dtype(
            [
                ("crop", "u1", (3, *geometry.hw_of(self.size))),
                ("visible", "u1", (k,)),
                ("xy_crop", "f4", (k, 2)),
                ("crop_from_image", "f8", (2, 3)),
                ("box_side_px", "f8"),
                *parts,
            ]
        )
        self._arrays = [name for name in record.names or () if name != "box_side_px"]
        need = record.itemsize * len(self.dataset)
        self._records: np.ndarray | None = None
        self._map: mmap.mmap | None = None
        self._touched = 0
        # not a part of the records, so that counting does not read the file; shared with forked workers as they are
        self._filled = np.frombuffer(mmap.mmap(-1, max(len(self.dataset), 1)), np.uint8)
        if need == 0:
            self.place = "nowhere"
        elif need <= self.limit_bytes:
            # shared anonymous memory: what a forked worker fills in, the next epoch's workers find
            self.place = "memory"
            self._records = np.frombuffer(mmap.mmap(-1, need), record)
        elif self.folder is not None:
            self.place = "file"
            self._map = _unnamed_file(Path(self.folder), need)
            self._records = np.frombuffer(self._map, record)
        else:
            self.place = "nowhere"

    def __getitem__(self, index: int) -> dict[str, Any]:
        if self._records is None:
            return super().__getitem__(index)
        index = int(index)
        row = self._records[index]
        self._let_go(self._records.itemsize)
        if self._filled[index]:
            cached = {key: torch.from_numpy(row[key].copy()) for key in self._arrays}
            return {"index": index, **cached, "box_side_px": float(row["box_side_px"])}
        item = super().__getitem__(index)
        for key in self._arrays:
            row[key] = item[key].numpy()
        row["box_side_px"] = item["box_side_px"]
        self._filled[index] = 1  # last, so that no other process takes a half-written record
        return item

    def filled(self) -> int:
        """Number of crops cached so far."""
        return 0 if self._records is None else int(self._filled.sum())

    def _let_go(self, more: int) -> None:
        """Counts bytes read and written; above `LET_GO_BYTES` gives their pages back to the system. The file still holds them."""
        self._touched += more
        if self._map is not None and self._touched > LET_GO_BYTES:
            self._touched = 0
            if hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)

    def __getstate__(self) -> dict[str, Any]:
        # a process that is spawned, not forked, starts with an empty cache
        return {k: v for k, v in self.__dict__.items() if k not in ("_records", "_map", "_filled")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def _unnamed_file(folder: Path, size: int) -> mmap.mmap:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    too_full = DataError(
        f"{size / 2**30:.1f} GiB of room for crops in {folder}",
        f"{free / 2**30:.1f} GiB free",
        "free some, name another folder, or do without the cache",
    )
    if free < size:
        raise too_full
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            os.posix_fallocate(
                file.fileno(), 0, size
            )  # a full disk is an error here, not a crash in the middle of a run
        except OSError as error:
            raise too_full from error
        return mmap.mmap(file.fileno(), size)


def collate(items: Sequence[dict[str, Any] | Fault]) -> dict[str, Any]:
    """A batch of `CropDataset` items, stacked, without the faulty ones.

    Returns:
        the items' keys with a leading batch axis, and `faults`: a list of `Fault`s, often empty. When every item is a fault, the
        only other key is `index`, empty. `FaultLog.take` reads such a batch.
    """
    faults = [item for item in items if isinstance(item, Fault)]
    whole = [item for item in items if not isinstance(item, Fault)]
    batch = default_collate(whole) if whole else {"index": torch.empty(0, dtype=torch.int64)}
    return {**batch, "faults": faults}
