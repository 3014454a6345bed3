"""Points followed through a known motion, and points that cannot be followed."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch

from zoopose.errors import OptionError, WeightsError
from zoopose.pose.flow import FLOWS, flow_for

POINTS = np.array([[30.0, 40.0], [52.5, 31.25], [64.0, 70.0]], np.float32)


def texture(seed: int = 0, size: int = 100) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (size, size)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


def moved(picture: np.ndarray, dx: float, dy: float) -> np.ndarray:
    return cv2.warpAffine(picture, np.array([[1.0, 0, dx], [0, 1, dy]]), picture.shape[::-1]).astype(np.uint8)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("motion", [(0, 0), (2.5, -1.25), (-4, 3)])
def test_points_follow_the_motion(name, motion):
    picture = texture()
    there, missed = FLOWS[name](picture.astype(np.uint8), moved(picture, *motion), POINTS)
    assert there.shape == (3, 2) and missed.shape == (3,)
    np.testing.assert_allclose(there, POINTS + np.array(motion), atol=0.25)
    assert (missed < 0.25).all()


@pytest.mark.parametrize("name", FLOWS)
def test_the_way_back_misses_in_unrelated_pictures(name):
    points = np.stack(np.meshgrid(np.arange(20, 80, 10), np.arange(20, 80, 10)), -1).reshape(-1, 2)
    _, missed = FLOWS[name](texture(0).astype(np.uint8), texture(1).astype(np.uint8), points)
    assert (missed > 1).mean() > 0.8


def test_points_that_leave_the_picture_are_lost():
    picture = texture()
    _, missed = FLOWS["lk"](picture.astype(np.uint8), moved(picture, 0, 0), np.array([[-40.0, 50.0], [50.0, 50.0]]))
    assert missed[0] == np.inf and missed[1] < 0.1


@pytest.mark.parametrize("name", FLOWS)
def test_no_points_are_no_fault(name):
    picture = texture().astype(np.uint8)
    there, missed = FLOWS[name](picture, picture, np.zeros((0, 2), np.float32))
    assert there.shape == (0, 2) and missed.shape == (0,)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("size", [16, 45])
def test_small_pictures_are_followed_too(name, size):
    picture = texture(size=size).astype(np.uint8)
    there, missed = FLOWS[name](picture, picture, np.array([[size / 2, size / 2]], np.float32))
    np.testing.assert_allclose(there, [[size / 2, size / 2]], atol=0.1)
    assert (missed < 0.1).all()


@pytest.fixture(scope="module")
def raft_weights(tmp_path_factory):
    """Random weights: that the flow is right is torchvision's matter, that it comes through is ours."""
    models = pytest.importorskip("torchvision.models.optical_flow")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "raft_small.pth"
    torch.save(models.raft_small(weights=None).state_dict(), path)
    return path


@pytest.mark.parametrize("size", [100, 131])
def test_raft_reads_the_network_s_flow_at_the_points(raft_weights, size):
    """Any side will do; the result is the field of the padded pair at the points, there and back."""
    flow = flow_for("raft", raft_weights)
    first, second = texture(size=size).astype(np.uint8), moved(texture(size=size), 3, 1)
    there, missed = flow(first, second, POINTS)
    assert there.shape == (3, 2) and missed.shape == (3,) and np.isfinite(there).all() and (missed >= 0).all()
    again, _ = flow(first, second, POINTS[::-1])
    np.testing.assert_allclose(there, again[::-1], atol=1e-4)
    assert flow(first, second, np.zeros((0, 2)))[0].shape == (0, 2)
    other, _ = flow(second, first, POINTS)
    assert np.abs(other - there).max() > 1e-4

    network = flow.args[0]
    network.forward = lambda a, b: [torch.stack([torch.full_like(a[0, :2], 2.0), torch.full_like(a[0, :2], -1.5)])]
    there, missed = flow(first, second, POINTS)
    np.testing.assert_allclose(there, POINTS + 2, atol=1e-5)
    np.testing.assert_allclose(missed, np.hypot(0.5, 0.5), atol=1e-5)


def test_raft_without_weights_or_with_others_says_what_it_takes(tmp_path, raft_weights):
    with pytest.raises(OptionError, match="--raft-weights FILE"):
        flow_for("raft")
    with pytest.raises(WeightsError, match="nothing.pth"):
        flow_for("raft", tmp_path / "nothing.pth")
    state = torch.load(raft_weights, weights_only=True)
    torch.save({k: v for k, v in list(state.items())[1:]}, tmp_path / "less.pth")
    with pytest.raises(WeightsError, match=f"(?s)without {next(iter(state))}.*--flow dis"):
        flow_for("raft", tmp_path / "less.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(WeightsError, match="readable"):
        flow_for("raft", tmp_path / "text.pth")


def test_raft_without_torchvision_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", None)
    with pytest.raises(OptionError, match="(?s)torchvision.*--flow dis"):
        flow_for("raft", tmp_path / "any.pth")
