"""Splits, folds and joints of the adaptation benchmark's data."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from zoopose.benchmarks.adaptation import data, joined
from zoopose.benchmarks.adaptation.config import COMMON_JOINTS, CONFIGS
from zoopose.datasets.open import open_data
from zoopose.errors import DataError
from zoopose.pose.skeleton import TIGDOG18

SMALL, FULL = CONFIGS["small"], CONFIGS["full"]


def images(groups: list[str]) -> list[dict]:
    return [{"id": i, "file_name": f"{i}.jpg", "group": g} for i, g in enumerate(groups)]


@pytest.mark.parametrize("folds", [2, 5])
def test_recordings_stay_whole_and_folds_are_even(folds):
    groups = [f"r{i}" for i in range(12) for _ in range(5 + i % 3)]
    fold = data.fold_of(images(groups), folds)
    assert all(len({f for f, g in zip(fold, groups) if g == name}) == 1 for name in set(groups))
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.min() > 0 and sizes.max() - sizes.min() <= 7


def test_few_recordings_are_cut_into_blocks_in_step():
    fold = data.fold_of(images(["left"] * 100 + ["right"] * 100), 2)
    assert fold[:100].tolist() == fold[100:].tolist()
    assert Counter(fold.tolist()) == {0: 100, 1: 100}
    assert np.count_nonzero(np.diff(fold[:100])) == data.BLOCKS - 1


def test_single_pictures_go_by_the_number_in_their_name():
    # text order would put 1000 before 200; copies of one picture stay together
    names = [f"{n}_png.rf.{h}.jpg" for n in range(100, 1100, 10) for h in "ab"]
    names = [names[i] for i in np.random.default_rng(0).permutation(len(names))] + ["99_png.rf.x.jpg"]
    # more single pictures than copies
    names = [n for n in names if not n.endswith("b.jpg") or n.startswith("200")]
    fold = dict(zip(names, data.fold_of(images(names), 2)))
    assert fold["200_png.rf.a.jpg"] == fold["200_png.rf.b.jpg"]
    in_order = [fold[n] for n in sorted(fold, key=lambda n: int(n.partition("_")[0]))]
    assert np.count_nonzero(np.diff(in_order)) == data.BLOCKS - 1
    with pytest.raises(DataError, match="10 pictures or more"):
        data.fold_of(images(["a", "b", "c"]), 5)
    assert data.recording_of({"file_name": "a.jpg"}) == "a.jpg"


def test_an_animal_without_a_split_is_cut(livestock, tmp_path):
    run = tmp_path / "run"
    cow = data.prepare(livestock, run, "cow", SMALL, False)
    parts = json.loads((run / cow.parts).read_text())
    held = parts["held"]
    assert cow.target == cow.scored == "data/cow/all.json" and len(cow.folds) == 1
    train = open_data(f"coco:{run}/{cow.folds[0][0]}")
    whole = open_data(f"coco:{run}/{cow.scored}")
    assert set(train.ids) | set(held) == set(whole.ids) and not set(train.ids) & set(held)
    assert whole[0].image.shape == (64, 64, 3)
    again = data.prepare(livestock, run, "cow", SMALL, False)
    assert again == cow


def test_a_split_of_its_own_is_kept(livestock, tmp_path):
    pony = data.prepare(livestock, tmp_path / "run", "pony", FULL, False)
    assert (pony.target, pony.scored) == ("data/pony/train.json", "data/pony/test.json")
    assert [part for *_, part in pony.folds] == ["held"]
    assert pony.counts == {"data/pony/train.json": 3, "data/pony/test.json": 2}


def test_joined_animals_keep_everything_apart(livestock, animal_writer, tmp_path):
    run = tmp_path / "run"
    # the same names, ids and recordings in both
    groups = [f"g{i // 2}" for i in range(12)]
    animal_writer(livestock / "goat", "all", 12, groups)
    animal_writer(livestock / "cow", "all", 12, groups)
    sets = [data.prepare(livestock, run, name, SMALL, False) for name in ("pony", "cow", "goat")]
    whole = joined.join(run, "pony+cow+goat", sets)
    train, valid = (json.loads((run / file).read_text()) for file in (whole.train, whole.valid))
    for found in (train, valid):
        for kind in ("images", "annotations", "categories"):
            ids = [entry["id"] for entry in found[kind]]
            assert len(set(ids)) == len(ids)
    sizes = [sum(s.counts.get(getattr(s, part), 0) for s in sets) for part in ("train", "valid")]
    assert whole.counts == {whole.train: len(train["images"]), whole.valid: len(valid["images"])}
    assert [len(train["images"]), len(valid["images"])] == sizes and sizes[1] > 2
    # recordings are whole, of one animal, and on one side
    assert {i["group"].partition("/")[0] for i in train["images"]} == {"pony", "cow", "goat"}
    held = {i["group"] for i in valid["images"] if not i["group"].startswith("pony")}  # which has a split of its own
    assert held == {"cow/g4", "goat/g4"} and not held & {i["group"] for i in train["images"]}
    assert max(Counter(i["group"] for i in train["images"]).values()) == 2
    # every item is what it is alone: pixels, joints, box
    items = {s.meta["id"].partition("#")[0]: s for s in open_data(f"coco:{run}/{whole.train}")}
    assert len(items) == len(train["images"])
    for animals in sets:
        for alone in open_data(f"coco:{run}/{animals.train}"):
            name = alone.meta["id"].partition("#")[0].replace("pictures/", f"pictures/{animals.name}/")
            assert np.array_equal(items[name].image, alone.image) and np.array_equal(items[name].xy_px, alone.xy_px)
            assert np.array_equal(items[name].box_xywh, alone.box_xywh)
    assert joined.join(run, "pony+cow+goat", sets) == whole


def test_animals_of_other_joints_are_not_joined(livestock, tmp_path):
    path = livestock / "pony" / "train.json"
    path.write_text(path.read_text().replace('"mouth"', '"snout"'))
    sets = [data.prepare(livestock, tmp_path / "run", name, SMALL, False) for name in ("cow", "pony")]
    with pytest.raises(DataError, match=r"(?s)cow: mouth.*pony: snout"):
        joined.join(tmp_path / "run", "cow+pony", sets)


def test_common_joints_alone_in_their_order(livestock, tmp_path):
    run = tmp_path / "run"
    pony = data.prepare(livestock, run, "pony", SMALL, True)
    whole, part = open_data(f"coco:{livestock}/pony/test.json"), open_data(f"coco:{run}/{pony.scored}")
    assert part.skeleton.joints == tuple(COMMON_JOINTS)
    columns = [whole.skeleton.joints.index(j) for j in COMMON_JOINTS]
    assert np.array_equal(part.labels[0], whole.labels[0][:, columns])


def test_other_data_in_the_same_run_folder_are_refused(livestock, tmp_path):
    data.prepare(livestock, tmp_path / "run", "cow", SMALL, False)
    path = livestock / "cow" / "all.json"
    path.write_text(path.read_text().replace('"bbox": [12', '"bbox": [11'))
    with pytest.raises(DataError, match="other data"):
        data.prepare(livestock, tmp_path / "run", "cow", SMALL, False)


def test_a_missing_animal_is_named(livestock, tmp_path):
    with pytest.raises(DataError, match="goat/all.json"):
        data.prepare(livestock, tmp_path / "run", "goat", SMALL, False)


def test_the_joint_nearer_the_camera_is_meant():
    xy = np.arange(36.0).reshape(18, 2)
    depth = np.where([j.startswith("left") for j in TIGDOG18.joints], 300.0, 200.0)
    depth[TIGDOG18.joints.index("left_eye")] = 100.0
    seen = np.ones(18, bool)
    seen[TIGDOG18.joints.index("right_front_elbow")] = False
    found = dict(zip(COMMON_JOINTS, data.common_keypoints(xy, seen, depth)))
    assert found["eye"][:2].tolist() == xy[TIGDOG18.joints.index("left_eye")].tolist()
    assert found["elbow"].tolist() == [*xy[TIGDOG18.joints.index("right_front_elbow")], 1]
    assert found["l_hind_hock"].tolist() == [*xy[TIGDOG18.joints.index("left_back_knee")], 2]


def test_renderings_become_labelled_pictures(tmp_path):
    from zoopose import cli

    out = tmp_path / "data" / "synthetic"
    words = ["--out", str(out), "--domain", "source", "--pictures", "5", "--size", "96", "128", "--views", "side"]
    assert cli.main(["data", "make", *words]) == 0
    data.convert(tmp_path, 5)
    found = open_data(f"coco:{out}/train.json"), open_data(f"coco:{out}/valid.json")
    assert [len(d) for d in found] == [4, 1]
    for sample in found[0]:
        x, y, w, h = sample.box_xywh
        seen = sample.xy_px[sample.visible == 2]
        assert len(seen) > 4
        assert (seen >= (x - 2, y - 2)).all() and (seen <= (x + w + 2, y + h + 2)).all()
    with pytest.raises(DataError, match="6 renderings"):
        data.convert(tmp_path, 6)
