"""Pictures are found under the names that other tools and machines give them, and no others are."""

import json

import cv2
import numpy as np
import pytest

from zoopose.datasets.open import open_data
from zoopose.datasets.picture_paths import candidates, cleaned, find_pictures
from zoopose.errors import DataError


def labels(names, path):
    images = [{"id": i + 1, "file_name": name} for i, name in enumerate(names)]
    annotations = [
        {"id": i + 1, "image_id": i + 1, "category_id": 1, "bbox": [4, 4, 30, 20], "keypoints": [10, 10, 2, 20, 15, 2]}
        for i in range(len(names))
    ]
    category = {"id": 1, "name": "mouse", "keypoints": ["nose", "tail"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return path


def pictures(root, *names):
    """Grey pictures, each of another grey, so that one can be told from another."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), np.full((40, 60, 3), 10 * (number + 1), np.uint8))


def greys(path):
    data = open_data(f"coco:{path}")
    return [int(data[i].image[0, 0, 0]) // 10 for i in range(len(data))]


@pytest.mark.parametrize(
    "written",
    [
        "images\\{}", "images\\sub\\..\\{}", "C:\\Users\\me\\set\\images\\{}", "D:/set/images/{}", "\\\\server\\share\\images\\{}",
        "/home/me/elsewhere/images/{}", "/data/local-files/?d=set/images/{}", "http://localhost:8080/data/upload/1/{}",
        "/data/upload/1/abcd1234-{}", "/data/upload/abcd1234-{}", "https://host/a/images/{}?d=images/{}", "./images/{}",
        "/data/local-files/?d=set%2Fimages%2F{}",
    ],
)  # fmt: skip
def test_names_of_other_tools_and_machines(tmp_path, written):
    pictures(tmp_path, "images/one.png", "images/two.png")
    names = [written.replace("{}", name) for name in ("one.png", "two.png")]
    assert greys(labels(names, tmp_path / "labels.json")) == [1, 2]
    assert greys(labels(names, tmp_path / "annotations" / "train.json")) == [1, 2]


def test_names_stay_as_the_file_has_them(tmp_path):
    pictures(tmp_path, "images/one.png")
    path = labels(["images\\one.png"], tmp_path / "labels.json")
    data = open_data(f"coco:{path}")
    assert data.ids == ["images\\one.png#1"] and data.path_of(0) == tmp_path / "images" / "one.png"


@pytest.mark.parametrize("folder", ["images/Train", "images/default", "images/default/sub"])
def test_the_tree_of_cvat(tmp_path, folder):
    pictures(tmp_path, f"{folder}/1.png", f"{folder}/2.png")
    assert greys(labels(["1.png", "2.png"], tmp_path / "annotations" / "instances_default.json")) == [1, 2]
    assert greys(labels(["1.png", "2.png"], tmp_path / "labels.json")) == [1, 2]


def test_of_two_parts_the_one_that_the_file_is_named_after_else_none(tmp_path):
    pictures(tmp_path, "images/Train/1.png", "images/Validation/1.png")
    assert greys(labels(["1.png"], tmp_path / "annotations" / "person_keypoints_Train.json")) == [1]
    assert greys(labels(["1.png"], tmp_path / "annotations" / "person_keypoints_Validation.json")) == [2]
    with pytest.raises(DataError, match="may mean several pictures, the first: 1.png"):
        open_data(f"coco:{labels(['1.png'], tmp_path / 'annotations' / 'all.json')}")


def test_capitals_and_accents(tmp_path):
    pictures(tmp_path, "images/IMG_1.JPG", "images/caf\u00e9.png")
    assert greys(labels(["img_1.jpg", "cafe\u0301.png"], tmp_path / "labels.json")) == [1, 2]


def test_a_missing_picture_is_not_another_of_its_name(tmp_path):
    pictures(tmp_path, "train/1.png", "valid/1.png", "valid/2.png")
    path = labels(["train/1.png", "train/2.png"], tmp_path / "labels.json")
    data = open_data(f"coco:{path}")
    assert [data.path_of(i).is_file() for i in range(2)] == [True, False]
    path = labels(["C:\\set\\valid\\1.png", "C:\\set\\lost\\1.png"], tmp_path / "labels.json")
    data = open_data(f"coco:{path}", need_pictures=False)
    assert data.path_of(0) == tmp_path / "valid" / "1.png" and not data.path_of(1).is_file()


def test_a_name_never_leads_out_of_the_data(tmp_path):
    pictures(tmp_path, "secret.png", "a/b/c/in/1.png", "a/beside.png")
    here = tmp_path / "a" / "b" / "c"
    path = labels(["in/1.png", "../../../secret.png", "in/../../../../secret.png", "../../beside.png"], here / "x.json")
    data = open_data(f"coco:{path}")
    found = [data.path_of(i) for i in range(4)]
    assert found[0].is_file() and not found[1].is_file() and not found[2].is_file()
    assert (
        found[3].resolve() == (tmp_path / "a" / "beside.png").resolve()
    )  # two folders up is where pictures are looked for
    with pytest.raises(DataError, match="a path with `..`"):
        open_data(f"coco:{labels(['../../../secret.png'], here / 'y.json')}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("C:\\me\\1.png", "Windows"),
        ("/data/upload/1/abcd1234-1.png", "Label Studio"),
        ("/home/me/1.png", "another machine"),
    ],
)
def test_the_error_speaks_of_the_reason(tmp_path, name, reason):
    with pytest.raises(DataError, match=reason):
        open_data(f"coco:{labels([name], tmp_path / 'labels.json')}")


def test_names_cleaned():
    assert cleaned("C:\\a\\..\\b.png") == "a/b.png" and cleaned("https://host/x/y%20z.png") == "x/y z.png"
    assert list(candidates("a\\b\\0123abcd-c.png")) == [
        "a/b/0123abcd-c.png", "b/0123abcd-c.png", "0123abcd-c.png", "a/b/c.png", "b/c.png", "c.png",
    ]  # fmt: skip


def test_plain_names_cost_no_search(tmp_path, monkeypatch):
    pictures(tmp_path, "images/1.png")
    monkeypatch.setattr("zoopose.datasets.picture_paths._search", lambda *a: pytest.fail("searched"))
    names = [f"images/{'1' if i % 50 == 0 else i}.png" for i in range(1000)]
    assert find_pictures(tmp_path / "x.json", names[:1], True).folder == tmp_path


@pytest.mark.parametrize(
    "name", ["upload/1/1a2b3c4d-0.png", "https://example.org/a/0.png?x=1&y=2", "s3://bucket/a/0.png#page"]
)
def test_addresses_of_uploads_and_with_queries(tmp_path, name):
    (tmp_path / "0.png").write_bytes(b"x")
    (tmp_path / "a.json").write_text("{}")
    assert find_pictures(tmp_path / "a.json", [name], True).path_of(name) == tmp_path / "0.png"
