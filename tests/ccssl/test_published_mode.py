"""`--protocol published`: the command, its labels against a loop over `prediction_check`, its quirks, its resume."""

from __future__ import annotations

import copy
import json
import os
import signal

import cv2
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional

from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.base_step import Admission
from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.label_score import LabelScore
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.original import labeller as published_labelling
from zoopose.ccssl.original.labeller import OriginalLabeller, OriginalLabelRules
from zoopose.ccssl.original.labels import confidence_schedule, prediction_check, share_left_out
from zoopose.ccssl.original.setup import original_step
from zoopose.ccssl.original.step import OriginalStep, OriginalTargetFeed
from zoopose.ccssl.protocol import with_defaults
from zoopose.commandline.parsing import parse
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.original_crops import LabelledCrops, OriginalCropCache, SourcePictures, through_jpeg
from zoopose.datasets.original_items import OriginalItems
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.pseudo_labels import REASONS, PseudoLabels
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.errors import OptionError
from zoopose.pose import checkpoints
from zoopose.pose.geometry import apply, invert
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.losses import joints_mse_original
from zoopose.pose.models import build_model
from zoopose.pose.original.augment import StandardDraw
from zoopose.pose.original.crop import color_normalize, image_to_chw, original_crop
from zoopose.pose.skeleton import TIGDOG18, Skeleton
from zoopose.train import loop
from zoopose.train.adaptation import AdaptationStart
from zoopose.train.selftraining.labeller import Execution
from zoopose.train.supervised import LOSSES

MEAN = (0.4, 0.5, 0.3)
CPU = torch.device("cpu")


class Film(PoseDataset):
    """Frames of 100 x 120 px: a texture that moves by `motion` px a frame, boxes that do not; another texture from `cut` on."""

    crop_factor, labels = 1.25, None
    skeleton = Skeleton("s", ("left_a", "right_a", "b"))

    def __init__(self, n: int, motion=(1.0, 0.5), cut: int = 1000, broken=()):
        rng = np.random.default_rng(3)
        self.frames, self.broken = [], broken
        for i in range(n):
            if i in (0, cut):
                texture = cv2.GaussianBlur(rng.integers(0, 256, (200, 200, 3)).astype(np.float32), (0, 0), 2.5)
                texture = cv2.normalize(texture, None, 20, 230, cv2.NORM_MINMAX)
            move = np.array([[1, 0, i * motion[0] - 40], [0, 1, i * motion[1] - 40]], np.float64)
            self.frames.append(cv2.warpAffine(texture, move, (120, 100), flags=cv2.INTER_LINEAR).astype(np.uint8))
        self.ids, self.shots = [f"f{i}" for i in range(n)], [f"shot{i >= cut}" for i in range(n)]

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        if i in self.broken:
            raise PictureError(self.ids[i], "cut short")
        box = np.array([20 + i % 3, 12, 70, 61], np.float32)
        k = len(self.skeleton)
        return PoseSample(self.frames[i], np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, {"id": self.ids[i]})

    def describe(self):
        return {}


class Blobs(nn.Module):
    """Each map a fixed mixture of the smoothed channels: exact whatever the batch, and joints that lie somewhere."""

    mixture = torch.tensor([[1.0, -0.5, 0.2], [-0.3, 1.0, 0.1], [0.4, 0.3, -1.0]])

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(0.1))

    def forward(self, images):
        maps = functional.avg_pool2d(functional.avg_pool2d(images, 4), 3, stride=1, padding=1)
        return [(maps[:, None] * self.mixture.to(maps)[None, :, :, None, None]).sum(2) + self.bias]


