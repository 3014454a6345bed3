"""Pseudo-labels against the published functions: averaging, flow over time, schedule, maps of labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from zoopose.ccssl.original import labels as published
from zoopose.pose.original.augment import views

# OpenCV 4 rounds the source of a warp to 1/32 pixel, OpenCV 5 does not
MAP_TOLERANCE = 3e-3
WHOLE_TOLERANCE = 5e-3
FLOW_TOLERANCE_PX = 0.1


def check_label(kpts, expected, average, tolerance, case="") -> None:
    """Joints equal but where two cells of the map tie within the tolerance: there one cell (or another peak) is allowed."""
    np.testing.assert_allclose(kpts[:, 2], expected[:, 2], atol=tolerance, err_msg=case)
    for joint in np.flatnonzero((kpts[:, :2] != expected[:, :2]).any(1)):
        highest = np.sort(average[joint].ravel())[-2:]
        near = np.abs(kpts[joint, :2] - expected[joint, :2]).max() <= 4
        assert near or highest[1] - highest[0] <= 2 * tolerance, f"{case} joint {joint}"


@pytest.mark.golden("fn_ccssl_equivariant_average")
def test_equivariant_average(golden):
    for case, maps in enumerate(golden["in_maps"]):
        scale, rot = views(golden["in_z"][case])
        np.testing.assert_allclose(scale, golden["in_scale"][case], rtol=1e-6)
        np.testing.assert_allclose(rot, golden["in_rot"][case], rtol=1e-6, atol=1e-6)
        average = published.equivariant_average(maps, golden["in_scale"][case], golden["in_rot"][case])
        np.testing.assert_allclose(average, golden["out_avg"][case], atol=MAP_TOLERANCE)
        label = published.label_of(average)
        check_label(label.kpts, golden["out_kpts"][case], average, MAP_TOLERANCE, f"case {case}")


@pytest.mark.golden("fn_ccssl_prediction_check")
def test_prediction_check(golden):
    weight, bias = torch.from_numpy(golden["in_W"]), torch.from_numpy(golden["in_b"])

    def predict(pictures):
        pooled = functional.avg_pool2d(torch.from_numpy(pictures), 4)
        pooled = functional.avg_pool2d(pooled, 9, stride=1, padding=4)
        return (torch.einsum("jc,vchw->vjhw", weight, pooled) + bias[:, None, None]).numpy()

    mean = golden["in_mean"]
    image = (golden["in_img"].astype(np.float32) / 255).transpose(2, 0, 1) - mean[:, None, None]
    scale, rot = views(golden["in_z"])
    crop = published.label_views(image, mean, scale[:1], rot[:1])[0] + mean[:, None, None]
    np.testing.assert_allclose(crop[:, ::4, ::4], golden["out_crop0"], atol=2.001 / 255)
    label = published.prediction_check(predict, image, mean, scale, rot)
    np.testing.assert_allclose(label.average, golden["out_avg"], atol=WHOLE_TOLERANCE)
    check_label(label.kpts, golden["out_kpts"], label.average, WHOLE_TOLERANCE)


@pytest.mark.golden("fn_ccssl_temporal")
def test_temporal_step(golden):
    mean = golden["in_mean"]
    identity = np.full(5, 1.28), np.zeros(5)
    for case, maps in enumerate(golden["in_map"]):
        now, before = (
            (golden[name][case].astype(np.float32) / 255).transpose(2, 0, 1) - mean[:, None, None]
            for name in ("in_img", "in_prev")
        )
        previous = golden["in_prev_kpts"][case].copy()
        label = published.prediction_check(
            lambda _, m=maps: np.stack([m] * 5), now, mean, *identity, (before, previous)
        )
        expected = golden["out_kpts"][case]
        np.testing.assert_allclose(label.kpts[:, :2], expected[:, :2], atol=FLOW_TOLERANCE_PX, err_msg=f"case {case}")
        np.testing.assert_allclose(label.kpts[:, 2], expected[:, 2], atol=1e-6, err_msg=f"case {case}")
        np.testing.assert_allclose(previous, golden["out_prev_kpts_after"][case], atol=1e-6, err_msg=f"case {case}")


@pytest.mark.golden("fn_ccssl_confidence_schedule")
def test_confidence_schedule(golden):
    for case in golden.numbered("in_conf"):
        for k, epoch in enumerate(golden[f"in_epoch{case}"]):
            share, threshold, flags = published.confidence_schedule(golden[f"in_conf{case}"], int(epoch))
            assert share == pytest.approx(float(golden[f"out_p{case}"][k]), abs=1e-12)
            assert threshold == pytest.approx(float(golden[f"out_threshold{case}"][k]), abs=1e-6)
            np.testing.assert_array_equal(flags, golden[f"out_mask{case}"][k])


@pytest.mark.golden("fn_ccssl_kpts_to_heatmap")
def test_kpts_to_heatmap(golden):
    got = published.kpts_to_heatmap(golden["in_kpts"], out_res=golden["out_maps"].shape[-1])
    np.testing.assert_allclose(got, golden["out_maps"], atol=1e-6)
