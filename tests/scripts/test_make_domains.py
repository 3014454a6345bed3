"""Three domains on disk: COCO files that readers read, the same bytes however they came about."""

import json
import pickle

import cv2
import numpy as np
import pytest

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.open import open_data
from zoopose.errors import OptionError
from zoopose.pose.skeleton import COCO17, TIGDOG18
from zoopose.scripts.make_domains import run
from zoopose.synthetic.coco_set import annotation_of, write_set
from zoopose.synthetic.make_domains import animal_set, make_three, people_set, target_set
from zoopose.synthetic.making import process_pool
from zoopose.synthetic.options import ThreeOptions
from zoopose.synthetic.people import render_person
from zoopose.synthetic.target import TargetShot

_SMALL = {"people": 4, "pictures": 8, "shots": 3, "frames": 2, "held_out": 2, "size": (48, 64), "seed": 3}


def _bytes(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("three")
    news = []
    return out, make_three(ThreeOptions(out=out, **_SMALL), lambda *new: news.append(new)), news


def test_people_are_a_published_person_tree(made):
    _, files, _ = made
    assert files.people_train == files.people / "annotations" / "person_keypoints_train2017.json"
    ids = set()
    for path, folder in ((files.people_train, "train2017"), (files.people_valid, "val2017")):
        data = json.loads(path.read_text())
        (category,) = data["categories"]
        assert (category["name"], category["id"]) == ("person", 1)
        assert category["keypoints"] == list(COCO17.joints) and category["skeleton"][0] == [16, 14]
        assert len(data["images"]) == len(data["annotations"]) == 2
        assert {p.name for p in (files.people / folder).iterdir()} == {i["file_name"] for i in data["images"]}
        for image, ann in zip(data["images"], data["annotations"]):
            assert ann["image_id"] == image["id"] and ann["category_id"] == 1 and ann["iscrowd"] == 0
            picture = cv2.imread(str(files.people / folder / image["file_name"]))
            assert picture.shape == (image["height"], image["width"], 3) == (64, 48, 3)
            ids.add(image["id"])
    assert ids == {1, 2, 3, 4}


def test_an_annotation_says_what_the_frame_shows():
    for index in range(6):
        frame = render_person(1, index, (72, 56))
        about = annotation_of(frame)
        x, y, w, h = about["bbox"]
        assert frame.seg[y : y + h, x : x + w].sum() == frame.seg.sum() == about["area"]
        assert (
            frame.seg[y].any()
            and frame.seg[y + h - 1].any()
            and frame.seg[:, x].any()
            and frame.seg[:, x + w - 1].any()
        )
        joints = np.array(about["keypoints"]).reshape(17, 3)
        v = joints[:, 2]
        assert about["num_keypoints"] == (v > 0).sum()
        np.testing.assert_array_equal(v == 2, frame.visible)
        np.testing.assert_allclose(joints[v > 0, :2], frame.xy_px[v > 0], atol=0.006)
        assert (joints[v == 0] == 0).all()
        inside = (joints[v > 0, :2] >= -0.5) & (joints[v > 0, :2] < [55.5, 71.5])
        assert inside.all()
        outside = (frame.xy_px < -0.5).any(1) | (frame.xy_px >= [55.5, 71.5]).any(1)
        np.testing.assert_array_equal(v == 0, outside)
        drawn = np.zeros(frame.seg.shape, np.uint8)
        for polygon in about["segmentation"]:
            corners = np.round(np.array(polygon).reshape(-1, 2) - 0.5).astype(np.int32)
            cv2.fillPoly(drawn, [corners], 1)
        assert ((drawn > 0) & frame.seg).sum() > 0.9 * frame.seg.sum()


def test_a_figure_out_of_the_picture_has_no_annotation():
    frame = render_person(1, 0, (48, 48))
    frame.seg[:] = False
    assert annotation_of(frame) is None


def test_the_files_are_read_by_their_readers(made, tmp_path):
    _, files, _ = made
    animals = open_data(f"coco:{files.animals_train}")
    assert len(animals) == len(open_data(f"coco:{files.animals_valid}")) == 4
    assert animals.skeleton.joints == TIGDOG18.joints and tuple(animals.skeleton.limbs) == tuple(TIGDOG18.limbs)
    assert sorted(animals[i].meta["category"] for i in range(4)) == ["horse", "horse", "hound", "hound"]
    assert animals[0].image.shape == (48, 64, 3)
    target, held = open_data(f"coco:{files.target_train}"), open_data(f"coco:{files.target_valid}")
    assert (len(target), len(held)) == (4, 2)
    assert target.skeleton.joints == animals.skeleton.joints
    assert len(set(target.shots)) == 2 and {target[i].meta["group"] for i in range(4)}.isdisjoint(
        {held[0].meta["group"]}
    )
    assert target[0].meta["category"] == "cow" and [target[i].meta["frame"] for i in range(2)] == [0, 1]
    frame = TargetShot("cow", 3, 0, (48, 64), gap=1.0, zoom=1.2, site=True)[1]
    sample = target[1]
    np.testing.assert_allclose(sample.xy_px[sample.visible > 0], frame.xy_px[sample.visible > 0], atol=0.006)
    assert np.abs(sample.image.astype(int) - frame.image).mean() < 6
    unlabelled = open_data(f"coco:{files.target_train}", labelled=False)
    assert len(unlabelled) == 4 and unlabelled.labels is None
    # bare names, as in the published files: read where file and pictures lie together
    beside = files.people / "train2017" / "labels.json"
    beside.write_bytes(files.people_train.read_bytes())
    people = CocoKeypoints(beside)
    beside.unlink()
    assert len(people) == 2 and people.skeleton.joints == COCO17.joints and not people.skipped
    assert people[0].image.shape == (64, 48, 3)


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_workers(made, tmp_path):
    out, _, _ = made
    options = ThreeOptions(out=tmp_path, **_SMALL)
    with process_pool(2) as pool:
        write_set(people_set(options), pool=pool)
    assert _bytes(tmp_path / "coco") == _bytes(out / "coco")
    # animals differ only in what is drawn: it reaches a worker as it is here
    for plan in (animal_set(options), target_set(options)):
        there = pickle.loads(pickle.dumps(plan))
        for mine, theirs in zip(plan.draw(1), there.draw(1), strict=True):
            assert mine.file_name == theirs.file_name and (mine.frame.image == theirs.frame.image).all()


def test_it_goes_on_where_it_stopped_and_adds(made, tmp_path, monkeypatch):
    out, _, news = made
    assert ("people", 4, 4) in news and ("target videos", 3, 3) in news
    whole = _bytes(out)
    assert not [name for name in whole if "/." in name]

    class Stopped(Exception):
        pass

    def stop(what, done, total):
        if (what, done) == ("labelled animals", 3):
            raise Stopped

    few = {**_SMALL, "shots": 2}
    with pytest.raises(Stopped):
        make_three(ThreeOptions(out=tmp_path, **few), stop)
    assert not (tmp_path / "animals" / "train.json").exists()
    (tmp_path / "animals" / ".parts" / ".1-9.json").write_text("{")
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")}
    assert len(times) == 7
    again = []
    make_three(ThreeOptions(out=tmp_path, **few), lambda *new: again.append(new))
    assert (
        again[0] == ("people", 4, 4) and ("labelled animals", 3, 8) in again and ("labelled animals", 2, 8) not in again
    )
    assert all(p.stat().st_mtime_ns == time for p, time in times.items())
    # one more video, one picture lost, one file broken
    (tmp_path / "target" / "images" / "shot_00000" / "00001.jpg").unlink()
    (tmp_path / "animals" / "valid.json").write_text("{")
    make_three(ThreeOptions(out=tmp_path, **_SMALL))
    assert _bytes(tmp_path) == whole
    with pytest.raises(OptionError, match="--seed 3"):
        make_three(ThreeOptions(out=tmp_path, **{**_SMALL, "seed": 4}))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"target": "horse"}, "--target"),
        ({"target": "cat"}, "cat"),
        ({"animal": ()}, "labelled species"),
        ({"animal": ("horse", "horse")}, "each once"),
        ({"people": 3}, "--people of 5"),
        ({"pictures": 9}, "--pictures of 10"),
        ({"shots": 0}, "--shots"),
        ({"held_out": 1}, "--held-out"),
        ({"frames": 0}, "--frames"),
        ({"gap": 5.0}, "gap"),
        ({"zoom": 0.0}, "zoom"),
        ({"size": (8, 8)}, "32"),
    ],
)
def test_what_cannot_work_is_refused_before_writing(tmp_path, change, word):
    with pytest.raises(OptionError, match=word):
        make_three(ThreeOptions(**{"out": tmp_path / "new", **change}))
    assert not (tmp_path / "new").exists()


def test_the_command_names_the_data_it_made(made, caplog):
    out, files, _ = made
    with caplog.at_level("INFO"):
        assert run(ThreeOptions(out=out, **_SMALL)) == files
