"""TigDog's readers on small trees in the true layout: index, filter, split, order of joints, crops, missing parts."""

from __future__ import annotations

import pickle
import shutil

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from zoopose.datasets import tigdog_index
from zoopose.datasets.tigdog import RealAnimal, RealAnimalCrop, crop_folder, write_crops
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import TIGDOG18, TIGER_TO_MODEL

SHOTS = 7
FRAMES = 4


def frame(rng, shot: int, f: int):
    """19 positions and flags; frame 1 of every shot has too few visible joints, joint 2 is hidden, joint 3 absent."""
    xy = rng.uniform(5, 55, (19, 2)).round(2)
    flag = np.ones((19, 1), np.uint8)
    flag[2] = 0
    xy[3], flag[3] = 0, 0
    if f == 1:
        flag[4:12] = 0
    return xy, flag


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """animal_data with 7 shots of 4 frames of both animals; shot 3 has no landmarks."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    folder = tmp_path / "animal_data" / "behaviorDiscovery2.0"
    for animal in ("horse", "tiger"):
        for kind in ("ranges", "landmarks"):
            (folder / kind / animal).mkdir(parents=True)
        (folder / animal).mkdir()
        first = 1 + FRAMES * np.arange(SHOTS)
        ranges = np.stack([np.arange(1, SHOTS + 1), first, first + FRAMES - 1], 1)
        savemat(folder / "ranges" / animal / "ranges.mat", {"ranges": ranges})
        for shot, start, _ in ranges:
            cells = np.empty((FRAMES, 1), object)
            for f in range(FRAMES):
                xy, flag = frame(rng, shot, f)
                cells[f, 0] = {"positions": xy, "visibility": flag}
                picture = rng.integers(0, 255, (60, 80, 3), np.uint8)
                cv2.imwrite(str(folder / animal / f"{start + f:08d}.jpg"), picture)
            if shot != 3:
                savemat(folder / "landmarks" / animal / f"{shot}.mat", {"landmarks": cells})
    return tmp_path / "animal_data"


def test_index_filter_and_flags(tree):
    dataset = RealAnimal(tree, "horse", "all")
    assert len(dataset.index.frame) == (SHOTS - 1) * FRAMES
    assert len(dataset) == (SHOTS - 1) * (FRAMES - 1)
    assert dataset.ids[:2] == ["horse/00000001", "horse/00000003"]
    assert dataset.shots[:4] == ["horse/1", "horse/1", "horse/1", "horse/2"]
    xy, visible = dataset.labels
    assert xy.shape == (len(dataset), 18, 2) and xy.dtype == np.float32 and visible.dtype == np.uint8
    np.testing.assert_array_equal(visible[0, :5], [2, 2, 1, 0, 2])


def test_sample(tree):
    dataset = RealAnimal(tree, "horse", "all")
    sample = dataset[1]
    assert sample.image.shape == (60, 80, 3) and sample.image.dtype == np.uint8
    present = sample.xy_px[sample.visible > 0]
    np.testing.assert_allclose(sample.box_xywh[:2], present.min(0), atol=1e-4)
    np.testing.assert_allclose(sample.box_xywh[:2] + sample.box_xywh[2:], present.max(0), atol=1e-4)
    assert sample.meta["id"] == "horse/00000003" and sample.meta["frame_in_shot"] == 2
    annotation = dataset.original_annotation(1)
    assert annotation.pts[2, 2] == 0 and annotation.pts[2, 1] > 0
    assert annotation.scale == pytest.approx(sample.box_xywh[2:].max() * 1.5 / 200, rel=1e-5)


def test_tigers_are_brought_to_model_order(tree):
    ours, published = RealAnimal(tree, "tiger", "all"), RealAnimal(tree, "tiger", "all", original_order=True)
    np.testing.assert_array_equal(ours.labels[0], published.labels[0][:, TIGER_TO_MODEL])
    assert ours.skeleton is TIGDOG18
    assert published.skeleton.joints[8] == "left_front_elbow"
    assert published.skeleton.partners == TIGDOG18.partners
    limbs = {(published.skeleton.joints[a], published.skeleton.joints[b]) for a, b in published.skeleton.limbs}
    assert limbs == {(TIGDOG18.joints[a], TIGDOG18.joints[b]) for a, b in TIGDOG18.limbs}


def test_split_is_by_shot_and_seeded(tree):
    parts = {split: RealAnimal(tree, "horse", split) for split in ("train", "valid")}
    assert set(parts["train"].shots).isdisjoint(parts["valid"].shots)
    assert len(set(parts["valid"].shots)) == 1  # a fifth of six
    assert parts["valid"].ids == RealAnimal(tree, "horse", "valid").ids
    others = {tuple(RealAnimal(tree, "horse", "valid", seed=s).ids) for s in range(8)}
    assert len(others) > 1
    assert "drawn with seed 0" in parts["train"].describe()["split_rule"]


def test_cached_split_and_mean_are_used_when_they_fit(tree):
    torch = pytest.importorskip("torch")
    cache = tree.parent / "data" / "real_animal" / "horse"
    cache.mkdir(parents=True)
    kept = RealAnimal(tree, "horse", "all").items
    np.save(cache / "train_idxs_by_video.npy", kept[2:])
    np.save(cache / "valid_idxs_by_video.npy", kept[:2])
    torch.save({"mean": torch.tensor([0.1, 0.2, 0.3]), "std": torch.ones(3)}, cache / "mean_by_video.pth.tar")
    valid = RealAnimal(tree, "horse", "valid")
    np.testing.assert_array_equal(valid.items, kept[:2])
    assert valid.split_rule.startswith("cached files")
    np.testing.assert_allclose(valid.mean, [0.1, 0.2, 0.3])
    np.save(cache / "valid_idxs_by_video.npy", [13409])
    rule = RealAnimal(tree, "horse", "valid").split_rule
    assert "drawn with seed 0" in rule and "of other data" in rule


@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_published_runs_on_an_index_of_the_real_size(animal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    n_train, n_valid, largest = tigdog_index.PUBLISHED_SIZES[animal]
    runs = tigdog_index.VALIDATION_RUNS[animal]
    held = np.concatenate([np.arange(a, b + 1) for a, b in runs])
    # runs may hold frames that fail the filter; their ends do not
    ends = np.array(runs).ravel()
    inner = np.setdiff1d(held, ends)
    held = np.sort(np.concatenate([np.unique(ends), inner[: n_valid - len(np.unique(ends))]]))
    rest = np.setdiff1d(np.arange(largest + 1), np.concatenate([np.arange(a, b + 1) for a, b in runs]))
    kept = np.concatenate([held, rest[-n_train:]])
    visible = np.zeros((largest + 1, 18))
    visible[kept] = 1
    numbers = np.arange(largest + 1)
    index = tigdog_index.TigDogIndex(numbers, numbers // 100, numbers % 100, np.zeros((largest + 1, 18, 2)), visible)
    split = tigdog_index.split_of(index, tmp_path / "animal_data", animal)
    assert split.rule == "published index ranges"
    np.testing.assert_array_equal(split.valid, held)
    assert (len(split.train), len(split.valid)) == (n_train, n_valid)


def test_crops(tree):
    write_crops(tree, "horse")
    assert len(list(crop_folder(tree, "horse").glob("crop_*.jpg"))) == (SHOTS - 1) * FRAMES
    labels = {0: np.full((18, 3), 40.06, np.float32)}
    crops, whole = RealAnimalCrop(tree, "horse", "train"), RealAnimal(tree, "horse", "train")
    assert crops.labels is None and crops.shots == whole.shots and len(crops) == len(whole)
    sample = crops[0]
    assert sample.image.shape == (256, 256, 3) and not sample.visible.any()
    assert sample.image.max() - sample.image.min() > 200  # the published stretch of contrast
    labelled = RealAnimalCrop(tree, "horse", "train", pseudo_labels=labels)
    assert labelled.labels[1][0].all() and not labelled.labels[1][1:].any()
    np.testing.assert_array_equal(labelled.original_annotation(0).pts[:, :2], np.float32(np.float16(40.06)))


def test_crops_without_the_pictures_need_the_cached_split(tree):
    write_crops(tree, "horse")
    frames = RealAnimal(tree, "horse", "all")
    shutil.rmtree(tree / "behaviorDiscovery2.0")
    with pytest.raises(DataError, match="train_idxs_by_video.npy"):
        RealAnimalCrop(tree, "horse", "train")
    cache = tree.parent / "data" / "real_animal" / "horse"
    cache.mkdir(parents=True)
    np.save(cache / "train_idxs_by_video.npy", frames.items[1:])
    np.save(cache / "valid_idxs_by_video.npy", frames.items[:1])
    crops = RealAnimalCrop(tree, "horse", "train")
    assert [i.rsplit("/")[-1] for i in crops.ids] == [i.rsplit("/")[-1] for i in frames.ids[1:]]


@pytest.mark.parametrize(
    "gone", ["horse", "ranges/horse/ranges.mat", "landmarks/horse", ""], ids=["pictures", "ranges", "landmarks", "all"]
)
def test_a_missing_part_shows_the_whole_tree(tree, gone):
    target = tree / "behaviorDiscovery2.0" / gone
    target.unlink() if target.is_file() else shutil.rmtree(target)
    with pytest.raises(DataError) as error:
        RealAnimal(tree, "horse", "train")
    text = str(error.value)
    assert "✗" in text and "ranges/horse/ranges.mat" in text and "landmarks/horse/<shot>.mat" in text
    assert "mv behaviorDiscovery2.0" in text
    assert ("✓ behaviorDiscovery2.0/" in text) == bool(gone)


def test_broken_files_are_named(tree):
    path = tree / "behaviorDiscovery2.0" / "landmarks" / "horse" / "2.mat"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"2\.mat"):
        RealAnimal(tree, "horse", "train")
    cells = np.empty((2, 1), object)
    cells[:, 0] = [np.zeros((0, 0))] * 2
    savemat(path, {"landmarks": cells})
    with pytest.raises(DataError, match="landmarks of 4 frames"):
        RealAnimal(tree, "horse", "train")


def test_a_picture_cut_short_is_named(tree):
    path = tree / "behaviorDiscovery2.0" / "horse" / "00000001.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="00000001.jpg"):
        RealAnimal(tree, "horse", "all")[0]


def test_options_and_pickling(tree):
    with pytest.raises(OptionError, match="tiger"):
        RealAnimal(tree, "zebra")
    with pytest.raises(OptionError, match="valid"):
        RealAnimal(tree, "horse", "test")
    dataset = pickle.loads(pickle.dumps(RealAnimal(tree, "horse", "train")))
    np.testing.assert_array_equal(dataset[0].xy_px, dataset.labels[0][0])
