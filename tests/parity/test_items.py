"""The published loaders' items, from trees in their true layout written out of the published arrays."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from zoopose.datasets.original_items import OriginalItems
from zoopose.datasets.synthetic_animal import SyntheticAnimal
from zoopose.datasets.tigdog import RealAnimal, RealAnimalCrop, crop_folder
from zoopose.pose.original.augment import StandardDraw


def write_lossless(path: Path, image: np.ndarray) -> None:
    """PNG data whatever the file's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


def check(items: OriginalItems, golden, kind: str, which, draws, tolerance: float) -> None:
    """Compares items (dataset index, draw) with the arrays out_<kind>_*, item by item."""
    assert len(which) == len(golden[f"out_{kind}_inp"]) > 0
    for k, index in enumerate(which):
        inp, target, meta = items.item(int(index), None if draws is None else StandardDraw.of(draws[k]))
        case = f"{kind} {k}"
        np.testing.assert_allclose(meta["center"].numpy(), golden[f"out_{kind}_center"][k], atol=1e-4, err_msg=case)
        np.testing.assert_allclose(meta["scale"], golden[f"out_{kind}_scale"][k], rtol=1e-6, err_msg=case)
        np.testing.assert_array_equal(meta["tpts"].numpy(), golden[f"out_{kind}_tpts"][k], err_msg=case)
        np.testing.assert_array_equal(meta["target_weight"].numpy(), golden[f"out_{kind}_weight"][k], err_msg=case)
        np.testing.assert_allclose(target.numpy(), golden[f"out_{kind}_target"][k], atol=1e-6, err_msg=case)
        np.testing.assert_allclose(inp.numpy(), golden[f"out_{kind}_inp"][k], atol=tolerance, err_msg=case)


def options(golden, kind: str) -> dict:
    return {
        "inp_res": golden[f"out_{kind}_inp"].shape[-1],
        "out_res": golden[f"out_{kind}_target"].shape[-1],
        "mean": golden["in_mean"],
    }


@pytest.mark.golden("fn_ccssl_real_animal_items")
def test_real_animal(golden, tmp_path, monkeypatch, stretched_tolerance):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "animal_data" / "behaviorDiscovery2.0"
    (folder / "ranges" / "horse").mkdir(parents=True)
    (folder / "landmarks" / "horse").mkdir(parents=True)
    savemat(folder / "ranges" / "horse" / "ranges.mat", {"ranges": golden["in_ranges"]})
    at = 0
    for shot, first, last in golden["in_ranges"]:
        if shot == golden["in_missing_shot"]:
            continue
        cells = np.empty((last - first + 1, 1), object)
        for f in range(len(cells)):
            cells[f, 0] = {"p": golden["in_positions"][at + f], "v": golden["in_visibility"][at + f]}
            write_lossless(folder / "horse" / f"{first + f:08d}.jpg", golden["in_images"][at + f])
        at += len(cells)
        savemat(folder / "landmarks" / "horse" / f"{shot}.mat", {"landmarks": cells})
    dataset = RealAnimal(tmp_path / "animal_data", "horse", "all")
    np.testing.assert_array_equal(dataset.index.frame, golden["out_frame_numbers"])
    np.testing.assert_array_equal(dataset.index.shot, golden["out_shot"])
    np.testing.assert_array_equal(dataset.index.frame_in_shot, golden["out_frame_in_shot"])
    np.testing.assert_array_equal(dataset.items, golden["out_kept"])
    items = OriginalItems(dataset, **options(golden, "eval"))
    check(items, golden, "eval", range(len(dataset)), None, stretched_tolerance)
    check(items, golden, "train", golden["in_train_item"], golden["in_draws"], stretched_tolerance)


@pytest.mark.golden("fn_ccssl_synthetic_items")
def test_synthetic_animal(golden, tmp_path, monkeypatch, stretched_tolerance):
    monkeypatch.chdir(tmp_path)
    animal = golden.name.removeprefix("fn_ccssl_synthetic_items_").split("_")[0]
    folder = tmp_path / "synthetic_animal" / f"{animal}_combineds5r5_texture"
    for name, vertices, small in zip(golden["in_names"], golden["in_kpts"], golden["in_images_40th"]):
        write_lossless(folder / f"{name}_img.png", small.repeat(640 // small.shape[1], 1).repeat(480 // len(small), 0))
        np.save(folder / f"{name}_kpts.npy", vertices.astype(np.float64))
    dataset = SyntheticAnimal(tmp_path, animal, "all")
    order = golden["in_sorted_order"]
    assert [path.name for path in dataset.paths] == [f"{golden['in_names'][i]}_img.png" for i in order]
    for k in range(len(dataset)):
        low, high = golden["out_bbox"][k].reshape(2, 2).T
        rounded = golden["in_kpts"][order[k], :, :2].astype(np.float16)
        np.testing.assert_array_equal(np.stack([rounded.min(0), rounded.max(0)]), [low, high])
        center = (np.clip(low, 0, (640, 480)) + np.clip(high, 0, (640, 480))) / 2
        np.testing.assert_allclose(dataset.original_annotation(k).center, center, atol=1e-4)
    items = OriginalItems(dataset, **options(golden, "eval"))
    check(items, golden, "eval", range(len(dataset)), None, stretched_tolerance)
    draws = golden["in_draws"]
    check(items, golden, "train", np.arange(len(draws)) % len(dataset), draws, stretched_tolerance)


@pytest.mark.golden("fn_ccssl_real_animal_crop_items")
def test_real_animal_crop(golden, tmp_path, monkeypatch, stretched_tolerance):
    monkeypatch.chdir(tmp_path)
    root, cache = tmp_path / "animal_data", tmp_path / "data" / "real_animal" / "horse"
    for i, image in enumerate(golden["in_images"]):
        write_lossless(crop_folder(root, "horse") / f"crop_{i + 1:08d}.jpg", image)
    cache.mkdir(parents=True)
    train = golden["in_train_list"]
    np.save(cache / "train_idxs_by_video.npy", train)
    np.save(cache / "valid_idxs_by_video.npy", np.setdiff1d(np.arange(len(golden["in_images"])), train)[:1])
    dataset = RealAnimalCrop(root, "horse", "train", pseudo_labels=dict(enumerate(golden["in_labels"])))
    items = OriginalItems(dataset, **options(golden, "plain"))
    check(items, golden, "plain", range(len(dataset)), None, stretched_tolerance)
    draws = golden["in_draws"]
    check(items, golden, "aug", np.arange(len(draws)) % len(dataset), draws, stretched_tolerance)
