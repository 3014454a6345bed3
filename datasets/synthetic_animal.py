"""Rendered animals of the CC-SSL paper.

Source: J. Mu et al., "Learning from Synthetic Animals", CVPR 2020. Licence of the pictures: none stated.
Pictures: 10,000 of each of five species, 640 x 480 px, on random backgrounds; half have the texture of the mesh, half a random one.
Joints: 18, `TIGDOG18`, read off mesh vertices; the elephant has 7 more along its trunk. Split: 8000 / 2000 pictures.
Tree below ROOT (the animal_data folder), <stem> = <n>_<mesh>_<animation>_<ratio>_<distance>_<azimuth>_<elevation>.png::

    synthetic_animal/<animal>_combineds5r5_texture/<stem>_img.png       640 x 480 RGB or RGBA
    synthetic_animal/<animal>_combineds5r5_texture/<stem>_kpts.npy      (3299, 3) x, y, visible of every mesh vertex
    synthetic_animal/<animal>_combineds5r5_texture/<stem>_partseg.png   uint8 0 to 9, see `PARTS`; 255 is ignored (multi-task only)
    ../data/synthetic_animal/<animal>_combineds5r5_texture/{train,valid}_idxs.npy, mean.pth.tar       published caches

The list of pictures is sorted as text (10_ before 9_); the numbers of the cached files count in that order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ..errors import DataError, OptionError
from ..pose.original.geometry import BOX_UNIT_PX
from ..pose.skeleton import FROM_NAMES, TIGDOG18
from .npy_file import map_npy
from .original_annotation import OriginalAnnotation
from .original_dataset import OriginalDataset
from .original_index import Split, cached_split, check_options, seeded_fifth
from .pictures import PictureError, read_rgb
from .sample import IGNORED, Labels, PartLabels, PoseSample
from .synthetic_vertices import VERTICES
from .tree import missing_tree

CROP_FACTOR = 1.25  # of the published code
FARTHEST_PX = 1e6  # of a vertex from the picture's corner; no picture is larger
SPLIT_FILES = ("train_idxs.npy", "valid_idxs.npy")

ANIMALS = tuple(VERTICES)


_TRUNK = tuple(range(len(TIGDOG18), len(VERTICES["elephant"])))
ELEPHANT25 = replace(
    TIGDOG18,
    name="elephant25",
    joints=(*TIGDOG18.joints, *(f"trunk_{i + 1}" for i in range(len(_TRUNK)))),
    limbs=(*TIGDOG18.limbs, *zip(_TRUNK[:-1], _TRUNK[1:])),
    partners=FROM_NAMES,
    groups={**TIGDOG18.groups, "trunk": _TRUNK},
)


# values of the part maps; 5-8 are limbs, whose sides change places in a mirrored picture
PARTS = PartLabels(
    ("background", "head", "eye", "ear", "torso", "left_front", "right_front", "left_back", "right_back", "tail"),
    (0, 1, 2, 3, 4, 6, 5, 8, 7, 9),
)


class SyntheticAnimal(OriginalDataset):
    """The rendered pictures: the published synthetic_animal and synthetic_animal_sp. The module's docstring has the tree.

    A hidden joint has flag 1, a joint outside the picture flag 0; the box is that of the mesh within the picture.
    `original_annotation` is what the published loaders read from the same files.

    Args:
        root: the animal_data folder.
        animal: horse, tiger, sheep, hound or elephant.
        split: train, valid or all.
        trunk: the elephant's 25 joints instead of the first 18.
        seed: of the split, where none is cached.
        with_parts: samples also have the map of body parts, for multi-task training.

    Raises:
        DataError: when the tree is incomplete.
        OptionError: for an unknown animal or split, or a trunk on another animal.
    """

    crop_factor = CROP_FACTOR
    mean_file = "synthetic_animal/{animal}_combineds5r5_texture/mean.pth.tar"
    means: ClassVar[Mapping[str, tuple[float, float, float]]] = {
        "horse": (0.40381086, 0.39560506, 0.39249438),
        "tiger": (0.39590910, 0.38611114, 0.38175091),
        "sheep": (0.40417725, 0.39766541, 0.39740929),
        "hound": (0.39987555, 0.39276773, 0.39144537),
        "elephant": (0.38935766, 0.38189653, 0.37754747),
    }

    def __init__(
        self,
        root: str | Path,
        animal: str = "horse",
        split: str = "train",
        *,
        trunk: bool = False,
        seed: int = 0,
        with_parts: bool = False,
    ):
        check_options(animal, ANIMALS, split)
        if trunk and animal != "elephant":
            raise OptionError("the animal elephant, which alone has a trunk", animal)
        self.root, self.animal, self.split = Path(root), animal, split
        self.folder = self.root / "synthetic_animal" / f"{animal}_combineds5r5_texture"
        self.skeleton = ELEPHANT25 if trunk else TIGDOG18
        self._rows = np.array(VERTICES[animal][: len(self.skeleton)])
        self.parts = PARTS if with_parts else None
        pictures = self._pictures()
        if with_parts:
            self._check_parts(pictures)
        parts = _split(self.root, self.folder.name, len(pictures), seed)
        self.split_rule = parts.rule
        self.items = parts.part(split, np.arange(len(pictures)))
        self.paths = [pictures[i] for i in self.items]
        self.ids = [f"{animal}/{_stem(path)}" for path in self.paths]
        self.shots = [""] * len(self.paths)
        self.picture_wh = _size(pictures[0])
        self._joints: Labels | None = None  # read when `labels` is first asked for: 10,000 files
        self.mean = self.mean_of(self.root, animal)

    def _pictures(self) -> list[Path]:
        """All pictures, sorted as text.

        Raises:
            DataError: pictures or their vertices are missing.
        """
        pictures = sorted(self.folder.glob("*img.png"), key=lambda path: path.name) if self.folder.is_dir() else []
        stems = {path.name.removesuffix("kpts.npy") for path in self.folder.glob("*kpts.npy")} if pictures else set()
        bare = [path for path in pictures if path.name.removesuffix("img.png") not in stems]
        if not pictures or bare:
            below = f"synthetic_animal/{self.folder.name}/"
            lacking = f" ({len(bare)} of {len(pictures)} missing, the first {_kpts(bare[0]).name})" if bare else ""
            entries: list[tuple[str, bool | None]] = [
                (below, self.folder.is_dir()),
                (f"{below}<stem>_img.png", bool(pictures)),
                (f"{below}<stem>_kpts.npy{lacking}", bool(stems) and not bare),
            ]
            raise missing_tree(
                f"synthetic animals, {self.animal},", self.root, entries, how_to_get(self.root, self.animal)
            )
        return pictures

    def _check_parts(self, pictures: list[Path]) -> None:
        bare = [path for path in pictures if not _parts(path).is_file()]
        if bare:
            raise DataError(
                "a part map <stem>_partseg.png for every picture, for multi-task training",
                f"{len(bare)} of {len(pictures)} missing in {self.folder}, the first {_parts(bare[0]).name}",
                "zoopose data make (its renderings have them), or --dataset synthetic_animal_sp to train on joints alone",
            )

    def __getitem__(self, index: int) -> PoseSample:
        path = self.paths[index]
        vertices = self._vertices(index)
        xy, visible = self._joints_of(vertices)
        meta = {"id": self.ids[index], "path": str(path), "list_index": int(self.items[index])}
        image = read_rgb(path, turn=False)
        parts = None if self.parts is None else _read_parts(_parts(path), image.shape[:2], len(self.parts.names))
        return PoseSample(image, xy, visible, self._box(vertices), meta, parts)

    @property
    def labels(self) -> Labels | None:
        """Joints of all items; the first access reads the joints' rows of every vertex file."""
        if self._joints is None:
            joints = [self._joints_of(self._vertices(i, whole=False), whole=False) for i in range(len(self))]
            self._joints = np.stack([xy for xy, _ in joints]), np.stack([visible for _, visible in joints])
        return self._joints

    @labels.setter
    def labels(self, labels: Labels | None) -> None:
        self._joints = labels

    def original_annotation(self, index: int) -> OriginalAnnotation:
        """As the published loaders have it: everything in float16 (steps of 1/4 pixel), hidden joints as visible ones.

        The box is that of all rows of the file, stray ones included, clipped to the picture.
        """
        rounded = self._vertices(index)[:, :2].astype(np.float16)
        low, high = rounded.min(0).astype(np.float64), rounded.max(0).astype(np.float64)
        low, high = np.clip(low, 0, self.picture_wh), np.clip(high, 0, self.picture_wh)
        scale = float((high - low).max() / BOX_UNIT_PX * CROP_FACTOR)
        pts = np.ones((len(self.skeleton), 3), np.float32)
        pts[:, :2] = rounded[self._rows]
        return OriginalAnnotation(pts, ((low + high) / 2).astype(np.float32), scale, picture_wh=self.picture_wh)

    def describe(self) -> Mapping[str, Any]:
        return {
            "name": "synthetic_animal",
            "animal": self.animal,
            "split": self.split,
            "items": len(self),
            "joints": len(self.skeleton),
            "split_rule": self.split_rule,
            "root": str(self.root),
            **({"parts": len(self.parts.names)} if self.parts else {}),
        }

    def _vertices(self, index: int, whole: bool = True) -> np.ndarray:
        """(V, 3) x, y, visible of all vertices, or (K, 3) of the joints alone, which reads little of the file."""
        path = _kpts(self.paths[index])
        try:
            vertices = map_npy(path)
            if vertices.ndim != 2 or vertices.shape[1] < 3 or len(vertices) <= self._rows.max():
                raise ValueError(f"shape {vertices.shape}")
            vertices = np.array(vertices if whole else vertices[self._rows])
            if not (np.abs(vertices[:, :2]) <= FARTHEST_PX).all():
                raise ValueError(f"vertices beyond {FARTHEST_PX:g} px")
        except (ValueError, OSError) as error:
            expected = f"an array of at least {self._rows.max() + 1} vertices x (x, y, visible)"
            raise DataError(expected, f"{path}: {error}", how_to_get(self.root, self.animal)) from error
        return vertices

    def _joints_of(self, vertices: np.ndarray, whole: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """(K, 2) float32 and (K,) uint8: 2 seen, 1 hidden, 0 outside the picture."""
        joints = vertices[self._rows] if whole else vertices
        xy = joints[:, :2].astype(np.float32)
        inside = ((xy >= 0) & (xy <= np.array(self.picture_wh) - 1)).all(1)
        return xy, np.where(inside, np.where(joints[:, 2] > 0, 2, 1), 0).astype(np.uint8)

    def _box(self, vertices: np.ndarray) -> np.ndarray:
        """(4,) float32 x, y, width, height of the mesh within the picture."""
        xy = vertices[:, :2]
        # meshes smaller than the horse's leave the end of the file filled with one stray point
        differs = np.flatnonzero((xy != xy[-1]).any(1))
        if differs.size and differs[-1] < len(xy) - 2:
            xy = xy[: differs[-1] + 1]
        limit = np.array(self.picture_wh) - 1
        low, high = np.clip(xy.min(0), 0, limit), np.clip(xy.max(0), 0, limit)
        return np.concatenate([low, high - low]).astype(np.float32)


def how_to_get(root: Path, animal: str) -> str:
    """What to type to get the pictures of one animal."""
    name = f"{animal}_combineds5r5_texture"
    return (
        f"curl -LO http://www.cs.jhu.edu/~qiuwch/animal/synthetic_animal/{name}.zip\n"
        f"mkdir -p {root}/synthetic_animal && unzip {name}.zip -d {root}/synthetic_animal\n"
        "(the link was reported dead in 2025; the authors may still be asked)"
    )


def _split(root: Path, name: str, count: int, seed: int) -> Split:
    cached, why_not = cached_split(root, f"synthetic_animal/{name}", SPLIT_FILES, np.arange(count))
    if cached:
        return cached
    valid = seeded_fifth(range(count), seed)
    rule = f"a fifth of the pictures, drawn with seed {seed}" + (f"; {why_not}" if why_not else "")
    return Split(np.flatnonzero(~valid), np.flatnonzero(valid), rule)


def _stem(path: Path) -> str:
    return path.name.removesuffix("img.png").rstrip("_")


def _kpts(path: Path) -> Path:
    return path.with_name(path.name.removesuffix("img.png") + "kpts.npy")


def _parts(path: Path) -> Path:
    return path.with_name(path.name.removesuffix("img.png") + "partseg.png")


def _read_parts(path: Path, size_hw: tuple[int, int], count: int) -> np.ndarray:
    """(H, W) uint8 part map of a picture.

    Raises:
        PictureError: a file that cannot be read, has another size than its picture, or values that are no part.
    """
    try:
        with Image.open(path) as picture:
            found = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(path, str(error)) from error
    if found.dtype != np.uint8 or found.shape != tuple(size_hw):
        raise PictureError(path, f"a part map of {found.shape} {found.dtype} for a picture of {tuple(size_hw)}")
    wrong = found[(found >= count) & (found != IGNORED)]
    if wrong.size:
        raise PictureError(path, f"part {wrong[0]}, where 0 to {count - 1} and {IGNORED} (ignored) are known")
    return found


def _size(path: Path) -> tuple[int, int]:
    """Width and height, from the file's head."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, SyntaxError) as error:
        raise PictureError(path, str(error)) from error
