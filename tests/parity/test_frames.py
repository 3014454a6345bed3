"""Crop geometry of the published human-pose systems: centre and scale, matrices, points, crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from zoopose.datasets.person_crops import cut_person
from zoopose.datasets.sample import PoseSample
from zoopose.pose import person_frames as frames
from zoopose.pose.geometry import apply, invert
from zoopose.pose.heatmap import encode
from zoopose.pose.original.geometry import original_matrix, original_transform
from zoopose.pose.person_augment import (
    PersonAugmentation,
    PersonDraw,
    half_body,
    joint_weights,
    mirror_joints,
    place,
    upper_body,
)
from zoopose.pose.skeleton import COCO17, MPII16
from zoopose.pose.target_weight import target_weight

DRAWS = ["rand_half", "randn_half", "randn_scale", "rnd_rot", "randn_rot", "rnd_flip"]
GREY_LEVELS = 5  # what warpAffine may differ by between OpenCV 4 and 5, on single pixels


def same(got, expected, tolerance: float = 1e-6, **more):
    """Equal to a millionth of the value, or of the largest one where it is small."""
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale, **more)


def same_picture(got, expected):
    """Equal but for the weights of warpAffine, which OpenCV 4 rounds to 1/32 of a pixel."""
    difference = np.abs(got.astype(int) - expected)
    assert difference.mean() < 0.5
    assert (difference > GREY_LEVELS).mean() < 1e-3 and difference.max() <= GREY_LEVELS + 3


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
        same_picture(got, golden[f"out_crop_{k}"])


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
    same(original_matrix(center, scale, res, rot), golden["out_matrix"])
    np.testing.assert_array_equal(original_transform(golden["in_pts"], *one, rot[:, None]), golden["out_points"])
    back = original_transform(golden["in_heatmap_pts"], *one, inverse=True)
    np.testing.assert_array_equal(back, golden["out_points_inv"])
    princeton = original_transform(golden["in_pts"], *one, rot[:, None], first=0)
    np.testing.assert_array_equal(princeton, golden["out_points_princeton"])


@pytest.mark.golden("fn_sb_flip")
def test_mirrored_joints(golden):
    cases = golden.numbered("in_joints_")
    assert cases
    for k in cases:
        joints, visible = golden[f"in_joints_{k}"], golden[f"in_joints_vis_{k}"]
        order = np.arange(len(joints))
        for a, b in golden[f"in_pairs_{k}"]:
            order[a], order[b] = b, a
        assert any(np.array_equal(order, skeleton.flip_order) for skeleton in (COCO17, MPII16))
        xy, flags = mirror_joints(joints[:, :2], visible[:, 0], int(golden[f"in_width_{k}"]), order)
        np.testing.assert_array_equal(flags, golden[f"out_joints_vis_{k}"][:, 0])
        # published: what is not labelled becomes 0
        np.testing.assert_array_equal(xy * (flags > 0)[:, None], golden[f"out_joints_{k}"][:, :2])


@pytest.mark.golden("fn_hrnet_half_body")
def test_half_body(golden):
    for name, skeleton, aspect in (("coco", COCO17, 0.75), ("mpii", MPII16, 1.0)):
        upper = upper_body(skeleton)
        np.testing.assert_array_equal(np.flatnonzero(upper), golden[f"in_upper_ids_{name}"])
        draws, valid = golden[f"in_randn_{name}"], golden[f"out_valid_{name}"]
        for k, draw in enumerate(draws):
            joints, visible = golden[f"in_joints_{name}"][k, :, :2], golden[f"in_joints_vis_{name}"][k, :, 0]
            got = half_body(joints, visible, upper, draw, aspect)
            assert (got is not None) == valid[k], (name, k)
            if got is not None:
                same(got[0], golden[f"out_center_{name}"][k], err_msg=f"{name} {k}")
                same(got[1], golden[f"out_scale_{name}"][k], err_msg=f"{name} {k}")


@pytest.mark.golden("fn_mspn_geometry")
def test_mspn_half_body_and_flip(golden):
    upper, seen = upper_body(COCO17, hips=True), 0
    for k, (normal, wide, high) in enumerate(golden["in_half_draws"]):
        growth = 1 + 0.6 * wide, 1 + 0.8 * high
        joints, visible = golden["in_half_joints"][k], golden["in_half_vis"][k, :, 0]
        got = half_body(joints, visible, upper, normal, 0.75, growth, least=3, about="middle")
        expected = golden["out_half_center_scale"][k]
        assert (got is None) == np.isnan(expected).any(), k
        if got is not None:
            same(np.concatenate(got), expected, err_msg=f"case {k}")
            seen += 1
    assert seen > 3
    flags = golden["in_flip_vis"][:, 0]
    xy, flags = mirror_joints(golden["in_flip_joints"], flags, int(golden["in_flip_width"]), COCO17.flip_order)
    np.testing.assert_array_equal(flags, golden["out_flip_vis"][:, 0])
    np.testing.assert_array_equal(xy[flags > 0], golden["out_flip_joints"][flags > 0])


@pytest.mark.golden("fn_hrnet_train_sample")
def test_hrnet_training_samples(golden):
    """The whole way from a record and its draws to crop, joints, target and weight; HRNet's ranges on COCO."""
    augmentation = PersonAugmentation(scale=(0.65, 1.35), rotation_deg=45, flip=0.5, half_body=0.3)
    upper, cases = upper_body(COCO17), golden.numbered("in_draws_")
    assert cases and list(golden["in_draw_names"]) == DRAWS
    for k in cases:
        half, chosen, size, turn, angle, flip = golden[f"in_draws_{k}"]
        draw = PersonDraw(half=half, upper=chosen, scale=size, turn=turn, angle=angle, flip=flip)
        joints, visible = golden[f"in_joints_{k}"][:, :2], golden[f"in_joints_vis_{k}"][:, 0]
        # a detection's box is taken as it is: the one with this centre and scale
        wh = golden[f"in_scale_{k}"].astype(np.float64) * 200 / 1.25
        box = np.concatenate([golden[f"in_center_{k}"] - wh / 2, wh])
        image = np.ascontiguousarray(golden[f"in_img_bgr_{k}"][..., ::-1])
        sample = PoseSample(image, joints, visible, box, {"annotated_box_xywh": box, "detection": 0})
        expected = golden[f"out_input_{k}"]
        size_hw, cells = expected.shape[:2], golden[f"out_target_{k}"].shape[1:]
        aspect = size_hw[1] / size_hw[0]
        window = place(box, joints, visible, "msra", aspect, 1.25, image.shape[1], upper, augmentation, draw)
        same(window.centre, golden[f"out_center_{k}"], err_msg=f"case {k}")
        same(window.scale, golden[f"out_scale_{k}"], err_msg=f"case {k}")
        same(window.angle_deg, golden[f"out_rotation_{k}"], err_msg=f"case {k}")
        item = cut_person(
            sample,
            "msra",
            size_hw,
            1.25,
            flip_order=COCO17.flip_order,
            upper=upper,
            augmentation=augmentation,
            draw=draw,
        )
        same_picture(item["crop"].numpy().transpose(1, 2, 0), expected)
        known = golden[f"out_joints_vis_{k}"][:, 0] > 0
        np.testing.assert_array_equal(item["visible"].numpy() > 0, known)
        same(item["xy_crop"].numpy()[known], golden[f"out_joints_{k}"][known, :2], err_msg=f"case {k}")
        matrix = frames.heatmap_matrix("msra", size_hw[::-1], cells[::-1])
        xy_heatmap = apply(torch.from_numpy(matrix), item["xy_crop"].double())[None]
        weight = target_weight("quarter", xy_heatmap, item["visible"][None], cells, 2)
        np.testing.assert_array_equal(weight[0].numpy(), golden[f"out_target_weight_{k}"][:, 0])
        target = encode(xy_heatmap, weight > 0, cells, 2, "msra")
        same(target[0].numpy(), golden[f"out_target_{k}"], err_msg=f"case {k}")


