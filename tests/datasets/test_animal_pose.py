import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoopose.datasets.animal_pose import SALT, VALID_LIST, AnimalPose, is_validation
from zoopose.datasets.animal_pose_files import CLASSES, class_of, joint_order
from zoopose.datasets.open import open_data
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.split_by_name import is_validation_by_name, listed_stems, stem
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import ANIMAL_POSE20

MMPOSE = (
    "L_Eye R_Eye L_EarBase R_EarBase Nose Throat TailBase Withers L_F_Elbow R_F_Elbow L_B_Elbow R_B_Elbow L_F_Knee R_F_Knee "
    "L_B_Knee R_B_Knee L_F_Paw R_F_Paw L_B_Paw R_B_Paw"
).split()
PART_2 = (
    "L_eye R_eye L_ear R_ear Nose Throat Tail withers L_F_elbow R_F_elbow L_B_elbow R_B_elbow L_F_knee R_F_knee L_B_knee "
    "R_B_knee L_F_paw R_F_paw L_B_paw R_B_paw"
).split()
# native joint that stands at each place of mmpose's order
FROM_NATIVE = [0, 1, 3, 4, 2, 17, 19, 18, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
# picture, class, box x y w h; joint k of number i lies at (10 + k, 20 + i), the last of each is not labelled
ANIMALS = [
    ("2007_000063", "dog", 123, 15, 40, 30),
    ("2007_000063", "cat", 2, 3, 50, 40),
    ("ho105", "horse", 5, 6, 30, 20),
]


def joints(i):
    return [[10 + k, 20 + i, 1] for k in range(19)] + [[0, 0, 0]]


def pictures(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.full((80, 200, 3), 90, np.uint8))


def write_native(root, change=lambda data: None):
    pictures(root / "images", ["2007_000063.jpg", "ho105.jpeg"])
    names = {"1": "2007_000063.jpg", "2": "ho105.jpeg"}
    annotations = [
        {"image_id": 1 if "2007" in picture else 2, "bbox": [x, y, x + w, y + h], "keypoints": joints(i), "num_keypoints": 20,
         "category_id": CLASSES.index(kind) + 1}
        for i, (picture, kind, x, y, w, h) in enumerate(ANIMALS)
    ]  # fmt: skip
    native = [n.replace("_base", "").replace("tail", "tailbase") for n in ANIMAL_POSE20.joints]
    data = {"images": names, "annotations": annotations,
            "categories": [{"id": i, "name": n, "keypoints": native} for i, n in enumerate(CLASSES, 1)]}  # fmt: skip
    change(data)
    (root / "keypoints.json").write_text(json.dumps(data))
    return root


def write_xml(root):
    pictures(root / "VOC2012/JPEGImages", ["2007_000063.jpg"])
    pictures(root / "animalpose_image_part2/horse", ["ho105.jpeg"])
    for i, (picture, kind, x, y, w, h) in enumerate(ANIMALS):
        first = "2007" in picture
        part, names, top = (
            ("PASCAL2011_animal_annotation", MMPOSE, "ymin") if first else ("animalpose_anno2", PART_2, "xmax")
        )
        points = "".join(
            f'<keypoint name="{names[place]}" x="{joints(i)[own][0]}" y="{joints(i)[own][1]}" visible="{joints(i)[own][2]}"/>'
            for place, own in enumerate(FROM_NATIVE)
        )
        name = picture if first else f"{picture}.jpeg"
        text = (
            f"<annotation><image>{name}</image><category>{kind}</category><keypoints>{points}</keypoints>"
            f'<visible_bounds xmin="{x}" {top}="{y}" width="{w}" height="{h}"/></annotation>'
        )
        path = root / part / kind / (f"{picture}_{i + 1}.xml" if first else f"{picture}.xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def write_mmpose(root):
    pictures(root / "VOC2012/JPEGImages", ["2007_000063.jpg"])
    pictures(root / "animalpose_image_part2/horse", ["ho105.jpeg"])
    (root / "annotations").mkdir()
    names = {"2007_000063": "VOC2012/JPEGImages/2007_000063.jpg", "ho105": "animalpose_image_part2/horse/ho105.jpeg"}
    category = {"id": 1, "name": "animal", "keypoints": MMPOSE, "skeleton": [[1, 2]]}
    for file, chosen in (("train", [0]), ("val", [1]), ("test", [2])):
        images, annotations = [], []
        for i in chosen:
            picture, _, *box = ANIMALS[i]
            images.append({"id": i, "file_name": names[picture], "width": 200, "height": 80})
            triples = [joints(i)[own] for own in FROM_NATIVE]
            flat = [v * 2 if n == 2 else v for t in triples for n, v in enumerate(t)]
            annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": box, "keypoints": flat})
        data = {"images": images, "annotations": annotations, "categories": [category]}
        (root / f"annotations/animalpose_{file}.json").write_text(json.dumps(data))
    return root


@pytest.mark.parametrize("write", [write_native, write_xml, write_mmpose])
def test_three_forms_give_the_same_animals(tmp_path, write):
    data = open_data(f"animal_pose:{write(tmp_path)}")
    assert data.skeleton is ANIMAL_POSE20 and len(data) == 3 and len(set(data.ids)) == 3
    # in the order of the XML files' names cats come before dogs
    order = np.argsort(data.labels[0][:, 0, 1])
    for i, index in enumerate(order):
        sample = data[int(index)]
        assert sample.xy_px[:19].tolist() == [j[:2] for j in joints(i)[:19]] and sample.visible.tolist() == [2] * 19 + [
            0
        ]
        assert sample.box_xywh.tolist() == list(ANIMALS[i][2:]) and sample.image.shape == (80, 200, 3)
        assert sample.meta["num_keypoints"] == 19 and stem(sample.meta["path"]) == ANIMALS[i][0]
        told = ANIMALS[i][1] if write is not write_mmpose or i == 2 else ""
        assert sample.meta["category"] == told


def test_joints_are_found_by_name():
    assert [joint_order(MMPOSE, "x").index(place) for place in range(20)] == FROM_NATIVE
    assert joint_order(PART_2, "x") == joint_order(MMPOSE, "x")
    assert joint_order(ANIMAL_POSE20.joints, "x") == list(range(20))
    with pytest.raises(DataError, match="19 joints, without nose"):
        joint_order([n for n in MMPOSE if n != "Nose"], "x")


def test_classes(tmp_path):
    root = write_native(tmp_path)
    data = open_data(f"animal_pose:{root}", classes=["cat", "horse"])
    assert [data[i].meta["category"] for i in range(2)] == ["cat", "horse"] and data.classes == {"cat": 1, "horse": 1}
    with pytest.raises(OptionError, match=r"(?s)dog, cat, sheep, horse, cow.*tiger"):
        AnimalPose(root, classes=["tiger"])
    with pytest.raises(OptionError, match="classes for a set that has it: coco_animals, animal_pose"):
        open_data(f"images:{root}", classes=["cat"])
    assert class_of("animalpose_image_part2/cow/co7.jpeg") == class_of("co7.jpeg") == "cow"
    assert class_of("VOC2012/JPEGImages/2007_000063.jpg") == class_of("cod.jpg") == ""


def test_classes_that_mmpose_does_not_tell(tmp_path):
    data = AnimalPose(write_mmpose(tmp_path), classes=["horse"])
    assert len(data) == 1 and data.describe()["skipped"] == {"class not told by the file": 2}


def test_splits_go_by_picture_and_are_the_same_in_every_form(tmp_path):
    forms = [write_native(tmp_path / "a"), write_xml(tmp_path / "b")]
    for root in forms:
        parts = {s: {AnimalPose(root, s)[0].meta["path"]} if has(root, s) else set() for s in ("train", "valid")}
        assert {stem(p) for p in parts["valid"]} == {a for a, *_ in ANIMALS if is_validation(a)}
    mmpose = write_mmpose(tmp_path / "c")
    assert [len(AnimalPose(mmpose, split)) for split in ("train", "valid", "all")] == [1, 1, 3]
    assert AnimalPose(mmpose, "valid").split_rule == "mmpose's files"


def has(root, split):
    return any(is_validation(a) == (split == "valid") for a, *_ in ANIMALS)


def test_the_listed_split_is_the_one_the_rule_draws():
    names = listed_stems(VALID_LIST)
    assert len(names) == 923 and all(is_validation_by_name(SALT, name) for name in names)
    assert is_validation_by_name(SALT, "images/2007_000676.jpg") == is_validation_by_name(SALT, "2007_000676.png")
    share = np.mean([is_validation_by_name(SALT, f"other{i}.jpg") for i in range(4000)])
    assert 0.18 < share < 0.22


def test_without_labels_joints_are_not_looked_at(tmp_path):
    def spoil(data):
        for ann in data["annotations"]:
            ann["keypoints"] = "nonsense"

    data = AnimalPose(write_native(tmp_path, spoil), labelled=False)
    assert len(data) == 3 and data.labels is None and data[0].xy_px.shape == (20, 2)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("bbox", [5, 5, 5, 9], "box of zero size"),
        ("bbox", [-30, 5, -10, 9], "box wholly outside the picture"),
        ("bbox", [1, float("nan"), 5, 9], "box that is not finite"),
        ("bbox", [1, 2, 3], "box that is not four numbers"),
        ("bbox", None, "box that is not four numbers"),
        ("keypoints", [[0, 0, 0]] * 20, "no labelled joint"),
        ("keypoints", [[float("nan"), 1, 1]] * 20, "joint coordinates that are not finite"),
        ("keypoints", [[1, 1, 5]] * 20, "visibility flags other than 0, 1 and 2"),
        ("keypoints", [[1, 1]] * 20, "keypoints that are not numbers"),
    ],
)
def test_faults_of_one_animal_are_counted_and_named(tmp_path, key, value, reason):
    data = AnimalPose(write_native(tmp_path, lambda d: d["annotations"][1].update({key: value})))
    assert len(data) == 2 and data.skipped == {reason: ["1"]} and data.classes.total() == 3