def labeller_of(film: Film, side: int = 64, std=(1.0, 1.0, 1.0), seed: int = 5, **more) -> OriginalLabeller:
    spec = InputSpec("published", side, side // 4, MEAN, std)
    crops = OriginalCropCache(film, side, 1 << 26)
    return OriginalLabeller(crops, spec, Execution(CPU), OriginalLabelRules(seed, **more))


def naive(film: Film, labeller: OriginalLabeller, model: nn.Module, round_: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One frame at a time, as published: labels (N, K, 3) in crop pixels, and which were changed after they were made."""
    side, mean = labeller.spec.size, np.array(MEAN, np.float32)
    labels, made, previous = np.zeros((len(film), 3, 3), np.float32), np.zeros((len(film), 3), np.float32), None

    @torch.no_grad()
    def predict(pictures):
        std = torch.tensor(labeller.spec.std).view(3, 1, 1)
        return np.concatenate([model(torch.from_numpy(p)[None] / std)[-1].numpy() for p in pictures])

    for i in range(len(film)):
        if i in film.broken:
            continue
        sample = film[i]
        center, scale = sample.box_xywh[:2] + sample.box_xywh[2:] / 2, max(sample.box_xywh[2:]) / 200 * film.crop_factor
        crop = original_crop(image_to_chw(sample.image), center.astype(np.float32), float(scale), (side, side))
        image = color_normalize(crop, mean)
        label = prediction_check(predict, image, mean, *labeller.views_of(round_, i), previous)
        labels[i], made[i] = label.kpts, label.kpts[:, 2]
        previous = image, labels[i]  # a view: what the next frame deletes is deleted here
    return labels, labels[..., 2] != made


def in_crop(found: PseudoLabels, labeller: OriginalLabeller) -> np.ndarray:
    matrix = np.stack([labeller.crops[i]["crop_from_image"].numpy() for i in np.flatnonzero(found.crop_px > 0)])
    return apply(matrix, found.xy_px[found.crop_px > 0].astype(np.float64))


@pytest.mark.parametrize(("side", "chunk"), [(64, 1), (64, 3), (64, 8), (256, 3)])
def test_labels_of_many_frames_at_once_are_those_of_a_plain_loop(monkeypatch, side, chunk):
    monkeypatch.setattr(published_labelling, "CHUNK", chunk)
    film, model = Film(7, cut=4, broken=[2]), Blobs()
    labeller = labeller_of(film, side, (0.2, 0.3, 0.25))
    expected, deleted = naive(film, labeller, model)
    found = labeller.label(model, 0)
    read = found.crop_px > 0
    assert read.tolist() == [i != 2 for i in range(7)] and np.isnan(found.xy_px[2]).all()
    np.testing.assert_allclose(found.confidence, expected[..., 2], atol=1e-6)
    # positions go through float16, and to picture pixels and back
    np.testing.assert_allclose(in_crop(found, labeller), expected[read][..., :2], atol=side / 2048)
    assert deleted.any(), "a film whose cut deletes no label shows nothing"
    assert not found.confidence[deleted].any() and not found.admitted.any()
    assert (found.peak[read] > 0).any()


def test_flow_crosses_videos_and_deletes_the_label_before():
    film, model = Film(6, cut=3), Blobs()
    with_flow, without = labeller_of(film).label(model, 0), labeller_of(film, flow=False).label(model, 0)
    # the last frame of the first shot is the one that the cut costs labels
    changed = (with_flow.confidence != without.confidence) & (with_flow.confidence == 0)
    assert changed[2].any() and not without.carried.any()
    np.testing.assert_array_equal(with_flow.peak, without.peak)


def test_draws_follow_from_seed_round_and_frame():
    film, model = Film(3), Blobs()
    first = labeller_of(film).label(model, 1)
    np.testing.assert_array_equal(first.peak, labeller_of(film).label(model, 1).peak)
    assert (first.peak != labeller_of(film, seed=6).label(model, 1).peak).any()
    assert (first.peak != labeller_of(film).label(model, 2).peak).any()


def test_labelling_goes_on_where_it_was_broken_off(tmp_path, monkeypatch):
    """Broken off just before the frame that deletes a label of the last one kept."""
    monkeypatch.setattr(published_labelling, "CHUNK", 3)
    monkeypatch.setattr(published_labelling, "PARTIAL_SECONDS", 0.0)
    film, model, partial = Film(6, cut=3), Blobs(), tmp_path / "p.npz"
    whole = labeller_of(film).label(model, 0)
    labeller, maps, calls = labeller_of(film), OriginalLabeller.maps, []

    def failing(self, model, images):
        calls.append(len(images))
        if len(calls) == 2:
            raise RuntimeError("stop")
        return maps(self, model, images)

    with monkeypatch.context() as patch:
        patch.setattr(OriginalLabeller, "maps", failing)
        with pytest.raises(RuntimeError, match="stop"):
            labeller.label(model, 0, partial)
    assert partial.is_file() and calls == [15, 15]
    monkeypatch.setattr(OriginalLabeller, "maps", lambda self, *a: calls.append(0) or maps(self, *a))
    again = labeller_of(film).label(model, 0, partial)
    assert calls[2:] == [0]
    for name in ("xy_px", "confidence", "carried", "peak", "agreement_px"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_shares_and_threshold():
    assert [share_left_out(10 * r) for r in range(6)] == [max(1 - 0.02 * (10 * r + 10), 0.2) for r in range(6)]
    assert share_left_out(0, 0.5, 0.9) == 0.5 and share_left_out(50, 0.5, 0.9) == pytest.approx(0.1)
    confidence = np.linspace(0.1, 1, 10).reshape(5, 2)
    # 11 numbers with the extra 0: the 8th is the 8th of the ten, and what is strictly above counts
    assert confidence_schedule(confidence, 0)[2].sum() == 2
    assert confidence_schedule(confidence, 0, 0.2, 0.2)[0] == 0.8


@pytest.mark.parametrize("per", ["global", "joint"])
def test_admission(per):
    step = OriginalStep.__new__(OriginalStep)
    step.admission = Admission(0.2, 0.8, per)
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, (40, 3)).astype(np.float32) * np.float32([1, 0.5, 0.1])
    confidence[7] = 0
    crop_px = np.where(np.arange(40) == 7, 0, 1).astype(np.float32)
    labels = PseudoLabels([str(i) for i in range(40)], np.zeros((40, 3, 2), np.float32), confidence, np.zeros((40, 3), bool),
                          np.zeros((40, 3)), np.zeros((40, 3), bool), Film.skeleton, {}, crop_px)  # fmt: skip
    shares = []
    for round_ in range(6):
        step.admit(labels, round_)
        shares.append(labels.facts["share"])
        read = np.delete(confidence, 7, 0)
        if per == "global":
            np.testing.assert_array_equal(
                np.delete(labels.admitted, 7, 0), confidence_schedule(read, 10 * round_)[2] > 0
            )
        else:
            assert np.ptp(labels.admitted.sum(0)) == 0
        assert not labels.admitted[7].any() and (labels.reason[7] == REASONS.index("unreadable")).all()
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_target_items_are_those_of_the_published_loader_of_cropped_copies(tmp_path, monkeypatch):
    from PIL import Image

    from zoopose.datasets.tigdog import RealAnimalCrop, crop_folder

    monkeypatch.chdir(tmp_path)
    film, k = Film(3), len(TIGDOG18)
    film.skeleton = TIGDOG18
    crops = OriginalCropCache(film, 256, 1 << 26)
    folder, cache = crop_folder(tmp_path / "animal_data", "horse"), tmp_path / "data" / "real_animal" / "horse"
    folder.mkdir(parents=True)
    cache.mkdir(parents=True)
    for i in range(3):
        picture = Image.fromarray(crops[i]["crop"].numpy().transpose(1, 2, 0))
        picture.save(folder / f"crop_{i + 1:08d}.jpg", "JPEG", quality=75)
    np.save(cache / "train_idxs_by_video.npy", np.arange(2))
    np.save(cache / "valid_idxs_by_video.npy", np.array([2]))
    rng = np.random.default_rng(0)
    kpts = np.concatenate([rng.integers(-3, 262, (2, k, 2)), rng.integers(0, 2, (2, k, 1))], -1).astype(np.float32)
    kpts[:, ::3, :2] += rng.uniform(0, 1, kpts[:, ::3, :2].shape)  # such as the flow gives
    published = RealAnimalCrop(tmp_path / "animal_data", "horse", "train", pseudo_labels=dict(enumerate(kpts)))
    ours = LabelledCrops(crops)
    matrix = np.stack([crops[i]["crop_from_image"].numpy() for i in range(2)])
    in_steps = kpts[..., :2].astype(np.float16).astype(np.float64)
    ours.xy_px[:2], ours.weight[:2] = apply(invert(matrix), in_steps), kpts[..., 2]
    draws = [None, StandardDraw(0.5, 0.2, 0.7, 0.9, (0.9, 1.1, 1.0))]
    for i in range(2):
        for draw in draws:
            theirs, own = (OriginalItems(d, mean=MEAN).item(i, draw) for d in (published, ours))
            np.testing.assert_array_equal(own[0], theirs[0])
            np.testing.assert_array_equal(own[2]["tpts"][..., 2], theirs[2]["tpts"][..., 2])
            np.testing.assert_array_equal(own[1], theirs[1])
    np.testing.assert_array_equal(ours[0].image, through_jpeg(crops[0]["crop"].numpy()))


def test_source_pictures_keep_joints_and_box_about_the_animal(tmp_path, tiny_coco):
    dataset = CocoKeypoints(tiny_coco(tmp_path, n=3, size=80))
    pictures = SourcePictures(dataset, 1 << 26)
    whole, cut = (OriginalItems(d, mean=MEAN, inp_res=64, out_res=16) for d in (dataset, pictures))
    for i in range(3):
        a, b = whole.item(i), cut.item(i)
        np.testing.assert_allclose(b[2]["target_weight"], a[2]["target_weight"])
        known = a[2]["target_weight"][:, 0] > 0
        np.testing.assert_allclose(b[2]["tpts"][known, :2], a[2]["tpts"][known, :2], atol=1)
        assert np.corrcoef(a[0].ravel(), b[0].ravel())[0, 1] > 0.8


def test_step_adds_the_gradients_of_two_passes():
    torch.manual_seed(0)
    fabric = Fabric(accelerator="cpu", devices=1)
    model = build_model("hg", 3, num_stacks=2, width=4, depth=1).train()
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(1)
    pair = tuple(
        {
            "images": torch.randn(b, 3, 32, 32, generator=generator) + b,
            "target": torch.rand(b, 3, 8, 8, generator=generator),
            "weight": torch.tensor([[1.0, 0.0, 1.0]] * b),
        }
        for b in (2, 3)
    )
    step = OriginalStep.__new__(OriginalStep)
    step.fabric, step.gamma, step.loss = fabric, 10.0, LOSSES["published"]
    losses = step(model, pair)
    losses["total"].backward()
    for batch, gamma in zip(pair, (1.0, 10.0)):
        total = sum(joints_mse_original(o, batch["target"], batch["weight"]) for o in other(batch["images"]))
        (gamma * total).backward()
    for (name, a), b in zip(model.named_parameters(), other.parameters()):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-4, atol=1e-6, err_msg=name)
    for a, b in zip(model.buffers(), other.buffers()):
        np.testing.assert_array_equal(a, b)  # source first, then target, each by itself
    assert float(losses["total"].detach()) == pytest.approx(float(losses["source"] + 10 * losses["target"].detach()))


def test_presets_fill_what_is_left_open_and_can_be_changed():
    published, ours = with_defaults(CcsslOptions(protocol="published")), with_defaults(CcsslOptions())
    assert (published.source_augment, published.view_rotation, published.per) == ("strong", 30.0, "global")
    assert (ours.source_augment, ours.view_rotation, ours.per) == ("strong", 20.0, "frame")
    typed = "--protocol published --view-rotation 20 --per joint --source-augment none --views 2 --gamma 1 --flow none"
    found = with_defaults(parse(CcsslOptions, typed.split(), "x", ""))
    assert (found.view_rotation, found.per, found.source_augment, found.views) == (20.0, "joint", "none", 2)
    assert with_defaults(found) == found
    assert published.schedule == () and ours.schedule == (60, 90)
    assert with_defaults(CcsslOptions(protocol="published", schedule=(5,))).schedule == (5,)


@pytest.mark.parametrize("typed", [{"flow": "dis"}, {"hidden": "ignore"}])
def test_options_without_a_use_are_refused(typed):
    name, value = next(iter(typed.items()))
    with pytest.raises(OptionError, match=f"--{name} {value}"):
        with_defaults(CcsslOptions(protocol="published", **typed))
    with_defaults(CcsslOptions(**typed))


@pytest.fixture(scope="module")
def target_data(tmp_path_factory, tiny_coco):
    return tiny_coco(tmp_path_factory.mktemp("target"), n=9, seed=9, video=True)


@pytest.fixture(scope="module")
def command(source_data, source_model, target_data, tiny_options):
    """folder, more -> two rounds of one epoch: 12 source and 9 target pictures in batches of 4, so 3 steps an epoch."""
    pytest.importorskip("imgaug")

    def options(folder, **more):
        more = {
            "protocol": "published",
            "target": f"coco:{target_data}",
            "num_epochs": 2,
            "refresh": 1,
            "views": 2,
            **more,
        }
        data = f"coco:{source_data}"
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, **{"resume": str(source_model), **more}))

    return options


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, command, run_state):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published_labelling, "CHUNK", 4)
        patch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
        folder = run(command(tmp_path_factory.mktemp("runs") / "whole"))
    return folder, run_state(folder, LAST)


def test_the_command_from_a_network_of_exact_crops(uninterrupted, source_model):
    folder, state = uninterrupted
    before, after = checkpoints.load(source_model).spec, checkpoints.load(folder / LAST).spec
    assert (before.kind, after.kind) == ("exact", "published") and (after.mean, after.std) == (before.mean, before.std)
    facts = json.loads((folder / "run.json").read_text())
    assert facts["options"]["per"] == "global" and facts["data"]["protocol"]["name"] == "published"
    rounds = [PseudoLabels.read(folder / f"labels_round_{r:02d}.h5") for r in range(2)]
    for labels, share in zip(rounds, (0.2, 0.4)):  # by 0.2 a round, however few rounds there are
        assert labels.facts["share"] == pytest.approx(share) and "drift_px" not in labels.facts
        expected = confidence_schedule(labels.confidence, 50 * share - 10)[2] > 0
        np.testing.assert_array_equal(labels.admitted, expected)
        assert labels.facts["views"] == 3 and not list(folder.glob("*.npz"))
    assert state[f"{LAST}/epoch"] == len(state["log.csv"]) == 2


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(("place", "number"), [("batch", 1), ("batch", 5), ("labels", 2), ("labels", 5)])
def test_stopped_and_gone_on_is_as_if_nothing_had_been(
    tmp_path, monkeypatch, command, uninterrupted, run_state, place, number
):
    monkeypatch.setattr(published_labelling, "CHUNK", 4)
    monkeypatch.setattr(published_labelling, "PARTIAL_SECONDS", 0.0)
    where, name = (loop, "_optimise") if place == "batch" else (OriginalLabeller, "maps")
    original, count = getattr(where, name), 0

    def counted(*args):
        nonlocal count
        count += 1
        result = original(*args)
        if count == number:
            if place == "labels":
                raise RuntimeError("out of memory")
            os.kill(os.getpid(), signal.SIGINT)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(where, name, counted)
        with pytest.raises(KeyboardInterrupt if place == "batch" else RuntimeError):
            run(command(tmp_path))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted[1]


@pytest.mark.usefixtures("no_report")
def test_a_start_of_published_crops_and_the_score_of_labels(tmp_path, monkeypatch, command, uninterrupted, target_data):
    """A published-mode network adapted once more; labels of the target are read for the log only."""
    start = uninterrupted[0] / "model_best.pth.tar"
    plain, scored = (
        run(command(tmp_path / name, resume=str(start), num_epochs=1, seed=1, score_labels=name == "scored"))
        for name in ("plain", "scored")
    )
    states = [torch.load(f / LAST, weights_only=True)["state_dict"] for f in (plain, scored)]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert "labels/published_acc" in (scored / "log.csv").read_text()
    assert "labels/published_acc" not in (plain / "log.csv").read_text()


def test_score_of_labels_that_are_right_and_that_are_not(target_data):
    truth = CocoKeypoints(target_data)
    spec = InputSpec("published", 256, 64, MEAN, (1.0, 1.0, 1.0))
    n, k = truth.labels[1].shape
    xy = np.nan_to_num(truth.labels[0]).astype(np.float32)
    labels = PseudoLabels(list(truth.ids), xy, np.ones((n, k)), np.ones((n, k), bool), np.zeros((n, k)), np.zeros((n, k), bool),
                          truth.skeleton, {}, np.ones(n))  # fmt: skip
    score = LabelScore(truth, spec)
    assert score(labels) > 0.9
    labels.xy_px = xy[:, ::-1] + 20
    assert score(labels) < 0.5


def test_an_epoch_ends_with_the_smaller_set(tmp_path, monkeypatch, tiny_coco, tiny_options):
    monkeypatch.setattr("zoopose.pose.original.augment.strong", lambda image, pts, draw: (image, pts))
    source, target = (CocoKeypoints(tiny_coco(tmp_path / str(n), n=n)) for n in (10, 5))
    spec = InputSpec("published", 32, 8, MEAN, (1.0, 1.0, 1.0))
    network = checkpoints.Loaded(None, "hg", {}, source.skeleton, spec, {})

    class Folder:
        folder, restored = tmp_path, {}

    def step(**more):
        options = with_defaults(CcsslOptions(**tiny_options(tmp_path, protocol="published", **more)))
        inputs = AdaptationStart(source, source, target, network, None)
        return original_step(options, inputs, Fabric(accelerator="cpu", devices=1), Folder)

    usual = step()
    assert usual.steps == 2 and isinstance(usual.target, OriginalTargetFeed)  # 5 in batches of 4, the short one too
    indices = [[b["index"].tolist() for b in pair] for pair in usual.batches(3, 0)]
    assert [len(t) for _, t in indices] == [4, 1] and sorted(indices[0][1] + indices[1][1]) == list(range(5))
    assert [[b["index"].tolist() for b in pair] for pair in usual.batches(3, 1)] == indices[1:]
    more = step(steps=4)
    assert len(list(more.batches(0, 0))) == 4 and len(list(more.batches(1, 3))) == 1