@pytest.mark.golden("fn_sb_generate_target", "fn_dark_generate_target", "fn_udp_target", "fn_hrnet_joint_weights")
def test_target_weights(golden):
    """Which joints near the border count; with HRNet's own weights where it has them."""
    codec = {
        "fn_sb_generate": "quarter",
        "fn_dark_genera": "dark",
        "fn_udp_target_": "udp",
        "fn_hrnet_joint": "quarter",
    }
    codec = codec[golden.name[:14]] + ("_offset" if "offset" in golden.name else "")
    for k in [f"_{n}" for n in golden.numbered("in_joints_")] or [""]:
        target = golden[f"out_target{k}"]
        cells = target.shape[:0:-1]
        size = golden[f"in_image_size{k}"] if f"in_image_size{k}" in golden else 4 * np.array(cells)
        sigma = int(golden[f"in_sigma{k}"]) if f"in_sigma{k}" in golden else 2
        frame = "udp" if codec.startswith("udp") else "msra"
        xy = golden[f"in_joints{k}"][None, :, :2]
        xy = xy if codec == "dark" else apply(frames.heatmap_matrix(frame, size, cells), xy)
        flags = torch.from_numpy(golden[f"in_joints_vis{k}"][None, :, 0])
        got = target_weight(codec, torch.from_numpy(xy), flags, cells[::-1], sigma)[0].numpy()
        if "in_joints_weight" in golden:
            np.testing.assert_array_equal(golden["in_joints_weight"][:, 0], joint_weights(COCO17))
            got = got * joint_weights(COCO17)
        np.testing.assert_array_equal(got, golden[f"out_target_weight{k}"][:, 0])