def test_a_box_beside_the_picture_and_a_broken_picture_show_when_they_are_read(tmp_path):
    root = write_native(tmp_path, lambda d: d["annotations"][0].update(bbox=[300, 5, 320, 20]))
    with pytest.raises(PictureError, match="wholly outside its 200 x 80 px"):
        AnimalPose(root)[0]
    path = root / "images/ho105.jpeg"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(PictureError, match="cut short"):
        AnimalPose(root)[2]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d["annotations"][2].update(keypoints=[[1, 2, 1]] * 19), r"annotation 2 \(19 joints\)"),
        (lambda d: d["annotations"][2].update(category_id=9), "category for every"),
        (lambda d: d["annotations"][2].update(image_id=9), "picture for every"),
        (lambda d: d["categories"][0].update(keypoints=MMPOSE[1:]), "19 joints, without left_eye"),
        (lambda d: d.pop("annotations"), "no list of objects under 'annotations'"),
        (lambda d: d.update(annotations=[]), "none usable"),
        (lambda d: d.update(images={"1": "x.jpg", "2": "y.jpg"}), r"(?s)✗ x.jpg.*zoopose data get animal_pose"),
    ],
)
def test_errors_of_the_whole_file(tmp_path, change, text):
    with pytest.raises(DataError, match=text):
        AnimalPose(write_native(tmp_path, change))


