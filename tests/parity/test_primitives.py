"""Points, crops, target maps, decoding, flip and loss against the published functions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.pose.losses import joints_mse_original
from zoopose.pose.original import geometry
from zoopose.pose.original.crop import image_to_chw, original_crop
from zoopose.pose.original.heatmap import LABEL_TYPES, draw_labelmaps, final_preds, flip_back, peaks


@pytest.mark.golden("fn_ccssl_transform")
def test_transform(golden):
    box = golden["in_center"], golden["in_scale"], golden["in_res"], golden["in_rot"]
    np.testing.assert_allclose(geometry.original_matrix(*box), golden["out_matrix"], rtol=1e-9, atol=1e-9)
    there = geometry.original_transform(golden["in_pt"], *box)
    back = geometry.original_transform(golden["in_pt"], *box, inverse=True)
    got = np.where(golden["in_invert"][:, None] != 0, back, there)
    np.testing.assert_array_equal(got, golden["out_pt"])


@pytest.mark.golden("fn_ccssl_draw_labelmap")
def test_draw_labelmap(golden):
    for i, point in enumerate(golden["in_pt"]):
        canvas = golden["in_img"][i].copy()
        kind = LABEL_TYPES[int(golden["in_type"][i])]
        drawn, flag = draw_labelmaps(point, canvas.shape, int(golden["in_sigma"][i]), kind, canvas=canvas)
        np.testing.assert_allclose(drawn, golden["out_map"][i], atol=1e-6, err_msg=f"case {i}")
        assert flag == golden["out_vis"][i], f"case {i}"


@pytest.mark.golden("fn_ccssl_draw_labelmap")
def test_draw_labelmap_of_many_joints_at_once(golden):
    sigma, kind = golden["in_sigma"], golden["in_type"]
    for s, t in {(int(a), int(b)) for a, b in zip(sigma, kind)}:
        chosen = (sigma == s) & (kind == t)
        canvas = golden["in_img"][chosen].copy()
        drawn, flags = draw_labelmaps(golden["in_pt"][chosen], canvas.shape[1:], s, LABEL_TYPES[t], canvas=canvas)
        np.testing.assert_allclose(drawn, golden["out_map"][chosen], atol=1e-6)
        np.testing.assert_array_equal(flags, golden["out_vis"][chosen])


@pytest.mark.golden("fn_ccssl_decode")
def test_decode(golden):
    np.testing.assert_array_equal(peaks(golden["in_maps"]), golden["out_get_preds"])
    got = final_preds(golden["in_maps"], golden["in_center"], golden["in_scale"])
    np.testing.assert_array_equal(got, golden["out_final_preds"])


@pytest.mark.golden("fn_ccssl_crop")
def test_crop(golden, stretched_tolerance):
    sizes = golden.numbered("out_")
    size_of = {}
    for value, count in zip(*np.unique(golden["in_res"], return_counts=True)):
        fitting = [s for s in sizes if len(golden[f"out_{s}"]) == count and s not in size_of.values()]
        size_of[value] = fitting[0]
    taken = dict.fromkeys(sizes, 0)
    for i, which in enumerate(golden["in_which"]):
        size = size_of[golden["in_res"][i]]
        image = image_to_chw(golden["in_img"][which])
        center = golden["in_center"][i].astype(np.float32)
        got = original_crop(image, center, float(golden["in_scale"][i]), (size, size), float(golden["in_rot"][i]))
        expected = golden[f"out_{size}"][taken[size]]
        taken[size] += 1
        assert got.dtype == np.float32 and got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=stretched_tolerance, err_msg=f"case {i}")


@pytest.mark.golden("fn_ccssl_flip")
def test_flip(golden):
    np.testing.assert_array_equal(flip_back(golden["in_maps"]), golden["out_maps"])
    np.testing.assert_array_equal(geometry.flip_points(golden["in_pts"], golden["in_width"]), golden["out_pts"])
    np.testing.assert_array_equal(golden["in_img"][..., ::-1], golden["out_img"])


@pytest.mark.golden("fn_ccssl_joints_mse_loss")
def test_joints_mse_with_its_gradient(golden):
    for k in golden.numbered("in_output"):
        output, target, weight = (torch.from_numpy(golden[f"in_{name}{k}"]) for name in ("output", "target", "weight"))
        output.requires_grad_(True)
        loss = joints_mse_original(output, target, weight, int(golden[f"in_num_keypoints{k}"]))
        loss.backward()
        np.testing.assert_allclose(loss.item(), golden[f"out_loss{k}"], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(output.grad.numpy(), golden[f"out_grad{k}"], rtol=1e-5, atol=1e-8)
