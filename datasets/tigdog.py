"""TigDog (behaviorDiscovery2.0): horses and tigers in videos, as the published CC-SSL code reads them.

Source: L. Del Pero et al., "Behavior discovery and alignment of articulated object classes from unstructured video",
IJCV 2017; splits and filter of J. Mu et al., "Learning from Synthetic Animals", CVPR 2020. Licence: none stated; research only.
Pictures: frames of videos, with at least 10 visible joints. Joints: 18, `TIGDOG18`; the 19th of the files (neck) is left out.
Split by shot: horse 8380 / 1772, tiger 6523 / 1765 frames.
Tree below ROOT (the animal_data folder)::

    behaviorDiscovery2.0/<animal>/<frame, 8 digits>.jpg
    behaviorDiscovery2.0/ranges/<animal>/ranges.mat         ranges: N x 3, shot, first frame, last frame (inclusive)
    behaviorDiscovery2.0/landmarks/<animal>/<shot>.mat      landmarks: a cell a frame; shots without such a file are left out
    real_animal_crop/real_<animal>_crop/crop_<frame>.jpg    for RealAnimalCrop only; `write_crops` writes them
    ../data/real_animal/<animal>/{train,valid}_idxs_by_video.npy, mean_by_video.pth.tar     published caches, optional
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ..errors import DataError
from ..pose.original.crop import image_to_chw, original_crop
from ..pose.original.geometry import original_box
from ..pose.skeleton import FROM_NAMES, TIGDOG18, TIGER_TO_MODEL
from .original_annotation import OriginalAnnotation
from .original_dataset import OriginalDataset
from .original_index import cached_split, check_options
from .pictures import read_rgb
from .sample import PoseDataset, PoseSample
from .tigdog_index import ANIMALS, MIN_VISIBLE, SPLIT_FILES, check_tree, how_to_get, read_index, split_of, tree_entries
from .tree import missing_tree

CROP_FACTOR = 1.5  # of the published code
CROP_SIDE = 256  # px, of the published code

_TIGER_FILE = replace(
    TIGDOG18,
    name="tigdog18_tiger_file",
    joints=tuple(TIGDOG18.joints[i] for i in TIGER_TO_MODEL),
    limbs=tuple((int(TIGER_TO_MODEL[a]), int(TIGER_TO_MODEL[b])) for a, b in TIGDOG18.limbs),
    partners=FROM_NAMES,
    groups={name: tuple(int(TIGER_TO_MODEL[i]) for i in joints) for name, joints in TIGDOG18.groups.items()},
)


class RealAnimal(OriginalDataset):
    """TigDog's whole pictures: the published real_animal and real_animal_sp. See the module for tree and source.

    Args:
        root: the animal_data folder.
        animal: horse or tiger.
        split: train, valid or all (every usable frame).
        original_order: leave a tiger's joints in the order of its files, as the published code does; otherwise they are in the
            order of `TIGDOG18`.
        seed: of the split, where none is published.

    Raises:
        DataError: when the tree is incomplete or the split is empty.
    """

    crop_factor = CROP_FACTOR
    mean_file = "real_animal/{animal}/mean_by_video.pth.tar"
    means: ClassVar[Mapping[str, tuple[float, float, float]]] = {
        "horse": (0.53194511, 0.51067859, 0.42060080),
        "tiger": (0.42484415, 0.38660139, 0.25931051),
    }

    def __init__(
        self,
        root: str | Path,
        animal: str = "horse",
        split: str = "train",
        *,
        original_order: bool = False,
        seed: int = 0,
    ):
        check_options(animal, ANIMALS, split)
        self.root, self.animal, self.split = Path(root), animal, split
        self.folder = self.root / "behaviorDiscovery2.0"
        check_tree(self.root, animal)
        self.index = read_index(self.folder, animal)
        parts = split_of(self.index, self.root, animal, seed)
        self.split_rule = parts.rule
        self.items = parts.part(split, self.index.usable)
        if not len(self.items):
            raise DataError(
                f"frames in the {split!r} split of TigDog, {animal}",
                f"none: {len(self.index.usable)} of {len(self.index.frame)} frames have {MIN_VISIBLE} visible joints, "
                f"in {len(np.unique(self.index.shot[self.index.usable]))} shots; split by {parts.rule}",
                "use the split 'all', or data with more shots",
            )
        order = TIGER_TO_MODEL if animal == "tiger" and not original_order else np.arange(len(TIGDOG18))
        self.skeleton = _TIGER_FILE if animal == "tiger" and original_order else TIGDOG18
        self._xy_px = self.index.xy_px[self.items][:, order]
        self._seen = self.index.visible[self.items][:, order]
        self.ids = [f"{animal}/{frame:08d}" for frame in self.index.frame[self.items]]
        self.shots = [f"{animal}/{shot}" for shot in self.index.shot[self.items]]
        # coordinates without the flag: labelled, but hidden
        labelled = (self._xy_px > 0).all(-1)
        visible = np.where(self._seen > 0, 2, np.where(labelled, 1, 0)).astype(np.uint8)
        self._joints = self._xy_px.astype(np.float32), visible
        self.labels = self._joints
        self.mean = self.mean_of(self.root, animal)

    @staticmethod
    def joint_order(animal: str) -> np.ndarray | None:
        """See `OriginalDataset.joint_order`: networks of tigers have the order of their files."""
        return TIGER_TO_MODEL if animal == "tiger" else None

    def path(self, index: int) -> Path:
        """The picture's file."""
        return self.folder / self.animal / f"{self.index.frame[self.items[index]]:08d}.jpg"

    def __getitem__(self, index: int) -> PoseSample:
        item = self.items[index]
        meta = {
            "id": self.ids[index],
            "path": str(self.path(index)),
            "shot": self.shots[index],
            "frame_in_shot": int(self.index.frame_in_shot[item]),
            "list_index": int(item),
        }
        xy, visible = self._joints[0][index].copy(), self._joints[1][index].copy()
        return PoseSample(read_rgb(self.path(index), turn=False), xy, visible, _tight_box(self._xy_px[index]), meta)

    def original_annotation(self, index: int) -> OriginalAnnotation:
        """As the published loaders have it: hidden joints carry weight 0 and are drawn all the same."""
        center, scale = original_box(self._xy_px[index], CROP_FACTOR)
        pts = np.concatenate([self._xy_px[index], self._seen[index][:, None]], 1).astype(np.float32)
        return OriginalAnnotation(pts, center, scale)

    def describe(self) -> Mapping[str, Any]:
        return {
            "name": "real_animal",
            "animal": self.animal,
            "split": self.split,
            "items": len(self),
            "shots": len(set(self.shots)),
            "joints": len(self.skeleton),
            "joint_order": self.skeleton.name,
            "split_rule": self.split_rule,
            "root": str(self.root),
        }


