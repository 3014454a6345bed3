"""Any COCO keypoints file: any skeleton, one item per animal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...files import plain
from ...pose.skeleton import from_coco_category
from ..annotated_pictures import Animal, AnnotatedPictures, UnusableAnnotation
from ..picture_paths import find_pictures, picture_size
from ..unit_check import check_pixels, doubts, numbers_of
from . import file as coco_file
from . import recordings
from .categories import category_skeleton, choose_categories, select_joints
from .file import CocoFile, is_crowd
from .truth import CocoTruth, truth_of_files

_SIZES_READ = 50  # pictures whose size is looked up where the file does not give it


class CocoKeypoints(AnnotatedPictures):
    """Animals of a COCO keypoints file.

    Source: the user's own, or any set in this format (AP-10K, Horse-10, zebra, macaque, LivestockKeypoints, ...).
    Tree::

        FILE.json          images: id, file_name, width, height
                           annotations: id, image_id, category_id, bbox [x, y, w, h], keypoints [x, y, v] * K, iscrowd
                           categories: id, name, keypoints (K names), skeleton (1-based limbs)
        <file_name> ...    below FILE.json's folder; else below images/ in it, or in, images/ or data/ of, its
                           parent, or two folders up; else where `picture_paths` finds names of other tools and machines

    Beyond COCO, an image may have `group` (the recording; the splits keep it together), `split` ("train" or "valid"), and
    `frame_id` (or `frame`) with `video_id` (or `vid_id`): numbered frames of a video make its items neighbours (`shots`),
    in the order of the numbers. Several animals in a frame need a `track_id` per annotation for that.

    An item is an annotation that is no crowd and has a labelled joint; without labels, one that has a box. Its box is
    `bbox`; else (no box, or one without size) the box around the labelled joints; else the whole picture. Annotations left out
    are named in `skipped`, those of which a part is not taken as it stands in `mended`; `describe()` counts both. A file that does
    not make sense as a whole is a DataError. In a file whose flags are all 0 or 1 a 1 says labelled, which is COCO's 2.

    Args:
        path: the JSON file.
        split: "train", "valid" or "all". By `split` of the images where all have it, else a seeded draw of
            `split_fraction` by group (recording, video), else by picture. The same draw with and without labels.
        labelled: False keeps the keypoints out of sight: nothing of `keypoints` is read. Then `labels` is None, and
            `skeleton` too where the categories name no joints, until `with_skeleton`.
        partners: left/right pairs by joint name, instead of those read off the names.
        category: name or id of the category to take, or several with commas; needed when the file's categories have different
            joints.
        joints: names of the joints to keep, in this order; the names themselves where the category has none.
        split_fraction, split_seed: share of the pictures in "valid", and the seed of the draw.
        need_pictures: False allows a file without its pictures, to look at what it says.
        as_is: take joints and boxes for pixels even where `units` finds that they are something else.

    Raises:
        DataError: file missing, cut short, not COCO keypoints, contradictory, or without a usable item or picture.
        NoSuchCategory: the file has not the category.
    """

    def __init__(
        self,
        path: str | Path,
        split: str = "all",
        labelled: bool = True,
        partners: Sequence[tuple[str, str]] | None = None,
        category: str | int | None = None,
        joints: Sequence[str] | None = None,
        split_fraction: float = 0.2,
        split_seed: int = 0,
        need_pictures: bool = True,
        as_is: bool = False,
    ):
        self.path = Path(path)
        super().__init__(f"coco:{self.path}", split, self.path)
        file = coco_file.read_coco(self.path)
        categories = choose_categories(file, category)
        base = category_skeleton(file, categories, joints)
        if base is None and labelled:
            first = next(iter(categories.values()), {})
            from_coco_category(first)  # raises: a category without joint names
        in_split = recordings.images_of_split(file.images, split, split_fraction, split_seed)
        if labelled:
            coco_file.check_keypoint_lengths(file, categories, len(base))
            rows = self._labelled_rows(file, categories, in_split, len(base))
        else:
            rows = self._unlabelled_rows(file, categories, in_split)
        columns, self._asked = None, (category, split_fraction, split_seed)
        self.skeleton = base
        if joints and base is not None:
            columns, self.skeleton = select_joints(base, joints)
        if partners and self.skeleton is not None:
            self.skeleton = self.skeleton.with_partners(partners)
        self._animals = self._in_order(rows, file, categories, columns)
        found = f"{plain(str(file.path), 4096)}: {len(in_split)} images and {len(file.annotations)} annotations"
        self._finish(self.path.absolute().parent, labelled, found)
        self._places = find_pictures(self.path, self.file_names, need_pictures)
        if not as_is:
            self.doubts = self._check_units(rows)

    def _check_units(self, rows: list[tuple]) -> list[str]:
        """What looks wrong about joints and boxes; sizes that the file does not give are read off some pictures.

        Raises:
            DataError: joints or boxes that are no pixels.
        """
        sizes: dict[str, tuple[int, int] | None] = {}
        for _, image, *_ in rows:
            name = image["file_name"]
            if name not in sizes:
                read = len(sizes) < _SIZES_READ
                sizes[name] = coco_file.size_of(image) or (picture_size(self._places.path_of(name)) if read else None)
        joints = None if self.labels is None else [(xy, visible) for *_, xy, visible in rows]
        boxes = [ann.get("bbox") for ann, *_ in rows]
        numbers = numbers_of(boxes, joints, [sizes[image["file_name"]] for _, image, *_ in rows])
        check_pixels(numbers, self.path)
        return doubts(numbers)

    # ---- from annotations to items

    def _candidates(self, file: CocoFile, categories: Mapping, in_split: set):
        for i, ann in file.annotations.items():
            if ann["image_id"] in in_split and ann["category_id"] in categories:
                image = file.images[ann["image_id"]]
                self._note_annotation(recordings.text(categories[ann["category_id"]].get("name")), image["file_name"])
                if is_crowd(ann):
                    self._note_skipped("a crowd", i)
                else:
                    yield i, ann, image

    def _labelled_rows(self, file: CocoFile, categories: Mapping, in_split: set, count: int) -> list[tuple]:
        rows = []
        for i, ann, image in self._candidates(file, categories, in_split):
            try:
                xy, visible = coco_file.read_joints(ann, count)
                box = self._box(i, ann, image) or coco_file.box_of_joints(xy, visible)
                rows.append((ann, image, box, xy, visible))
                if (visible > 0).sum() < sum(flag > 0 for flag in map(float, ann["keypoints"][2::3])):
                    self._note_mended("joints at exactly 0, 0 or -1, -1, outside their box: taken for not labelled", i)
            except UnusableAnnotation as reason:
                self._note_skipped(str(reason), i)
        if rows and not coco_file.has_flag(file, categories, 2):
            for ann, *_, visible in rows:
                visible[visible > 0] = 2
                self._note_mended("flags of 0 and 1 only: 1 is labelled and seen, COCO's 2", ann["id"])
        return rows

    def _box(self, i: Any, ann: dict, image: dict) -> tuple[float, float, float, float] | None:
        """The box of an annotation; None where there is none, or one without size."""
        try:
            return coco_file.read_box(ann, coco_file.size_of(image))
        except coco_file.NoSize as reason:
            self._note_mended(f"{reason}: taken for none", i)
            return None

    def _unlabelled_rows(self, file: CocoFile, categories: Mapping, in_split: set) -> list[tuple]:
        rows, boxed, boxless = [], set(), []
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
            rows.append((ann, image, box))
        # without a box an animal cannot be told from its neighbours: a picture stands for one animal at most
        drop = set()
        for i, number in boxless:
            image_id = rows[number][1]["id"]
            if image_id in boxed:
                self._note_skipped("no box, beside others with one", i)
                drop.add(number)
            boxed.add(image_id)
        return [row for number, row in enumerate(rows) if number not in drop]

    def _in_order(
        self, rows: list[tuple], file: CocoFile, categories: Mapping, columns: list[int] | None
    ) -> list[Animal]:
        """Items in their final order: a video's frames brought together by frame number."""
        shots, order = recordings.order_shots([(ann, image) for ann, image, *_ in rows], file.path.stem)
        animals = []
        for i in order:
            ann, image, box, *joints = rows[i]
            if columns is not None:
                joints = [part[columns] for part in joints]
            meta = {
                "group": recordings.text(image.get("group")),
                "category": recordings.text(categories[ann["category_id"]].get("name")),
                "frame": recordings.frame_of(image),
                "image_id": image["id"],
                "annotation_id": ann["id"],
                "category_id": ann["category_id"],
            }
            name, size_wh = image["file_name"], coco_file.size_of(image)
            animals.append(Animal(f"{name}#{ann['id']}", name, box, *(joints or (None, None)), size_wh, shots[i], meta))
        return animals

    def truth(self) -> CocoTruth:
        """What COCO's evaluation scores against: the split's annotations, read anew; crowds and animals without joints among them.

        Raises:
            DataError: a set without labels.
        """
        if self.labels is None:
            raise DataError("labelled joints to score against", f"{self.name} without labels")
        category, fraction, seed = self._asked
        file = coco_file.read_coco(self.path)
        categories = choose_categories(file, category)
        in_split = recordings.images_of_split(file.images, self.split, fraction, seed)
        own = [str(joint) for joint in next(iter(categories.values())).get("keypoints") or self.skeleton.joints]
        columns = None if tuple(own) == self.skeleton.joints else [own.index(joint) for joint in self.skeleton.joints]
        return truth_of_files([(file, in_split)], categories, len(own), [meta for *_, meta in self._entries], columns)

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, file, split, counts, whether labelled, and what was left out."""
        groups = {meta["group"] for *_, meta in self._entries} - {""}
        return super().describe() | {"groups": len(groups), "videos": len(set(self.shots) - {""})}
