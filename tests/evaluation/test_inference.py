"""What a network is fed when it is scored: for published crops the published evaluation's own item, of every data set."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from zoopose.datasets.open import open_data
from zoopose.datasets.original_items import OriginalItems
from zoopose.datasets.synthetic_animal import SyntheticAnimal
from zoopose.evaluation.inference import PredictConfig, predict
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.original.heatmap import peaks

MEAN = (0.4, 0.5, 0.6)


class Recorder(nn.Module):
    """Keeps what it is fed; its maps rise with the crop's brightness."""

    def __init__(self, joints: int):
        super().__init__()
        self.joints, self.fed = joints, []

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        self.fed.append(images.clone())
        return [nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4).expand(-1, self.joints, -1, -1)]


@pytest.fixture
def renderings(tmp_path, monkeypatch) -> SyntheticAnimal:
    """Grey levels from 60 to 200 only; stray vertices far from the animal, joints outside the picture."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "animal_data" / "synthetic_animal" / "horse_combineds5r5_texture"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(5):
        stem = f"{n}_SK_horse_anim_0.50_200.00_320.00_20.00.png"
        vertices = np.column_stack([rng.uniform(100.1, 300.3, (3299, 2)), rng.integers(0, 2, 3299)])
        vertices[::7, 0] -= 120  # some joints lie left of the picture
        vertices[-50:] = (5.0, 470.0, 0.0)
        np.save(folder / f"{stem}_kpts.npy", vertices)
        coarse = rng.integers(60, 200, (12, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{stem}_img.png"), cv2.resize(coarse, (640, 480)))
    return SyntheticAnimal(tmp_path / "animal_data", "horse", "all")


def check(dataset) -> None:
    items = OriginalItems(dataset, inp_res=64, out_res=16, mean=MEAN)
    network, spec = Recorder(len(dataset.skeleton)), InputSpec("published", 64, 16, MEAN, (1.0, 1.0, 1.0))
    found = predict(network, dataset, spec, torch.device("cpu"), PredictConfig(batch_size=2))
    fed = torch.cat(network.fed)
    for i in range(len(dataset)):
        image, target, _ = items.item(i)
        torch.testing.assert_close(fed[i], image, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(found.target_cells[i], peaks(target[None].numpy())[0])
        highest = peaks(network(image[None])[0].numpy())[0]
        np.testing.assert_array_equal(found.cells[i], highest)


def test_renderings_are_cropped_about_the_published_box(renderings):
    check(renderings)


def test_any_other_data_set_is_cropped_as_in_training(tiny_coco, tmp_path):
    check(open_data(f"coco:{tiny_coco(tmp_path, n=5, size=90)}", split="all"))


def test_contrast_is_stretched_when_a_crop_is_cut_and_not_again():
    spec = InputSpec("published", 32, 8, MEAN, (1.0, 1.0, 1.0))
    dull = torch.linspace(0.25, 0.75, 2 * 3 * 32 * 32).view(2, 3, 32, 32)
    back = spec.normalise(dull) + torch.tensor(MEAN).view(3, 1, 1)
    torch.testing.assert_close(back, dull)
    # crops of another kind, which nothing has stretched, are brought to what such a network has learnt from
    stretched = spec.normalise_exact(dull) + torch.tensor(MEAN).view(3, 1, 1)
    torch.testing.assert_close(stretched.amin((1, 2, 3)), torch.zeros(2))
    torch.testing.assert_close(stretched.amax((1, 2, 3)), torch.ones(2))
    exact = InputSpec("exact", 32, 8)
    torch.testing.assert_close(exact.normalise_exact(dull), exact.normalise(dull))
