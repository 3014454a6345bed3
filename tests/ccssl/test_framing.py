"""Framing: labels land on one place of the picture whatever the zoom and shift; chosen is the one under which mirrors agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zoopose.ccssl import CCSSL, labelling
from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.consistency import Views
from zoopose.ccssl.framing import DROP, FRAMINGS, SAME, Framing, choose, mirrored_joints
from zoopose.ccssl.labelling import Labeller, LabelRules
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.propagation import Temporal
from zoopose.datasets.crops import CropCache
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.errors import OptionError
from zoopose.pose.augment import Augmentation
from zoopose.pose.checkpoints import load
from zoopose.pose.geometry import apply, compose
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import Skeleton
from zoopose.train import train
from zoopose.train.options import TrainOptions
from zoopose.train.selftraining.labeller import Execution, fingerprint

SIZE, CELLS, PAD = 64, 16, 13
PADDED = SIZE + 2 * PAD
FORM = InputSpec("exact", SIZE, CELLS, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
ORDER = np.arange(3)


class ColourDetector(nn.Module):
    """Joint k is the dot in channel k."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return [F.avg_pool2d(images, 4) * self.weight]


def dots(xy: np.ndarray, size: int, sigma: float = 5.0) -> np.ndarray:
    """(size, size, 3) uint8, joint k of (3, 2) a dot in channel k."""
    cell = np.arange(size)
    gx, gy = (np.exp(-((cell - xy[:, axis, None]) ** 2) / (2 * sigma**2)) for axis in (0, 1))
    return (255 * gy[:, :, None] * gx[:, None, :]).round().astype(np.uint8).transpose(1, 2, 0)


def crops(*frames) -> torch.Tensor:
    """Padded crops with dots at points of the inner square's px."""
    return torch.stack([torch.from_numpy(dots(np.array(xy) + PAD, PADDED)).permute(2, 0, 1) for xy in frames])


class Stills(PoseDataset):
    """Pictures of 140 px with three dots and boxes that are not centred alike; boxes are 70 px, crops 64."""

    crop_factor, labels = 1.0, None
    skeleton = Skeleton("s", ("a", "b", "c"))

    def __init__(self, n: int = 3):
        rng = np.random.default_rng(0)
        self.xy = 70 + rng.uniform(-8, 8, (n, 3, 2))
        self.boxes = np.concatenate([35 + rng.uniform(-2, 2, (n, 2)), np.full((n, 2), 70.0)], 1).astype(np.float32)
        self.ids, self.shots = [f"f{i}" for i in range(n)], [""] * n

    def __len__(self):
        return len(self.xy)

    def __getitem__(self, i):
        picture = dots(self.xy[i], 140)
        return PoseSample(
            picture, np.zeros((3, 2), np.float32), np.zeros(3, np.uint8), self.boxes[i], {"id": self.ids[i]}
        )


def labeller(stills: Stills, framings, views=None) -> Labeller:
    cache = CropCache(stills, PADDED, PADDED / SIZE, 1 << 26)
    still = Views(0, Augmentation(), Augmentation())
    rules = LabelRules(views=views or still, temporal=Temporal("none"), framings=framings)
    return Labeller(cache, FORM, Execution(torch.device("cpu")), rules)


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda f: f"{f.zoom}{f.shift:+}")
@pytest.mark.parametrize("views", [None, Views(3)], ids=["still", "views"])
def test_labels_land_on_the_picture_whatever_the_framing(framing, views):
    stills = Stills()
    labels = labeller(stills, (framing,), views).label(ColourDetector(), 0)
    assert labels.facts["framing"]["zoom"] == framing.zoom and labels.facts["framing"]["shift"] == framing.shift
    seen = (labels.xy_px * labels.crop_px[:, None, None]).astype(np.float64)
    truth = stills.xy * labels.crop_px[:, None, None]
    # an eighth of a cell of the framed map; turned views smear a little more
    np.testing.assert_allclose(seen, truth, atol=0.5 / framing.zoom if views is None else 1.0)
    np.testing.assert_allclose(labels.crop_px, SIZE / 70, rtol=1e-6)


def test_a_disagreement_is_in_px_of_the_crop_whatever_the_zoom():
    """Views in which a network sees every joint one cell off in x, mirrored with the picture: two cells between them."""

    class Askew(ColourDetector):
        def forward(self, images):
            return [F.pad(super().forward(images)[0], (1, 0))[..., :-1]]

    still = Views(2, Augmentation(flip=1.0), Augmentation())
    for zoom in (1.0, 1.25):
        labels = labeller(Stills(), (Framing(zoom),), still).label(Askew(), 0)
        np.testing.assert_allclose(labels.checks["equivariance"], 2 * SIZE / CELLS / zoom, rtol=0.1)


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda f: f"{f.zoom}{f.shift:+}")
def test_the_picture_moves_as_the_matrix_says(framing):
    xy = np.array([[26.0, 30.0], [36.5, 33.0], [31.0, 38.0]])
    framed = framing.apply(crops(xy), SIZE)
    assert framed.shape == (1, 3, PADDED, PADDED) and framed.dtype == torch.uint8
    grey, cell = framed[0].double(), torch.arange(PADDED).double()
    total = grey.sum((1, 2))
    centre = torch.stack([grey.sum(1) @ cell / total, grey.sum(2) @ cell / total], -1)
    expected = apply(framing.matrix(PADDED, SIZE), torch.from_numpy(xy + PAD))
    np.testing.assert_allclose(centre, expected, atol=0.1)
    # about the crop's middle, then down by a share of the inner square
    middle = torch.full((1, 2), (PADDED - 1) / 2, dtype=torch.float64)
    np.testing.assert_allclose(
        apply(framing.matrix(PADDED, SIZE), middle) - middle, [[0, framing.shift * SIZE]], atol=1e-9
    )


