"""Labels carried through a video: inside a shot only, and only where the flow makes sense."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from zoopose.ccssl import labelling
from zoopose.ccssl.consistency import Views
from zoopose.ccssl.labelling import Labeller, LabelRules, fingerprint
from zoopose.ccssl.propagation import Temporal
from zoopose.datasets.crops import CropCache, collate
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.pose import heatmap
from zoopose.pose.augment import Augmentation
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.random_draws import generator_for
from zoopose.pose.skeleton import Skeleton
from zoopose.train.selftraining.labeller import Execution
from zoopose.train.streams import Stream

SIZE, CELLS, PAD = 64, 16, 13
FORM = InputSpec("exact", SIZE, CELLS)
STILL = Views(0, Augmentation(), Augmentation())
CORNER = 28.0  # of the animal's box in the picture


class Video(PoseDataset):
    """Frames of 120 px with a square box: one texture that moves by `motion` px a frame, or noise where `cut` says."""

    crop_factor, labels = 1.0, None
    skeleton = Skeleton("s", ("left_a", "right_a", "b"))

    def __init__(self, n: int, motion=(0.0, 0.0), shots=None, cut=(), boxes=None, broken=()):
        rng = np.random.default_rng(0)
        texture = cv2.GaussianBlur(rng.integers(0, 256, (200, 200)).astype(np.float32), (0, 0), 2)
        texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
        self.frames = []
        for i in range(n):
            if i in cut:
                texture = np.ascontiguousarray(texture[::-1, ::-1].T)
            move = np.array([[1, 0, i * motion[0] - 40], [0, 1, i * motion[1] - 40]], np.float64)
            frame = cv2.warpAffine(texture, move, (120, 120), flags=cv2.INTER_LINEAR).astype(np.uint8)
            self.frames.append(np.repeat(frame[..., None], 3, 2))
        self.ids = [f"frame{i}" for i in range(n)]
        self.shots = ["shot"] * n if shots is None else shots
        self.boxes = boxes or [(CORNER, CORNER, SIZE, SIZE)] * n
        self.broken = broken

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        if i in self.broken:
            raise PictureError(self.ids[i], "cut short")
        k = len(self.skeleton)
        box = np.array(self.boxes[i], np.float32)
        return PoseSample(self.frames[i], np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, {"id": self.ids[i]})


class Script(nn.Module):
    """Gives frame after frame the maps that it was written."""

    def __init__(self, confidence, xy_cells):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        confidence, xy = (
            torch.as_tensor(confidence, dtype=torch.float32),
            torch.as_tensor(xy_cells, dtype=torch.float32),
        )
        n, k = confidence.shape
        peaks = heatmap.encode(xy.expand(n, k, 2), torch.ones(n, k), (CELLS, CELLS), 1.0)
        self.maps, self.at = peaks * confidence[..., None, None], 0

    def forward(self, images):
        self.at += len(images)
        return [self.maps[self.at - len(images) : self.at]]


def label(video: Video, model: nn.Module, flow: str = "lk", partial=None, seed: int = 0, views: Views = STILL):
    crops = CropCache(video, SIZE + 2 * PAD, 1 + 2 * PAD / SIZE, 1 << 26)
    labeller = Labeller(crops, FORM, Execution(torch.device("cpu")), LabelRules(seed, views, Temporal(flow)))
    return labeller.label(model, 0, partial)


def px(xy_cells) -> np.ndarray:
    """Cells -> picture px."""
    return (np.asarray(xy_cells, np.float64) + 0.5) * SIZE / CELLS - 0.5 + CORNER


XY = [[6.0, 7.0], [9.0, 6.0], [8.0, 10.0]]
STRONG, WEAK = [0.9, 0.8, 0.7], [0.1, 0.1, 0.1]


@pytest.mark.parametrize("flow", ["lk", "dis"])
def test_a_confident_label_moves_on_with_the_animal(flow):
    motion = np.array([2.0, 1.0])
    labels = label(Video(3, motion), Script([STRONG, WEAK, WEAK], XY), flow)
    assert not labels.carried[0].any() and labels.carried[1:].all()
    for frame in range(3):
        np.testing.assert_allclose(labels.xy_px[frame], px(XY) + frame * motion, atol=0.4)
        np.testing.assert_allclose(labels.confidence[frame], np.array(STRONG) * 0.9**frame, rtol=1e-5)
    assert not labels.admitted.any()


def test_a_label_that_is_confident_itself_stays():
    labels = label(Video(2, (2, 1)), Script([STRONG, [0.85, 0.71, 0.7]], XY))
    # 0.81, 0.72 and 0.63 would be carried
    assert labels.carried[1].tolist() == [False, True, False]
    np.testing.assert_allclose(labels.confidence[1], [0.85, 0.72, 0.7], rtol=1e-5)
    np.testing.assert_allclose(labels.xy_px[1, [0, 2]], px(XY)[[0, 2]], atol=0.02)


@pytest.mark.parametrize("shots", [["a", "b"], ["", ""], ["a", ""]])
def test_nothing_is_carried_from_shot_to_shot_or_between_stills(shots):
    labels = label(Video(2, shots=shots), Script([STRONG, WEAK], XY))
    assert not labels.carried.any()
    np.testing.assert_allclose(labels.confidence[1], WEAK, rtol=1e-5)


def test_nothing_is_carried_when_flow_is_off():
    assert not label(Video(2), Script([STRONG, WEAK], XY), "none").carried.any()


@pytest.mark.parametrize("flow", ["lk", "dis"])
def test_a_cut_inside_a_shot_is_refused_by_the_check_back_and_forth(flow):
    labels = label(Video(2, cut=[1]), Script([STRONG, WEAK], XY), flow)
    assert not labels.carried.any()


def test_moves_that_are_too_long_are_refused():
    reach = Temporal().reach * SIZE
    assert label(Video(2, (reach - 0.7, 0)), Script([STRONG, WEAK], XY)).carried[1].all()
    assert not label(Video(2, (reach + 0.7, 0)), Script([STRONG, WEAK], XY)).carried.any()


def test_a_moving_box_is_no_motion():
    boxes = [(CORNER, CORNER, SIZE, SIZE), (CORNER + 8, CORNER - 6, SIZE - 4, SIZE - 4)]
    labels = label(Video(2, boxes=boxes), Script([STRONG, WEAK], XY))
    assert labels.carried[1].all()
    np.testing.assert_allclose(labels.xy_px[1], px(XY), atol=0.4)


def test_a_frame_without_any_confidence_carries_nothing():
    labels = label(Video(2), Script([[0.0, 0.5, -0.2], WEAK], XY))
    assert labels.carried[1].tolist() == [False, True, False]
    assert (labels.confidence >= 0).all()


@pytest.mark.parametrize("flow", ["lk", "dis"])
def test_the_temporal_check_is_how_far_a_label_lies_from_where_its_neighbours_flows(flow):
    """The texture moves by (2, 1) px a frame; the labels of frame 1 stay where they were, those of frame 2 move with it."""
    stays, moves = np.array(XY), np.array(XY) + np.array([2.0, 1.0]) * CELLS / SIZE
    labels = label(Video(3, (2, 1)), Script([[0.6] * 3, [0.6] * 3, [0.9] * 3], np.stack([stays, stays, moves])), flow)
    temporal = labels.checks["temporal"]
    assert np.isnan(temporal[0]).all() and not labels.carried.any()
    np.testing.assert_allclose(temporal[1], np.hypot(2, 1), atol=0.4)
    np.testing.assert_allclose(temporal[2], 0, atol=0.4)


def test_the_temporal_check_keeps_what_a_carried_label_was_before():
    far = np.array(XY) + [1.0, 0.0]
    labels = label(Video(2), Script([STRONG, WEAK], np.stack([np.array(XY), far])))
    assert labels.carried[1].all()
    np.testing.assert_allclose(labels.checks["temporal"][1], 1.0 * SIZE / CELLS, atol=0.2)


class Jittered(Script):
    """Its views of a frame lie `apart` cells of the frame to the right and to the left of what was written, in turn."""

    def __init__(self, confidence, xy_cells, apart):
        confidence, xy = np.asarray(confidence), np.asarray(xy_cells, np.float64)
        sides = np.array([1.0, -1.0])[None, :, None] * np.asarray(apart)[:, None, :]
        rows = np.repeat(xy[None, None], len(confidence), 0).repeat(2, 1)
        rows[..., 0] += sides
        super().__init__(confidence.repeat(2, 0), rows.reshape(-1, *xy.shape))


ONE_MORE = Views(1, Augmentation(), Augmentation(colour=1e-3))  # a frame has two views, and none moves
CLOSE, WIDE = [0.5, 0.25, 0.0], [1.0, 1.5, 2.0]  # cells


def test_a_carried_label_has_the_evidence_of_the_one_it_comes_from_decayed():
    """Views of frame 0 lie close together, those of the weak frames far apart: nothing of these may remain."""
    frames = 4
    model = Jittered([STRONG] + [WEAK] * (frames - 1), XY, [CLOSE] + [WIDE] * (frames - 1))
    labels = label(Video(frames, (1, 1)), model, views=ONE_MORE)
    assert labels.carried[1:].all() and not labels.carried[0].any()
    found = {"agreement": labels.agreement_px, "invariance": labels.checks["invariance"]}
    np.testing.assert_allclose(found["invariance"][0], 2 * np.array(CLOSE) * SIZE / CELLS, atol=0.2)
    for frame in range(1, frames):
        np.testing.assert_allclose(labels.peak[frame], 0.9**frame * labels.peak[0], rtol=1e-5)
        for name, values in found.items():
            np.testing.assert_allclose(values[frame], values[0] / 0.9**frame, rtol=1e-5, err_msg=name)
    np.testing.assert_array_equal(labels.peak, labels.confidence)
    assert np.isnan(labels.checks["equivariance"]).all()


def test_a_label_that_stays_keeps_its_own_evidence_beside_carried_ones():
    scores, apart = [STRONG, [0.1, 0.85, 0.1]], [CLOSE, [1.0, 0.3, 2.0]]
    labels = label(Video(2), Jittered(scores, XY, apart), views=ONE_MORE)
    assert labels.carried[1].tolist() == [True, False, True]
    alone = label(Video(2), Jittered(scores, XY, apart), "none", views=ONE_MORE)
    assert not alone.carried.any()
    np.testing.assert_array_equal(labels.agreement_px[1, 1], alone.agreement_px[1, 1])
    np.testing.assert_array_equal(labels.peak[1, 1], alone.peak[1, 1])
    assert (labels.agreement_px[1, [0, 2]] < alone.agreement_px[1, [0, 2]]).all()


@pytest.mark.parametrize("what", ["stills", "a cut", "off", "unreadable"])
def test_there_is_no_temporal_check_without_a_neighbour_that_flows_here(what):
    video = Video(3, shots=[""] * 3 if what == "stills" else None, cut=[1] if what == "a cut" else (),
                  broken=[1] if what == "unreadable" else ())  # fmt: skip
    labels = label(video, Script([STRONG] * 3, XY), "none" if what == "off" else "lk")
    if what == "off":
        assert "temporal" not in labels.checks
    else:
        assert np.isnan(labels.checks["temporal"][:2]).all()
    assert np.isnan(labels.checks["invariance"]).all() and np.isnan(labels.checks["equivariance"]).all()


def test_every_check_is_made_in_px_of_the_crop(network):
    labels = label(Video(4, shots=[""] * 4), network, views=Views(3))
    assert set(labels.checks) == {"invariance", "equivariance", "temporal"}
    crops = CropCache(Video(4), SIZE + 2 * PAD, 1 + 2 * PAD / SIZE, 1 << 26)
    batch = collate([crops[i] for i in range(4)])
    found = labelling.label_views(
        network,
        batch["crop"],
        crops.margin,
        FORM,
        Views(3),
        np.array([1, 0, 2]),
        generator_for(0, Stream.LABELLING, 0, 0),
    )
    for name in ("invariance", "equivariance"):
        np.testing.assert_allclose(labels.checks[name], getattr(found, name) * SIZE / CELLS, rtol=1e-6)
    np.testing.assert_array_equal(labels.peak, labels.confidence)


@pytest.mark.parametrize("chunk", [2, 3, 32])
def test_a_frame_that_cannot_be_read_has_no_label_and_breaks_the_chain(monkeypatch, chunk):
    monkeypatch.setattr(labelling, "CHUNK", chunk)
    video = Video(6, broken=[2])
    labels = label(video, Script([STRONG, WEAK, WEAK, WEAK, WEAK], XY))
    assert np.isnan(labels.xy_px[2]).all() and (labels.confidence[2] == 0).all()
    assert labels.carried[1].all() and not labels.carried[2:].any()
    assert labels.ids == video.ids


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_chunks_do_not_break_the_chain(monkeypatch, chunk):
    whole = label(Video(5, (1, 1)), Script([STRONG, WEAK, WEAK, WEAK, WEAK], XY))
    monkeypatch.setattr(labelling, "CHUNK", chunk)
    parts = label(Video(5, (1, 1)), Script([STRONG, WEAK, WEAK, WEAK, WEAK], XY))
    assert whole.carried[1:].all()
    np.testing.assert_array_equal(parts.xy_px, whole.xy_px)
    np.testing.assert_array_equal(parts.confidence, whole.confidence)


class Fails(nn.Module):
    def __init__(self, model: nn.Module, after: int):
        super().__init__()
        self.model, self.left = model, after

    def forward(self, images):
        if self.left == 0:
            raise RuntimeError("gone")
        self.left -= 1
        return self.model(images)

    def state_dict(self):
        return self.model.state_dict()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = build_model("hg", 3, num_stacks=1, width=4, depth=1)
    with torch.no_grad():
        model.score[0].bias.fill_(0.3)
    return model.eval()


def equal(a, b) -> bool:
    arrays = ("xy_px", "confidence", "peak", "agreement_px", "carried", "crop_px")
    return (
        all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=n != "carried") for n in arrays)
        and a.checks.keys() == b.checks.keys()
        and all(np.array_equal(a.checks[n], b.checks[n], equal_nan=True) for n in a.checks)
        and a.facts == b.facts
    )


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("broken", [(), (3,), (4,)])
def test_labelling_that_was_broken_off_goes_on_where_it_was(tmp_path, monkeypatch, network, after, broken):
    monkeypatch.setattr(labelling, "CHUNK", 4)
    monkeypatch.setattr(labelling, "PARTIAL_SECONDS", 0.0)
    video, partial, views = Video(14, (1, 0), broken=broken), tmp_path / "p.npz", Views(2)
    whole = label(video, network, views=views)
    with pytest.raises(RuntimeError, match="gone"):
        label(video, Fails(network, after), partial=partial, views=views)
    rest = Fails(network, 100)
    assert equal(label(video, rest, partial=partial, views=views), whole)
    assert 100 - rest.left == 4 - after


@pytest.mark.parametrize("change", ["network", "seed", "flow", "views", "frames", "cut short", "rubbish", "empty"])
def test_progress_of_another_labelling_is_not_taken(tmp_path, monkeypatch, network, change):
    monkeypatch.setattr(labelling, "CHUNK", 4)
    monkeypatch.setattr(labelling, "PARTIAL_SECONDS", 0.0)
    partial, options = tmp_path / "p.npz", {"views": Views(1), "seed": 0, "flow": "lk"}
    video, model = Video(10), network
    with pytest.raises(RuntimeError):
        label(video, Fails(network, 2), partial=partial, **options)
    if change == "network":
        model = build_model("hg", 3, num_stacks=1, width=4, depth=1).eval()
    elif change == "frames":
        video = Video(10)
        video.ids[0] = "another"
    elif change == "cut short":
        partial.write_bytes(partial.read_bytes()[:-100])
    elif change in ("rubbish", "empty"):
        partial.write_bytes(b"rubbish" if change == "rubbish" else b"")
    else:
        options[change] = {"seed": 1, "flow": "none", "views": Views(2)}[change]
    counting = Fails(model, 100)
    found = label(video, counting, partial=partial, **options)
    assert 100 - counting.left >= 3
    assert equal(found, label(video, model, **options))


def test_a_fingerprint_tells_networks_apart(network):
    mark = fingerprint(network)
    other = build_model("hg", 3, num_stacks=1, width=4, depth=1)
    assert fingerprint(other) != mark
    other.load_state_dict(network.state_dict())
    assert fingerprint(other) == mark and fingerprint(other.to(memory_format=torch.channels_last)) == mark
    with torch.no_grad():
        other.bn1.running_mean[0] += 1e-3
    assert fingerprint(other) != mark


def test_the_mode_of_the_network_is_put_back(network):
    network.train()
    label(Video(2), network)
    assert network.training
    network.eval()
    label(Video(2), network)
    assert not network.training
