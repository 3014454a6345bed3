"""Animals of any COCO keypoints file, with any skeleton: `coco:PATH.json`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from ...files import plain
from ...pose.skeleton import from_coco_category
from ..annotated_pictures import Animal, AnnotatedPictures, UnusableAnnotation
from ..picture_paths import find_pictures, picture_size
from ..sample import UNKNOWN_JOINTS
from ..unit_check import check_pixels, coordinates_of, doubts
from . import file as coco_file
from . import recordings
from .categories import category_skeleton, choose_categories, select_joints
from .file import CocoFile, CocoFiles, Entry, is_crowd
from .truth import CocoTruth, truth_of_files

_SIZES_READ = (
    50  # pictures whose size is read from their file where the annotations do not give it: takes below a second
)


class _Row(NamedTuple):
    """An annotation that becomes an item: its entry, its image, its box, and its joints where labels are read."""

    ann: Entry
    image: Entry
    box: tuple[float, float, float, float] | None
    joints: tuple[np.ndarray, np.ndarray] | None = None


class CocoKeypoints(AnnotatedPictures):
    """Animals of a COCO keypoints file.

    Source: files of the user, or any set in this format (AP-10K, Horse-10, zebra, macaque, LivestockKeypoints, ...).
    Tree::

        FILE.json          images: id, file_name, width, height
                           annotations: id, image_id, category_id, bbox [x, y, w, h], keypoints [x, y, v] * K, iscrowd
                           categories: id, name, keypoints (K names), skeleton (1-based limbs)
        <file_name> ...    in the folder of FILE.json, or images/ in it; in its parent, or images/ or data/ in that; or two
                           folders up; `picture_paths` has the rules for names of other tools and machines

    Beyond COCO, an image may have `group` (the recording, which a split does not divide), `split` ("train" or "valid"), and
    `frame_id` (or `frame`) with `video_id` (or `vid_id`): numbered frames of a video are neighbours (`shots`), in the order of
    the numbers. Where several animals share a frame, this needs a `track_id` per annotation.

    An item is an annotation that is no crowd and has a labelled joint; without labels, one that has a box. Its box is `bbox`;
    where there is none, or one without size, the box around the labelled joints, else the whole picture. `skipped` names the
    annotations left out, `mended` those of which a part is replaced; `describe()` counts both. A file whose flags are all 0 or 1
    uses 1 for labelled joints, which is COCO's 2.

    Args:
        path: the JSON file.
        split: "train", "valid" or "all". By `split` of the images where all have it, else a seeded draw of
            `split_fraction` by group (recording, video), else by picture. The draw is the same with and without labels.
        labelled: False: keypoints are not read. `labels` is None, and `skeleton` is unknown until `with_skeleton` where the
            categories name no joints.
        partners: left/right pairs by joint name, in place of those that follow from the names.
        category: name or id of the category to take, or several with commas; needed where the categories have different joints.
        joints: names of the joints to take, in this order; of all joints where the category names none.
        split_fraction: share of the pictures in "valid".
        split_seed: of the draw.
        need_pictures: False allows a file without its pictures, to read only what it says.
        as_is: joints and boxes are pixels, even where `unit_check` finds that they are something else.
        files: files that the command has read already.

    Raises:
        DataError: the file is missing, cut short, contradictory, or no COCO keypoints file; or there is no usable item or picture.
        NoSuchCategory: the file has not the category.
    """

    def __init__(
        self,
        path: str | Path,
        split: str = "all",
        labelled: bool = True,
        *,
        partners: Sequence[tuple[str, str]] | None = None,
        category: str | int | None = None,
        joints: Sequence[str] | None = None,
        split_fraction: float = 0.2,
        split_seed: int = 0,
        need_pictures: bool = True,
        as_is: bool = False,
        files: CocoFiles | None = None,
    ):
        self.path = Path(path)
        super().__init__(f"coco:{self.path}", split, self.path)
        file = coco_file.read_coco(self.path) if files is None else files.read(self.path)
        categories = choose_categories(file, category)
        base = category_skeleton(file, categories, joints)
        in_split = recordings.images_of_split(file.images, split, split_fraction, split_seed)
        if labelled:
            if base is None:
                base = from_coco_category(next(iter(categories.values()), {}))  # raises: no joint names
            coco_file.check_keypoint_lengths(file, categories, len(base))
            rows = self._labelled_rows(file, categories, in_split, len(base))
        else:
            rows = self._unlabelled_rows(file, categories, in_split)
        columns, self._selection = None, (category, split_fraction, split_seed)
        self.skeleton = base or UNKNOWN_JOINTS
        if joints and base is not None:
            columns, self.skeleton = select_joints(base, joints)
        if partners and base is not None:
            self.skeleton = self.skeleton.with_partners(partners)
        self._animals = self._in_order(rows, file, categories, columns)
        found = f"{plain(str(file.path), 4096)}: {len(in_split)} images and {len(file.annotations)} annotations"
        self._finish(self.path.absolute().parent, labelled, found)
        self._paths = find_pictures(self.path, self.file_names, need_pictures)
        if not as_is:
            self.doubts = self._check_units(rows)

    def _check_units(self, rows: list[_Row]) -> list[str]:
        """What looks wrong about joints and boxes; sizes that the file does not give are read from some pictures.

        Raises:
            DataError: joints or boxes are no pixels.
        """
        sizes: dict[str, tuple[int, int] | None] = {}
        for row in rows:
            name = row.image["file_name"]
            if name not in sizes:
                read = len(sizes) < _SIZES_READ
                size = coco_file.size_of(row.image)
                sizes[name] = size or (picture_size(self._paths.path_of(name)) if read else None)
        joints = None if self.labels is None else [row.joints for row in rows if row.joints is not None]
        boxes = [row.ann.get("bbox") for row in rows]
        numbers = coordinates_of(boxes, joints, [sizes[row.image["file_name"]] for row in rows])
        check_pixels(numbers, self.path)
        return doubts(numbers)

    # ---- from annotations to items

    def _candidates(
        self, file: CocoFile, categories: Mapping[Any, Entry], in_split: Collection[Any]
    ) -> Iterator[tuple[Any, Entry, Entry]]:
        """Id, entry and image of the annotations that are no crowds."""
        for i, ann in file.annotations.items():
            if ann["image_id"] in in_split and ann["category_id"] in categories:
                image = file.images[ann["image_id"]]
                name = recordings.as_text(categories[ann["category_id"]].get("name"))
                self._note_annotation(name, image["file_name"])
                if is_crowd(ann):
                    self._note_skipped("a crowd", i)
                else:
                    yield i, ann, image

    def _labelled_rows(
        self, file: CocoFile, categories: Mapping[Any, Entry], in_split: Collection[Any], count: int
    ) -> list[_Row]:
        rows = []
        for i, ann, image in self._candidates(file, categories, in_split):
            try:
                xy, visible = coco_file.read_joints(ann, count)
                box = self._box(i, ann, image) or coco_file.box_of_joints(xy, visible)
                rows.append(_Row(ann, image, box, (xy, visible)))
                if (visible > 0).sum() < sum(flag > 0 for flag in map(float, ann["keypoints"][2::3])):
                    self._note_mended("joints at exactly 0, 0 or -1, -1, outside their box: taken for not labelled", i)
            except UnusableAnnotation as reason:
                self._note_skipped(str(reason), i)
        if rows and not coco_file.has_flag(file, categories, 2):
            for row in rows:
                if row.joints is not None:
                    visible = row.joints[1]
                    visible[visible > 0] = 2
                self._note_mended("flags of 0 and 1 only: 1 is labelled and seen, COCO's 2", row.ann["id"])
        return rows

    def _box(self, i: Any, ann: Entry, image: Entry) -> tuple[float, float, float, float] | None:
        """The box of an annotation; None where there is none, or one without size."""
        try:
            return coco_file.read_box(ann, coco_file.size_of(image))
        except coco_file.BoxWithoutSize as reason:
            self._note_mended(f"{reason}: taken for none", i)
            return None

    def _unlabelled_rows(
        self, file: CocoFile, categories: Mapping[Any, Entry], in_split: Collection[Any]
    ) -> list[_Row]:
        rows: list[_Row] = []
        boxed: set[Any] = set()
        boxless: list[tuple[Any, int]] = []
        for i, ann, image in self._candidates(file, categories, in_split):
            try:
                box = self._box(i, ann, image)
            except UnusableAnnotation as reason:
                self._note_skipped(str(reason), i)
                continue
            if box is None:
                boxless.append((i, len(rows)))
            else:
                boxed.add(image["id"])
            rows.append(_Row(ann, image, box))
        # animals without a box cannot be separated: a picture without boxes becomes one item, the whole picture
        drop = set()
        for i, number in boxless:
            image_id = rows[number].image["id"]
            if image_id in boxed:
                self._note_skipped("no box, beside others with one", i)
                drop.add(number)
            boxed.add(image_id)
        return [row for number, row in enumerate(rows) if number not in drop]

    def _in_order(
        self, rows: list[_Row], file: CocoFile, categories: Mapping[Any, Entry], columns: list[int] | None
    ) -> list[Animal]:
        """Items in their final order: the frames of a video follow one another by frame number."""
        shots, order = recordings.order_shots([(row.ann, row.image) for row in rows], file.path.stem)
        animals = []
        for i in order:
            ann, image, box, joints = rows[i]
            if columns is not None and joints is not None:
                joints = joints[0][columns], joints[1][columns]
            meta = {
                "group": recordings.as_text(image.get("group")),
                "category": recordings.as_text(categories[ann["category_id"]].get("name")),
                "frame": recordings.frame_of(image),
                "image_id": image["id"],
                "annotation_id": ann["id"],
                "category_id": ann["category_id"],
            }
            name, size_wh = image["file_name"], coco_file.size_of(image)
            animals.append(Animal(f"{name}#{ann['id']}", name, box, joints, size_wh, shots[i], meta))
        return animals

    def truth(self) -> CocoTruth:
        """What COCO's evaluation scores against: all annotations of the split, crowds and animals without joints included.

        The file is read again: its contents are not held in memory during a run.

        Raises:
            DataError: the set has no labels.
        """
        if self.labels is None:
            raise DataError("labelled joints to score against", f"{self.name} without labels")
        category, fraction, seed = self._selection
        file = coco_file.read_coco(self.path)
        categories = choose_categories(file, category)
        in_split = recordings.images_of_split(file.images, self.split, fraction, seed)
        joints = [str(joint) for joint in next(iter(categories.values())).get("keypoints") or self.skeleton.joints]
        columns = (
            None if tuple(joints) == self.skeleton.joints else [joints.index(joint) for joint in self.skeleton.joints]
        )
        return truth_of_files(
            [(file, in_split)], categories, len(joints), [meta for *_, meta in self._entries], columns
        )

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, file, split, counts, whether labelled, and what was left out."""
        groups = {meta["group"] for *_, meta in self._entries} - {""}
        return super().describe() | {"groups": len(groups), "videos": len(set(self.shots) - {""})}