def test_no_framing_changes_nothing():
    made = torch.randint(0, 256, (2, 3, PADDED, PADDED), dtype=torch.uint8)
    assert torch.equal(Framing().apply(made, SIZE), made)
    labels = labeller(Stills(), ()).label(ColourDetector(), 0)
    assert labels.facts["framing"] == {"zoom": 1.0, "shift": 0.0, "agreement": []}


def test_joints_of_a_picture_and_of_its_mirror_image_come_in_one_frame():
    both = crops([[20.0, 25.0], [44.0, 30.0], [30.0, 44.0]], [[25.0, 20.0], [40.0, 41.0], [33.0, 28.0]])
    for at_once in (2, 64):
        own, mirrored, peak = mirrored_joints(ColourDetector(), both, FORM, ORDER, at_once)
        assert own.shape == (2, 3, 2) and peak.shape == (2, 3)
        np.testing.assert_allclose(own, mirrored, atol=0.02)
    swapped = mirrored_joints(ColourDetector(), both, FORM, np.array([1, 0, 2]))
    assert (swapped[0] - swapped[1])[:, :2].norm(dim=-1).min() > 1, "left and right go by the skeleton"
    np.testing.assert_allclose(swapped[0][:, 2], swapped[1][:, 2], atol=0.02)


class Above(nn.Module):
    """Sees the dots, and beyond `row` of its map what is at one place in every picture, mirrored or not."""

    def __init__(self, row: int):
        super().__init__()
        self.row = row

    def forward(self, images):
        maps = F.avg_pool2d(images, 4)
        blind = maps[:, :, : self.row].flatten(1).amax(1) > 0.3
        wrong = torch.zeros_like(maps)
        wrong[:, :, 2, 3] = maps.flatten(2).amax(2)
        return [torch.where(blind[:, None, None, None], wrong, maps)]


def test_the_framing_is_chosen_under_which_a_network_agrees_with_its_mirror_image():
    """Dots that lie too high confuse the network; shifted down, they do not."""
    high = crops(*[[[28.0, 13.0 + i], [35.0, 14.0], [31.0, 16.0]] for i in range(4)])
    model = Above(row=5)
    found, shares = choose(model, high, FORM, ORDER, (Framing(), Framing(1.0, -0.1), Framing(1.0, 0.2)))
    assert found == Framing(1.0, 0.2) and shares == [0.0, 0.0, 1.0]
    # all agree: as cropped
    found, shares = choose(ColourDetector(), high, FORM, ORDER)
    assert found == Framing() == FRAMINGS[0] and set(shares[:3]) == {1.0}


def test_joints_agree_within_a_share_of_the_crop_not_of_the_zoomed_picture():
    class Off(nn.Module):
        """Joints at one place of the map, `cells` from where the mirror image has them."""

        def __init__(self, cells: float):
            super().__init__()
            cell = torch.arange(CELLS)
            x = (CELLS - 1 + cells) / 2
            self.map = torch.exp(-((cell - x) ** 2) / 2)[None, :] * torch.exp(-((cell - 8) ** 2) / 2)[:, None]

        def forward(self, images):
            return [self.map.expand(len(images), 3, -1, -1)]

    dark, limit = torch.zeros(2, 3, PADDED, PADDED, dtype=torch.uint8), SAME * CELLS
    zoomed = (Framing(), Framing(1.25))
    assert choose(Off(0.9 * limit), dark, FORM, ORDER, zoomed) == (Framing(), [1.0, 1.0])
    assert choose(Off(1.1 * limit), dark, FORM, ORDER, zoomed) == (Framing(1.25), [0.0, 1.0])
    assert choose(Off(1.3 * limit), dark, FORM, ORDER, zoomed) == (Framing(), [0.0, 0.0])


@pytest.mark.parametrize(("lost", "taken"), [(0.5 * DROP, True), (2 * DROP, False)])
def test_a_framing_under_which_the_network_is_less_sure_is_not_taken(lost, taken):
    class Fading(Above):
        """Sure of the dots that are low; of those that are lower still, a little less."""

        def forward(self, images):
            (maps,) = super().forward(images)
            return [maps * self.height.pop(0)]

    model = Fading(row=5)
    model.height = [1.0, 1.0 - lost]
    high = crops(*[[[28.0, 13.0], [35.0, 14.0], [31.0, 16.0]] for _ in range(4)])
    found, shares = choose(model, high, FORM, ORDER, (Framing(), Framing(1.0, 0.2)))
    assert (found == Framing(1.0, 0.2)) == taken and (shares[1] > 0) == taken