def test_files_cut_in_half_and_ids_given_twice(tmp_path):
    path = write_native(tmp_path) / "keypoints.json"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match="ends in the middle"):
        AnimalPose(tmp_path)
    path.write_text(text.replace('"2": "ho105.jpeg"', '"1": "ho105.jpeg"'))
    with pytest.raises(DataError, match="1 twice in one object"):
        AnimalPose(tmp_path)


def test_faults_of_the_first_release(tmp_path):
    root = write_xml(tmp_path)
    path = root / "animalpose_anno2/horse/ho105.xml"
    text = path.read_text()
    for old, new, expected in (
        (text[len(text) // 2 :], "", "cut short or no XML"),
        ("L_eye", "L_wing", "'L_wing', which is none of them"),
        ("L_eye", "R_eye", "'R_eye', twice"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(DataError, match=expected):
            AnimalPose(root)
    path.write_text(text.replace('x="10"', 'x="ten"'))
    assert AnimalPose(root).describe()["skipped"] == {"keypoints that are not numbers": 1}


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match=r"(?s)keypoints.json.*PASCAL2011.*zoopose data get animal_pose"):
        AnimalPose(tmp_path)
    with pytest.raises(OptionError, match="train, valid, all"):
        AnimalPose(tmp_path, "test")


NATIVE = Path(os.environ.get("ZOOPOSE_DATA", "")) / "samples/animal_pose_native/keypoints.json"
SAMPLE = NATIVE.parents[1] / "small_sets/tests/data/animalpose/test_animalpose.json"


@pytest.mark.data
@pytest.mark.skipif(not NATIVE.is_file(), reason="ZOOPOSE_DATA has no samples/animal_pose_native/keypoints.json")
def test_the_published_file():
    data = AnimalPose(NATIVE, need_pictures=False)
    assert data.classes == {"dog": 1771, "cat": 1466, "sheep": 1078, "horse": 960, "cow": 842}
    assert data.describe()["annotated"] == {"animals": 6117, "pictures": 4608}
    assert data.skipped.keys() == {"no labelled joint"} and len(data) == 6074
    stems = {stem(name) for name in json.loads(NATIVE.read_text())["images"].values()}
    assert len(stems) == 4608 and {s for s in stems if is_validation_by_name(SALT, s)} == listed_stems(VALID_LIST)
    # two pictures of it are also known in mmpose's form
    for theirs, ours in (
        (s, [i for i in range(len(data)) if stem(data.path_of(i).name) == s]) for s in ("ca110", "ho105")
    ):
        sample = AnimalPose(SAMPLE)
        mine = [i for i in range(2) if stem(sample.path_of(i).name) == theirs][0]
        np.testing.assert_array_equal(sample.labels[0][mine], data.labels[0][ours[0]])
        np.testing.assert_array_equal(sample.labels[1][mine], data.labels[1][ours[0]])
        np.testing.assert_array_equal(sample.boxes[mine], data.boxes[ours[0]])
