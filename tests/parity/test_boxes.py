"""Boxes of people as the published loaders make them from annotations: centre and size, before any augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from zoopose.datasets import coco_file
from zoopose.datasets.annotated import Unusable
from zoopose.datasets.coco_person import CocoPerson, cut_box
from zoopose.datasets.mpii import Mpii, published_square


@pytest.mark.golden("fn_mpii_annotations")
def test_mpii_squares(golden):
    seen = 0
    for k, (center, scale) in enumerate(zip(golden["in_center"], golden["in_scale"])):
        if center[0] == -1:
            with pytest.raises(Unusable, match="no centre"):
                published_square(center, scale)
            continue
        x, y, side, _ = published_square(center, scale)
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
