"""Crop geometry of the published human-pose systems: centre and scale, matrices, points, crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from zoopose.pose import frames
from zoopose.pose.geometry import apply, invert
from zoopose.pose.published_geometry import published_matrix, published_transform

GREY_LEVELS = 5  # what warpAffine may differ by between OpenCV 4 and 5, on single pixels


def same(got, expected, tolerance: float = 1e-6, **more):
    """Equal to a millionth of the value, or of the largest one where it is small."""
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale, **more)


def forward_or_back(golden, frame: str):
    shift = golden["in_shift"] if "in_shift" in golden else np.zeros((len(golden["in_rot"]), 2))
    matrix = frames.crop_matrix(
        frame, golden["in_center"], golden["in_scale"], golden["in_rot"], golden["in_output_size"], shift
    )
    return np.where(golden["in_inv"][:, None, None] != 0, invert(matrix), matrix)


@pytest.mark.golden("fn_sb_affine", "fn_dark_affine")
def test_affine(golden):
    matrix = forward_or_back(golden, "dark" if golden.name.startswith("fn_dark") else "msra")
    same(matrix, golden["out_trans"])
    same(apply(matrix, golden["in_pts"]), golden["out_pts"])


@pytest.mark.golden("fn_sb_box2cs", "fn_dark_box2cs")
def test_box_to_centre_and_scale(golden):
    frame = "dark" if golden.name.startswith("fn_dark") else "msra"
    for name, aspect in (("ar075", 0.75), ("ar1", 1.0)):
        centre, scale = frames.centre_scale(golden["in_boxes"], aspect, 1.25, frame)
        assert centre.dtype == scale.dtype == np.float32
        same(centre, golden[f"out_center_{name}"])
        same(scale, golden[f"out_scale_{name}"])


@pytest.mark.golden("fn_sb_transform_preds", "fn_dark_affine", "fn_udp_warp", "fn_udpmm_warp")
def test_predictions_to_the_picture(golden):
    frame = {"fn_sb": "msra", "fn_da": "dark", "fn_ud": "udp"}[golden.name[:5]]
    size = golden["in_heatmap_size" if frame == "udp" else "in_output_size"]
    box = golden["in_center"], golden["in_scale"], size
    same(frames.transform_preds(frame, golden["in_coords"], *box), golden["out_preds"])
    same(frames.transform_preds(frame, torch.from_numpy(golden["in_coords"]), *box).numpy(), golden["out_preds"])


@pytest.mark.golden("fn_udp_warp", "fn_udpmm_warp")
def test_both_published_forms_of_udp(golden):
    box = golden["in_center"], golden["in_scale"], golden["in_theta"], golden["in_output_size"]
    matrix = frames.crop_matrix("udp", *box)
    if golden.name.startswith("fn_udpmm"):
        same(matrix.astype(np.float32), golden["out_matrix"])
        # the published joints go through the matrix rounded to float32
        same(apply(matrix.astype(np.float32), golden["in_points"]), golden["out_points"])
    else:
        same(invert(matrix).astype(np.float32), golden["out_matrix"])
        same(apply(matrix, golden["in_points"]), golden["out_points"])


@pytest.mark.golden("fn_sb_crop", "fn_udp_crop")
def test_crop(golden):
    frame = "udp" if golden.name.startswith("fn_udp") else "msra"
    cases = golden.numbered("out_crop_")
    assert cases
    for k in cases:
        size = golden[f"in_output_size_{k}"]
        matrix = frames.crop_matrix(
            frame, golden[f"in_center_{k}"], golden[f"in_scale_{k}"], golden[f"in_rot_{k}"], size
        )
        got = cv2.warpAffine(golden["in_img"], matrix, tuple(int(v) for v in size), flags=cv2.INTER_LINEAR)
        difference = np.abs(got.astype(int) - golden[f"out_crop_{k}"])
        assert difference.max() <= GREY_LEVELS and difference.mean() < 0.5, k


@pytest.mark.golden("fn_cpn_crop")
def test_cpn_rectangles(golden):
    hw = golden["in_imgHW_inputHW"]
    box = golden["in_bbox"], hw[:, :2], hw[:, 2:]
    np.testing.assert_array_equal(frames.cpn_rectangle(*box), golden["out_test_details"])
    training = frames.cpn_rectangle(*box, training=True)
    np.testing.assert_array_equal(training, golden["out_train_details"])
    matrix = frames.cpn_joint_matrix(training, hw[:, 2:])
    joints, expected = golden["in_joints"], golden["out_train_joints"]
    known = joints[..., 2] > 0
    same(apply(matrix, joints[..., :2].astype(np.float64))[known], expected[..., :2][known], 2e-6)


@pytest.mark.golden("fn_cpn_crop")
def test_cpn_pixels(golden):
    image, expected = golden["in_pix_image"], golden["out_pix_crop"]
    rectangle = frames.cpn_rectangle(golden["in_pix_bbox"], image.shape[:2], expected.shape[:2])
    np.testing.assert_array_equal(rectangle, golden["out_pix_details"])
    got = frames.cpn_crop(image, rectangle, expected.shape[:2], frames.CPN_FILL)
    assert np.abs(got.astype(int) - expected).max() <= GREY_LEVELS


@pytest.mark.golden("fn_mspn_geometry")
def test_mspn_boxes_and_affine(golden):
    options = golden["in_inputH_inputW_rot_xext_yext"]
    for k, (h, w, rot, x_extension, y_extension) in enumerate(options):
        padding = 1 + x_extension, 1 + y_extension
        centre, scale = frames.centre_scale(golden["in_bbox_xywh"][k], w / h, padding)
        same(centre, golden["out_center"][k], err_msg=f"case {k}")
        same(scale, golden["out_scale"][k], err_msg=f"case {k}")
        same(frames.crop_matrix("msra", centre, scale, rot, (w, h)), golden["out_affine"][k], err_msg=f"case {k}")


@pytest.mark.golden("fn_hg_bearpaw_transform")
def test_hourglass_transforms(golden):
    center, scale, res, rot = (golden[f"in_{n}"] for n in ("center", "scale", "res", "rot"))
    one = (center[:, None], scale[:, None], res[:, None])
    same(published_matrix(center, scale, res, rot), golden["out_matrix"])
    np.testing.assert_array_equal(published_transform(golden["in_pts"], *one, rot[:, None]), golden["out_points"])
    back = published_transform(golden["in_heatmap_pts"], *one, inverse=True)
    np.testing.assert_array_equal(back, golden["out_points_inv"])
    princeton = published_transform(golden["in_pts"], *one, rot[:, None], first=0)
    np.testing.assert_array_equal(princeton, golden["out_points_princeton"])