class RealAnimalCrop(PoseDataset):
    """TigDog's cropped copy, 256 x 256: the target pictures of published CC-SSL. See the module for tree and source.

    The set has no labels but the pseudo-labels given.

    Args:
        root: the animal_data folder.
        animal: horse or tiger.
        split: train, valid or all.
        pseudo_labels: position in this split -> (18, 3) x, y in pixels of the crop and flag; None: a set without labels.
        seed: of the split, where none is published.

    Raises:
        DataError: the crops, or the files that their split is read from, are missing.
    """

    crop_factor = 1.0
    skeleton = TIGDOG18
    has_original_annotations = True

    def __init__(
        self,
        root: str | Path,
        animal: str = "horse",
        split: str = "train",
        *,
        pseudo_labels: Mapping[int, np.ndarray] | None = None,
        seed: int = 0,
    ):
        check_options(animal, ANIMALS, split)
        self.root, self.animal, self.split = Path(root), animal, split
        self.folder = crop_folder(self.root, animal)
        self._choose(split, seed)
        self.ids = [f"{animal}/crop/{path.stem.removeprefix('crop_')}" for path in self.paths]
        if pseudo_labels is not None:
            table = np.zeros((len(self), len(TIGDOG18), 3), np.float32)
            for position, label in pseudo_labels.items():
                table[position] = label
            self.labels = (table[..., :2].copy(), np.where(table[..., 2] > 0, 2, 0).astype(np.uint8))
            self._table = table

    def _choose(self, split: str, seed: int) -> None:
        """Sets paths, shots and split_rule from TigDog's index, or without it from the cached split."""
        crops = sorted(self.folder.glob("crop_*.jpg")) if self.folder.is_dir() else []
        entry = (f"real_animal_crop/real_{self.animal}_crop/crop_<frame, 8 digits>.jpg", bool(crops))
        remedy = f"with TigDog in place: zoopose.datasets.tigdog.write_crops({str(self.root)!r}, {self.animal!r})"
        if not crops:
            raise missing_tree(f"cropped copy of TigDog, {self.animal},", self.root, [entry], remedy)
        if all(there for _, there in tree_entries(self.root, self.animal)):
            index = read_index(self.root / "behaviorDiscovery2.0", self.animal)
            parts = split_of(index, self.root, self.animal, seed)
            items = parts.part(split, index.usable)
            self.paths = [self.folder / f"crop_{index.frame[i]:08d}.jpg" for i in items]
            self.shots = [f"{self.animal}/{index.shot[i]}" for i in items]
            self.split_rule = parts.rule
            return
        # the published code has only these files; positions then count all listed frames
        cached, why_not = cached_split(self.root, f"real_animal/{self.animal}", SPLIT_FILES, np.arange(len(crops)))
        if cached is None:
            entries: list[tuple[str, bool | None]] = [entry, *tree_entries(self.root, self.animal)]
            entries += [(f"../data/real_animal/{self.animal}/{name}", False) for name in SPLIT_FILES]
            remedy = f"{how_to_get(self.root)}\n(or put the cached split there{': ' + why_not if why_not else ''})"
            raise missing_tree(f"what tells the split of TigDog's crops, {self.animal},", self.root, entries, remedy)
        everything = np.sort(np.concatenate([cached.train, cached.valid]))
        self.paths = [crops[i] for i in cached.part(split, everything)]
        self.shots = [""] * len(self.paths)
        self.split_rule = cached.rule

    def __getitem__(self, index: int) -> PoseSample:
        path = self.paths[index]
        image = read_rgb(path, turn=False)
        if image.shape[:2] != (CROP_SIDE, CROP_SIDE):
            raise DataError(f"a crop of {CROP_SIDE} x {CROP_SIDE} pixels", f"{path} has {image.shape[:2]}")
        joints = len(TIGDOG18)
        xy, visible = np.zeros((joints, 2), np.float32), np.zeros(joints, np.uint8)
        if self.labels is not None:
            xy, visible = self.labels[0][index].copy(), self.labels[1][index].copy()
        box = np.array([0, 0, CROP_SIDE, CROP_SIDE], np.float32)
        meta = {"id": self.ids[index], "path": str(path), "shot": self.shots[index]}
        return PoseSample(image, xy, visible, box, meta)

    def original_annotation(self, index: int) -> OriginalAnnotation:
        """As the published loader has it: labels in float16 (steps of 1/8 pixel), the whole crop as box."""
        pts = np.zeros((len(TIGDOG18), 3), np.float32) if self.labels is None else self._table[index]
        middle = np.full(2, CROP_SIDE / 2, np.float32)
        pts = pts.astype(np.float16).astype(np.float32)
        return OriginalAnnotation(pts, middle, CROP_SIDE / 200, offset=0, weight_in_tpts=True)

    def describe(self) -> Mapping[str, Any]:
        return {
            "name": "real_animal_crop",
            "animal": self.animal,
            "split": self.split,
            "items": len(self),
            "shots": len(set(self.shots) - {""}),
            "joints": len(self.skeleton),
            "split_rule": self.split_rule,
            "root": str(self.root),
        }


