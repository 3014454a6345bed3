"""The score without target labels: full for a network that agrees with itself, lower for one that does not."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zoopose.ccssl.frame_sample import FrameSample
from zoopose.ccssl.model_selection import ModelSelection
from zoopose.ccssl.selfcheck import SelfCheck
from zoopose.datasets.crops import CropCache
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import Skeleton

SIZE, CELLS, PAD = 64, 16, 13
FORM = InputSpec("exact", SIZE, CELLS, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Film(PoseDataset):
    """A texture with three dots on it, all of which move by `motion` px a frame."""

    crop_factor, labels = 1.0, None
    skeleton = Skeleton("s", ("a", "b", "c"))

    def __init__(self, n: int = 5, motion=(2.0, 1.0), shots=None, broken=()):
        rng = np.random.default_rng(0)
        texture = cv2.GaussianBlur(rng.integers(0, 256, (160, 160)).astype(np.float32), (0, 0), 2)
        texture = np.repeat(cv2.normalize(texture, None, 0, 60, cv2.NORM_MINMAX)[..., None], 3, 2)
        cell = np.arange(160)
        for joint, (x, y) in enumerate([(70, 75), (88, 70), (80, 90)]):
            texture[..., joint] += 190 * np.exp(
                -((cell - x)[None, :] ** 2) / 50 - ((cell - y)[:, None] ** 2) / 50
            ).astype(np.float32)
        self.frames = []
        for i in range(n):
            move = np.array([[1, 0, i * motion[0] - 20], [0, 1, i * motion[1] - 20]], np.float64)
            self.frames.append(cv2.warpAffine(texture, move, (120, 120), flags=cv2.INTER_LINEAR).astype(np.uint8))
        self.ids = [str(i) for i in range(n)]
        self.shots, self.broken = ["shot"] * n if shots is None else shots, broken

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        if i in self.broken:
            raise PictureError(str(i), "cut short")
        box = np.array([28, 28, SIZE, SIZE], np.float32)
        return PoseSample(self.frames[i], np.zeros((3, 2), np.float32), np.zeros(3, np.uint8), box, {"id": str(i)})


class Sees(nn.Module):
    """Each joint's dot, and maps moved by `off` cells to the right."""

    def __init__(self, off: int = 0):
        super().__init__()
        self.off, self.weight = off, nn.Parameter(torch.ones(1))

    def forward(self, images):
        maps = F.avg_pool2d(images, 4) * self.weight
        return [F.pad(maps, (self.off, 0))[..., :CELLS]]


