"""The rendered animals on small trees in the true layout: order, split, exact and published readings, missing parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from zoopose.datasets.synthetic_animal import ANIMALS, VERTICES, SyntheticAnimal
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import TIGDOG18

COUNT = 12


def write_tree(root, animal: str, size_wh=(640, 480), vertices: int = 3299) -> None:
    folder = root / "synthetic_animal" / f"{animal}_combineds5r5_texture"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(COUNT):
        stem = f"{n}_SK_{animal}_anim_0.50_200.00_320.00_20.00.png"
        kpts = np.column_stack([rng.uniform(100.1, 300.3, (vertices, 2)), rng.integers(0, 2, vertices)])
        kpts[vertices - 50 :] = (5.0, 470.0, 0.0)  # the end that a smaller mesh leaves
        np.save(folder / f"{stem}_kpts.npy", kpts)
        rgba = np.full((size_wh[1], size_wh[0], 4), (n, 50, 200, 128), np.uint8)
        cv2.imwrite(str(folder / f"{stem}_img.png"), rgba)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "animal_data", "horse")
    return tmp_path / "animal_data"


def vertices_of(dataset, index: int) -> np.ndarray:
    return np.load(str(dataset.paths[index]).replace("img.png", "kpts.npy"))


def test_pictures_are_sorted_as_text(tree):
    dataset = SyntheticAnimal(tree, "horse", "all")
    assert [path.name.split("_")[0] for path in dataset.paths[:4]] == ["0", "10", "11", "1"]
    assert len(set(dataset.ids)) == COUNT and set(dataset.shots) == {""}


def test_exact_sample(tree):
    dataset = SyntheticAnimal(tree, "horse", "all")
    sample, vertices = dataset[1], vertices_of(dataset, 1)
    assert sample.image.shape == (480, 640, 3)
    np.testing.assert_array_equal(sample.image[0, 0], [200, 50, 10])
    joints = vertices[list(VERTICES["horse"])]
    np.testing.assert_allclose(sample.xy_px, joints[:, :2], atol=1e-4)
    np.testing.assert_array_equal(sample.visible, np.where(joints[:, 2] > 0, 2, 1))
    mesh = vertices[:-50, :2]
    np.testing.assert_allclose(sample.box_xywh, [*mesh.min(0), *np.ptp(mesh, axis=0)], atol=1e-3)
    np.testing.assert_array_equal(dataset.labels[0][1], sample.xy_px)
    np.testing.assert_array_equal(dataset.labels[1][1], sample.visible)


def test_published_annotation_is_rounded_to_half_precision(tree):
    dataset = SyntheticAnimal(tree, "horse", "all")
    annotation, vertices = dataset.original_annotation(1), vertices_of(dataset, 1)
    joints = vertices[list(VERTICES["horse"]), :2]
    np.testing.assert_array_equal(annotation.pts[:, :2], joints.astype(np.float16).astype(np.float32))
    assert (annotation.pts[:, 2] == 1).all()
    low, high = (f(0).astype(np.float16).astype(float) for f in (vertices[:, :2].min, vertices[:, :2].max))
    np.testing.assert_array_equal(annotation.center, ((low + high) / 2).astype(np.float32))
    assert annotation.scale == pytest.approx((high - low).max() / 200 * 1.25, rel=1e-12)


def test_joints_outside_the_picture_are_not_labelled(tree):
    dataset = SyntheticAnimal(tree, "horse", "all")
    path = str(dataset.paths[0]).replace("img.png", "kpts.npy")
    vertices = np.load(path)
    vertices[VERTICES["horse"][4]] = (-3, 100, 1)
    vertices[VERTICES["horse"][5]] = (100, 481, 1)
    np.save(path, vertices)
    assert (dataset[0].visible[[4, 5]] == 0).all() and dataset[0].visible[0] > 0
    assert dataset[0].box_xywh[0] == 0


def test_seeded_split(tree):
    train, valid = SyntheticAnimal(tree, "horse", "train"), SyntheticAnimal(tree, "horse", "valid")
    assert len(valid) == COUNT // 5 and len(train) + len(valid) == COUNT
    assert set(train.ids).isdisjoint(valid.ids)
    assert valid.ids == SyntheticAnimal(tree, "horse", "valid").ids
    assert "seed 0" in valid.describe()["split_rule"]


def test_cached_split_keeps_its_order(tree):
    torch = pytest.importorskip("torch")
    cache = tree.parent / "data" / "synthetic_animal" / "horse_combineds5r5_texture"
    cache.mkdir(parents=True)
    np.save(cache / "valid_idxs.npy", [7, 2])
    np.save(cache / "train_idxs.npy", [0, 1, 3])
    torch.save({"mean": torch.full((3,), 0.25), "std": torch.ones(3)}, cache / "mean.pth.tar")
    valid = SyntheticAnimal(tree, "horse", "valid")
    assert valid.items.tolist() == [7, 2]
    np.testing.assert_array_equal(valid.mean, np.full(3, 0.25))
    (cache / "mean.pth.tar").write_bytes(b"nothing")
    with pytest.raises(DataError, match="mean.pth.tar"):
        SyntheticAnimal.mean_of(tree, "horse")


@pytest.mark.parametrize("animal", ANIMALS)
def test_every_species_has_18_different_vertices_and_a_mean(animal, tmp_path):
    assert len(set(VERTICES[animal])) == len(VERTICES[animal]) == (25 if animal == "elephant" else 18)
    np.testing.assert_allclose(SyntheticAnimal.mean_of(tmp_path, animal), SyntheticAnimal.means[animal], atol=1e-7)


def test_elephants_trunk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path, "elephant")
    plain = SyntheticAnimal(tmp_path, "elephant", "all")
    trunk = SyntheticAnimal(tmp_path, "elephant", "all", trunk=True)
    assert plain.skeleton is TIGDOG18 and plain[0].xy_px.shape == (18, 2)
    assert trunk.skeleton.joints[18:] == tuple(f"trunk_{i}" for i in range(1, 8))
    assert trunk.skeleton.partners == TIGDOG18.partners
    assert trunk[0].xy_px.shape == (25, 2) and trunk.original_annotation(0).pts.shape == (25, 3)


def test_missing_parts_show_the_tree(tree):
    with pytest.raises(DataError) as error:
        SyntheticAnimal(tree, "tiger", "train")
    text = str(error.value)
    assert "✗ synthetic_animal/tiger_combineds5r5_texture/<stem>_img.png" in text
    assert "tiger_combineds5r5_texture.zip" in text
    next((tree / "synthetic_animal" / "horse_combineds5r5_texture").glob("3_*kpts.npy")).unlink()
    with pytest.raises(DataError) as error:
        SyntheticAnimal(tree, "horse", "train")
    text = str(error.value)
    assert "✓ synthetic_animal/horse_combineds5r5_texture/<stem>_img.png" in text
    assert f"1 of {COUNT} missing, the first 3_SK" in text


def test_files_of_another_mesh_are_refused(tree):
    dataset = SyntheticAnimal(tree, "horse", "all")
    np.save(str(dataset.paths[0]).replace("img.png", "kpts.npy"), np.zeros((100, 3)))
    with pytest.raises(DataError, match="at least 1719 vertices"):
        dataset[0]


def test_options(tree):
    with pytest.raises(OptionError, match="elephant"):
        SyntheticAnimal(tree, "zebra")
    with pytest.raises(OptionError, match="trunk"):
        SyntheticAnimal(tree, "horse", trunk=True)
