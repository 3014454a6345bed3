"""Boxes of people as the published loaders make them from annotations: centre and size, before any augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from zoopose.datasets.annotated_pictures import UnusableAnnotation
from zoopose.datasets.coco import file as coco_file
from zoopose.datasets.coco.person import CocoPerson, cut_box
from zoopose.datasets.mpii import Mpii, mpii_box
from zoopose.datasets.person_boxes import clean_boxes, frame_box, mpii_centre_size, selected_people, usable_people
from zoopose.datasets.sample import PoseSample
from zoopose.pose.person_frames import centre_scale


@pytest.mark.golden("fn_mpii_annotations")
def test_mpii_squares(golden):
    seen = 0
    for k, (center, scale) in enumerate(zip(golden["in_center"], golden["in_scale"])):
        if center[0] == -1:
            with pytest.raises(UnusableAnnotation, match="no centre"):
                mpii_box(center, scale)
            continue
        x, y, side, _ = mpii_box(center, scale)
        # the middle of the square in pixel centres, and its side with the padding / 200
        middle = np.array([x, y]) + side / 2 - 0.5
        np.testing.assert_allclose(middle, golden["out_center"][k], atol=1e-9)
        np.testing.assert_allclose(side * Mpii.crop_factor / 200, golden["out_scale"][k], rtol=1e-12)
        seen += 1
    assert seen > 5


@pytest.mark.golden("fn_sb_coco_annotations")
def test_coco_boxes_within_the_picture(golden):
    assert CocoPerson.crop_factor == 1.25
    seen = 0
    for case in golden.numbered("in_bbox_"):
        wh = tuple(int(v) for v in golden[f"in_image_wh_{case}"])
        kept = golden[f"out_center_{case}"]
        for box, area, category, keypoints in zip(
            *(golden[f"in_{n}_{case}"] for n in ("bbox", "area", "category", "keypoints"))
        ):
            x, y, w, h = box
            inside = x >= 0 and y >= 0 and x + w <= wh[0] and y + h <= wh[1]
            if not inside or min(w, h) < 1 or area <= 0 or category != 1 or not keypoints.any():
                continue
            left, top, wide, high = cut_box({"bbox": box.tolist()}, wh)
            middle = np.array([left + wide / 2, top + high / 2]) - 0.5
            assert np.abs(kept - middle).max(1).min() < 1e-4  # one of the kept people, in float32
            assert coco_file.read_box({"bbox": box.tolist()}, wh) is not None
            seen += 1
    assert seen > 8


@pytest.mark.golden("fn_mpii_annotations")
def test_mpii_records_and_the_box_that_leads_to_them(golden):
    middle, side = mpii_centre_size(golden["in_center"], golden["in_scale"])
    np.testing.assert_allclose(middle, golden["out_center"], rtol=1e-12)
    padding = np.where(golden["in_center"][:, 0] == -1, 1, Mpii.crop_factor)
    expected = golden["out_scale"]
    np.testing.assert_allclose((padding * side / 200)[:, None].repeat(2, 1), expected, rtol=1e-12)
    np.testing.assert_array_equal(golden["in_joints"] - 1, golden["out_joints"][..., :2])
    np.testing.assert_array_equal(golden["in_joints_vis"], golden["out_joints_vis"][..., 0])
    image = np.zeros((4, 4, 3), np.uint8)
    for k, (center, scale) in enumerate(zip(golden["in_center"], golden["in_scale"])):
        if center[0] == -1:
            continue
        meta = {"center_px": list(center - 1), "scale": float(scale)}
        sample = PoseSample(image, np.zeros((16, 2), np.float32), np.zeros(16, np.uint8), np.zeros(4, np.float32), meta)
        for frame in ("msra", "dark", "udp"):
            got = centre_scale(frame_box(sample, frame), 1.0, Mpii.crop_factor, frame)
            np.testing.assert_allclose(got[0], golden["out_center"][k], rtol=1e-6, atol=1e-4)
            np.testing.assert_allclose(got[1], expected[k], rtol=1e-6)


@pytest.mark.golden("fn_sb_coco_annotations")
def test_coco_records(golden):
    """Which people are kept, their cleaned boxes, joints, and which of them `select_data` would take."""
    cases = golden.numbered("in_bbox_")
    assert cases
    for case in cases:
        box, area, keypoints, category, wh = (
            golden[f"in_{n}_{case}"] for n in ("bbox", "area", "keypoints", "category", "image_wh")
        )
        kept = usable_people(box, area, keypoints, category, wh)
        centre, scale = centre_scale(clean_boxes(box, wh)[0][kept], 0.75)
        np.testing.assert_allclose(centre, golden[f"out_center_{case}"], rtol=1e-6)
        np.testing.assert_allclose(scale, golden[f"out_scale_{case}"], rtol=1e-6)
        joints, visible = keypoints[kept][..., :2], np.minimum(keypoints[kept][..., 2], 1)
        np.testing.assert_array_equal(joints, golden[f"out_joints_{case}"][..., :2])
        np.testing.assert_array_equal(visible, golden[f"out_joints_vis_{case}"][..., 0])
        chosen = selected_people(centre, scale, joints, visible)
        np.testing.assert_array_equal(np.flatnonzero(chosen), golden[f"out_select_data_{case}"])


@pytest.mark.golden("fn_sb_coco_annotations")
def test_coco_people_have_the_published_window(golden):
    for case in golden.numbered("in_bbox_"):
        wh = golden[f"in_image_wh_{case}"]
        image = np.zeros((wh[1], wh[0], 3), np.uint8)
        arguments = (golden[f"in_{n}_{case}"] for n in ("bbox", "area", "keypoints", "category"))
        kept = np.flatnonzero(usable_people(*arguments, wh))
        for row, (centre, scale) in enumerate(zip(golden[f"out_center_{case}"], golden[f"out_scale_{case}"])):
            if not scale.any():
                continue  # a box of one pixel, which has no window there
            meta = {"annotated_box_xywh": golden[f"in_bbox_{case}"][kept[row]].tolist()}
            sample = PoseSample(image, np.zeros((17, 2)), np.zeros(17), np.zeros(4), meta)
            for frame in ("msra", "udp"):
                got = centre_scale(frame_box(sample, frame), 0.75, 1.25, frame)
                np.testing.assert_allclose(got[0], centre, rtol=1e-6)
                np.testing.assert_allclose(got[1], scale, rtol=1e-6)
            got = centre_scale(frame_box(sample, "dark"), 0.75, 1.25, "dark")
            np.testing.assert_allclose(got[0], centre, rtol=1e-6, atol=1e-4)
            assert (got[1] > scale).all()  # a pixel larger, see fn_dark_box2cs