class Stares(nn.Module):
    """Sees every joint where it always does: agrees with all but the picture."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        cell = torch.arange(CELLS)
        bump = torch.exp(-((cell - (CELLS - 1) / 2) ** 2) / 2)
        return [(bump[:, None] * bump).expand(len(images), 3, -1, -1) * self.weight]


def check(film: Film, teacher: nn.Module | None = None, flow: str = "lk") -> SelfCheck:
    crops = CropCache(film, SIZE + 2 * PAD, 1 + 2 * PAD / SIZE, 0)
    return SelfCheck(crops, list(film.shots), FORM, flow, lambda: teacher)


def test_a_network_that_always_sees_the_same_animal_has_all():
    found = check(Film(), Sees())(Sees().train(), 1.0)
    assert found == {f"selfcheck/{name}": 1.0 for name in ("score", "source", "views", "teacher", "neighbours")}


def test_every_part_sees_its_own_fault_and_the_score_is_their_geometric_mean():
    askew = check(Film(), Sees())(Sees(2), 0.81)
    assert askew["selfcheck/views"] == 0.0 and askew["selfcheck/teacher"] == 0.0
    assert askew["selfcheck/neighbours"] == 1.0, "what is off by the same in every frame still moves with it"
    parts = [askew[f"selfcheck/{name}"] for name in ("source", "views", "teacher", "neighbours")]
    assert askew["selfcheck/score"] == pytest.approx(np.prod(np.maximum(parts, 1e-6)) ** 0.25)
    apart = check(Film(), Sees(1))(Sees(), 0.5)
    assert apart["selfcheck/views"] == 1.0 and apart["selfcheck/teacher"] == 0.0
    stares = check(Film(motion=(4.0, 0.0)))(Stares(), 0.3)
    assert stares["selfcheck/views"] == 1.0 and stares["selfcheck/neighbours"] < 0.5


def test_better_networks_rank_higher():
    made = check(Film(), Sees())
    good, poor = made(Sees(), 0.8), made(Sees(1), 0.8)
    forgets = made(Sees(), 0.2)
    assert good["selfcheck/score"] > forgets["selfcheck/score"] > poor["selfcheck/score"]
    assert good["selfcheck/score"] == pytest.approx(0.8**0.25)


@pytest.mark.parametrize("why", ["stills", "off", "shots of one"])
def test_without_neighbours_or_teacher_the_parts_are_left_out(why):
    shots = {"stills": [""] * 5, "off": None, "shots of one": list("abcde")}[why]
    found = check(Film(shots=shots), flow="none" if why == "off" else "lk")(Sees(), 0.64)
    assert set(found) == {"selfcheck/score", "selfcheck/source", "selfcheck/views"}
    assert found["selfcheck/score"] == pytest.approx(0.8)


def test_a_source_without_a_score_is_left_out():
    found = check(Film(shots=[""] * 5))(Sees(), math.nan)
    assert set(found) == {"selfcheck/score", "selfcheck/views"} and found["selfcheck/score"] == 1.0


def test_a_target_that_cannot_be_read_gives_nothing():
    assert check(Film(broken=range(5)))(Sees(), 1.0) == {}


def test_a_broken_frame_is_no_neighbour():
    made = check(Film(broken=(2,)))
    assert made.sample.rows.tolist() == [0, 1, 3, 4]
    assert made(Sees(), 1.0)["selfcheck/neighbours"] == 1.0
    assert "selfcheck/neighbours" not in check(Film(3, broken=(1,)))(Sees(), 1.0)


@pytest.mark.parametrize(("n", "count"), [(100, 10), (7, 10), (11, 11), (1, 4)])
def test_a_sample_is_spread_over_the_whole_set(n, count):
    crops = CropCache(Film(n, (0, 0)), SIZE, 1.0, 0)
    found = FrameSample.spread(crops, count)
    assert found.rows[0] == 0 and found.rows[-1] == n - 1 and len(found.rows) == min(n, count)
    steps = np.diff(found.rows)
    assert (steps >= 1).all() and steps.max(initial=1) - steps.min(initial=n) <= 1
    assert found.crops.shape == (len(found.rows), 3, SIZE, SIZE) and found.crops.dtype == torch.uint8
    assert (found.box_px == SIZE).all() and found.xy_crop.shape == (len(found.rows), 3, 2)


def test_frames_of_shots_are_sampled_with_their_successor():
    n, count = 60, 12
    linked = np.arange(n) % 6 > 0
    found = FrameSample.spread(CropCache(Film(n, (0, 0)), SIZE, 1.0, 0), count, linked)
    rows = set(found.rows.tolist())
    pairs = [r for r in rows if linked[r] and r - 1 in rows]
    assert count // 2 <= len(pairs) and len(rows) <= count
    assert all(r in pairs or r + 1 in rows for r in rows)


def test_the_judge_scores_without_labels_only_whole_validations():
    def validation(model, batches):
        return {"val/pck": 0.81}

    selection = ModelSelection(validation, check(Film(shots=[""] * 5)), "selfcheck/score")
    assert selection(Sees(), 2) == {"val/pck": 0.81}
    assert selection(Sees(), None)["selfcheck/score"] == pytest.approx(0.9)
    assert ModelSelection(validation, None, "val/pck")(Sees(), None) == {"val/pck": 0.81}
    nothing = ModelSelection(lambda model, batches: {}, check(Film(shots=[""] * 5)), "selfcheck/score")
    assert nothing(Sees(), None) == {"selfcheck/score": 1.0, "selfcheck/views": 1.0}