def test_the_first_round_finds_the_framing_and_the_network_keeps_its_mode(monkeypatch):
    seen = []

    def asked(model, *more):
        seen.append(model.training)
        return Framing(1.25, 0.0), [0.5]

    monkeypatch.setattr(labelling, "choose", asked)
    model = ColourDetector().train()
    made = labeller(Stills(), FRAMINGS)
    assert made.label(model, 0).facts["framing"] == {"zoom": 1.25, "shift": 0.0, "agreement": [0.5]}
    assert made.label(model, 1).facts["framing"] == {"zoom": 1.25, "shift": 0.0, "agreement": []}
    assert seen == [False] and model.training
    assert made.cache_key(model, 0) != labeller(Stills(), ()).cache_key(model, 0)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("padding", [None, (1.1, 1.5)])
def test_an_input_spec_shows_what_its_framing_shows(framing, padding):
    """A crop cut with the framing is the whole crop, reframed."""
    box = np.array([[12.0, 20.0, 90.0, 40.0], [-3.0, 5.0, 20.0, 80.0]])
    whole = replace(FORM, padding=padding)
    framed = whole.framed((framing.zoom, framing.shift))
    in_whole = framing.matrix(SIZE, SIZE).numpy()
    from_picture = torch.as_tensor(whole.crop_matrix(box, 1.25))
    expected = compose(torch.as_tensor(in_whole).expand(2, 2, 3), from_picture)
    np.testing.assert_allclose(framed.crop_matrix(box, 1.25), expected.numpy(), atol=1e-6)
    assert framed.framed() == whole and whole.framed((1.0, 0.0)) == whole
    assert InputSpec.from_dict(framed.to_dict()) == framed


def test_the_adapted_network_is_used_with_its_framing(
    tmp_path, monkeypatch, source_data, source_model, tiny_options, no_report
):
    """Its checkpoints carry the framing, but no crop smaller than the box; so do those of a run that goes on. The start network
    keeps its own."""
    monkeypatch.setattr(labelling, "choose", lambda *_: (Framing(1.5, 0.15), [0.5]))
    data = f"coco:{source_data}"
    common = {"source": data, "valid": data, "target": data, "views": 1, "steps": 1}
    options = tiny_options(tmp_path / "one", **common, resume=str(source_model), num_epochs=1)
    folder = CCSSL.run(CcsslOptions(**options))
    assert load(folder / LAST).spec.framing == (1.25, 0.15) and load(source_model).spec.framing == (1.0, 0.0)
    # a second adaptation begins with whole crops, whatever the first one had
    monkeypatch.setattr(labelling, "choose", lambda *_: (Framing(), [0.5]))
    again = tiny_options(tmp_path / "two", **common, resume=str(folder / LAST), num_epochs=1, seed=1)
    assert load(CCSSL.run(CcsslOptions(**again)) / LAST).spec.framing == (1.0, 0.0)
    start = load(tmp_path / "two" / "start.pth.tar")
    assert start.spec.framing == (1.25, 0.15)
    # the first run goes on
    CCSSL.run(CcsslOptions(**{**options, "num_epochs": 2}))
    assert load(folder / LAST).spec.framing == (1.25, 0.15)


def test_another_network_may_choose_the_framing(
    tmp_path, monkeypatch, source_data, source_model, tiny_options, no_report
):
    """The one that --framing-from names is asked, and no other; one of another input is refused."""
    asked = []
    original = labelling.choose
    monkeypatch.setattr(labelling, "choose", lambda model, *more: (asked.append(model), original(model, *more))[1])
    data = f"coco:{source_data}"
    common = {"source": data, "valid": data, "target": data, "resume": str(source_model), "num_epochs": 1, "views": 1}
    other = CCSSL.run(CcsslOptions(**tiny_options(tmp_path / "first", **common, steps=1))) / LAST
    asked.clear()
    CCSSL.run(CcsslOptions(**tiny_options(tmp_path / "second", **common, steps=1, framing_from=str(other), ema=0.0)))
    (asked_model,) = asked
    assert fingerprint(asked_model) == fingerprint(load(other).model) != fingerprint(load(source_model).model)
    with pytest.raises(OptionError, match="one of them"):
        CCSSL.run(CcsslOptions(**tiny_options(tmp_path / "third", **common, framing_from=str(other), no_framing=True)))
    wide = tiny_options(tmp_path / "wide", dataset=data, valid=data, epochs=1, inp_res=64)
    best = train.run(TrainOptions(**{**wide, "inp_res": 64})) / "model_best.pth.tar"
    with pytest.raises(OptionError, match="32 px"):
        CCSSL.run(CcsslOptions(**tiny_options(tmp_path / "fourth", **common, framing_from=str(best))))
