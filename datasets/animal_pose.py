"""Animal-Pose: dogs, cats, sheep, horses and cows with 20 joints: `animal_pose:ROOT`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OptionError
from ..files import read_json
from ..pose.skeleton import ANIMAL_POSE20
from . import animal_pose_files
from .animal_pose_files import CLASSES, Record
from .annotated_pictures import Animal, AnnotatedPictures, UnusableAnnotation, choose_classes
from .coco.file import read_box, read_joints
from .original_index import SPLITS
from .picture_paths import is_file
from .split_by_name import is_validation_by_name, listed_stems, stem
from .tree import missing_tree

SALT = "zoopose animal_pose 0"
VALID_LIST = "animal_pose_valid.txt"
HOW_TO_GET = (
    "zoopose data get animal_pose says where the pictures are; with them in place: animal_pose:ROOT, ROOT the folder\n"
    "that holds keypoints.json and images/"
)
# mmpose's files by split; `all` takes every one that is there
_COCO_FILES = {"train": ("animalpose_train.json",), "valid": ("animalpose_val.json",)}
_COCO_ALL = (*_COCO_FILES["train"], *_COCO_FILES["valid"], "animalpose_test.json")


class AnimalPose(AnnotatedPictures):
    """Animals of Animal-Pose in any of its three layouts, which ROOT shows.

    Source: J. Cao, H. Tang, H.-S. Fang, X. Shen, C. Lu, Y.-W. Tai, "Cross-Domain Adaptation for Animal Pose Estimation", ICCV 2019;
    github.com/noahcao/animal-pose-dataset. Licence: none stated; 3,608 pictures are PASCAL VOC's, the others are from the web.
    Pictures: 4,608, with 6,117 animals: 1,771 dogs, 1,466 cats, 1,078 sheep, 960 horses, 842 cows. Joints: 20, `ANIMAL_POSE20`.
    Split: none is published. A fifth of the pictures is for validation, drawn by their names (`split_by_name`, listed in
    splits/animal_pose_valid.txt), the same in all layouts. mmpose's files are used as the split that they are; its test file is
    only in "all".
    Trees::

        ROOT/keypoints.json                                          as published in 2021
        ROOT/images/<file name>

        ROOT/PASCAL2011_animal_annotation/<class>/2007_000528_1.xml  the first release
        ROOT/VOC2012/JPEGImages/2007_000528.jpg                      or JPEGImages/, VOC2011/JPEGImages/, VOCdevkit/VOC2012/...
        ROOT/animalpose_anno2/<class>/ca1.xml
        ROOT/animalpose_image_part2/<class>/ca1.jpeg

        ROOT/annotations/animalpose_{train,val,test}.json            mmpose's, with the pictures of the first release

    or one of the JSON files, its pictures in the same folder, in images/ in that, or named from its parent.

    Joints are put into the order of 2021 by name. A labelled joint counts as visible (flag 2): the files do not say more.

    Args:
        root: the folder, or a JSON file.
        split: "train", "valid" or "all".
        labelled: False: joints are not read; animals without a labelled joint are then items too.
        classes: some of dog, cat, sheep, horse, cow; None for all.
        need_pictures: False allows annotations without their pictures, to read only what they say.

    Raises:
        DataError: none of the three trees is complete, files are broken, or there is no usable animal or picture.
        OptionError: an unknown class or split.
    """

    skeleton = ANIMAL_POSE20

    def __init__(
        self,
        root: str | Path,
        split: str = "all",
        labelled: bool = True,
        *,
        classes: Sequence[str] | None = None,
        need_pictures: bool = True,
    ):
        if split not in SPLITS:
            raise OptionError(f"a split out of {', '.join(SPLITS)}", repr(split))
        self.root = Path(root)
        records, source, by_name = self._read(split, labelled)
        super().__init__(f"animal_pose:{self.root}", split, source)
        if by_name and split != "all":
            records = [r for r in records if is_validation(r.file_name) == (split == "valid")]
        self.split_rule = (
            "a fifth of the pictures by name, splits/animal_pose_valid.txt" if by_name else "mmpose's files"
        )
        known = [*CLASSES, *sorted({r.kind for r in records} - {*CLASSES, ""})]
        chosen = choose_classes(classes, known, f"animal_pose:{self.root}")
        for record in records:
            if classes is not None and not record.kind:
                self._note_skipped("class not told by the file", record.key)
            elif not record.kind or record.kind in chosen:
                self._add(record.key, record.kind or "not told", record.file_name, partial(_animal, record, labelled))
        self._finish(self._find_folder(source), labelled, f"{source}: {len(records)} annotations")
        if need_pictures:
            self._require_pictures(HOW_TO_GET)

    def _read(self, split: str, labelled: bool) -> tuple[list[Record], Path, bool]:
        """Records, the file or folder that they are from, and whether the split is drawn by name."""
        if self.root.suffix == ".json":
            return self._read_file(self.root, labelled), self.root, True
        if (self.root / "keypoints.json").is_file():
            return (
                animal_pose_files.read_keypoints_json(self.root / "keypoints.json", labelled),
                self.root / "keypoints.json",
                True,
            )
        folder = self.root / "annotations"
        if any((folder / name).is_file() for name in _COCO_ALL):
            wanted = [folder / name for name in _COCO_FILES.get(split, _COCO_ALL)]
            there = [path for path in wanted if path.is_file()]
            if not there:
                entries = [(f"annotations/{p.name}", p.is_file()) for p in wanted]
                raise missing_tree(f"Animal-Pose in mmpose's form, {split},", self.root, entries, HOW_TO_GET)
            return (
                [record for path in there for record in animal_pose_files.read_coco_json(path, labelled)],
                there[0],
                False,
            )
        if any((self.root / part).is_dir() for part in (animal_pose_files.PART_1, animal_pose_files.PART_2)):
            return animal_pose_files.read_xml(self.root, labelled), self.root, True
        entries = [("keypoints.json", False), ("or annotations/animalpose_{train,val,test}.json", False)]
        entries += [(f"or {animal_pose_files.PART_1}/", False), (f"   {animal_pose_files.PART_2}/", False)]
        raise missing_tree("Animal-Pose", self.root, entries, HOW_TO_GET)

    @staticmethod
    def _read_file(path: Path, labelled: bool) -> list[Record]:
        data = read_json(path, "a JSON file of Animal-Pose", HOW_TO_GET)
        native = isinstance(data, dict) and isinstance(data.get("images"), dict)
        return (
            animal_pose_files.read_keypoints_json(path, labelled)
            if native
            else animal_pose_files.read_coco_json(path, labelled)
        )

    def _find_folder(self, source: Path) -> Path:
        """Folder that file names start from: the first of some that holds a picture, else that of the published tree."""
        if source.suffix != ".json":
            return self.root
        here = source.parent
        places = [here / "images", here, here.parent, here.parent / "images"]
        step = max(1, len(self._animals) // 20)
        names = [animal.file_name for animal in self._animals[::step]]
        return next((place for place in places if any(is_file(place / name) for name in names)), places[0])


def is_validation(file_name: str) -> bool:
    """Whether a picture is for validation: those listed, and others by the rule that the list was drawn with."""
    return stem(file_name) in listed_stems(VALID_LIST) or is_validation_by_name(SALT, file_name)


def _animal(record: Record, labelled: bool) -> Animal:
    joints = None
    if labelled:
        if record.triples is None:
            raise UnusableAnnotation("no labelled joint")
        joints = read_joints({"keypoints": record.triples}, len(ANIMAL_POSE20))
    box = read_box({"bbox": record.box_xywh}, record.size_wh)
    if box is None:
        raise UnusableAnnotation("no box")
    meta: dict[str, Any] = {"category": record.kind, "annotation": record.key}
    if record.image_id is not None:
        meta["image_id"] = record.image_id
    if joints is not None:
        meta["num_keypoints"] = int(np.count_nonzero(joints[1]))
    return Animal(f"{record.file_name}#{record.key}", record.file_name, box, joints, record.size_wh, meta=meta)