def crop_folder(root: Path, animal: str) -> Path:
    """Folder of the cropped copy."""
    return Path(root) / "real_animal_crop" / f"real_{animal}_crop"


def write_crops(root: str | Path, animal: str, target: Path | None = None) -> Path:
    """Writes TigDog's cropped copy: every listed frame, cropped where it passes the filter, else whole.

    The files equal those of the published script: crops are contrast-stretched, values cut to whole grey levels, JPEG of quality
    75.

    Args:
        root: the animal_data folder, with the whole TigDog tree.
        animal: horse or tiger.
        target: folder to write to; default `crop_folder(root, animal)`.

    Returns:
        The folder.
    """
    check_options(animal, ANIMALS, "all")
    root = Path(root)
    check_tree(root, animal)
    folder = root / "behaviorDiscovery2.0"
    index = read_index(folder, animal)
    target = crop_folder(root, animal) if target is None else Path(target)
    target.mkdir(parents=True, exist_ok=True)
    usable = set(index.usable.tolist())
    for item, frame in enumerate(index.frame):
        image = image_to_chw(read_rgb(folder / animal / f"{frame:08d}.jpg", turn=False))
        if item in usable:
            center, scale = original_box(index.xy_px[item], CROP_FACTOR)
            image = original_crop(image, center, scale, (CROP_SIDE, CROP_SIDE))
        grey = (image * np.float32(255)).astype(np.uint8)
        Image.fromarray(np.moveaxis(grey, 0, -1)).save(target / f"crop_{frame:08d}.jpg", quality=75)
    return target


def _tight_box(xy_px: np.ndarray) -> np.ndarray:
    """(4,) float32 x, y, width, height about the coordinates above 0."""
    box = np.zeros(4)
    for axis, column in enumerate(xy_px.T):
        column = column[column > 0]
        if column.size:
            box[axis], box[2 + axis] = column.min(), column.max() - column.min()
    return box.astype(np.float32)
