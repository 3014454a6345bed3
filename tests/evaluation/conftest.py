"""Predictions made by hand from a data set's truth, and small trees of people to score."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from zoopose.datasets.coco.truth import CocoTruth
from zoopose.pose.skeleton import COCO17


def _results(truth: CocoTruth, sigmas=None, oks: float = 1.0, box_shift: float = 0.0, every: int = 1) -> list[dict]:
    """COCO results of the labelled animals of a truth: as annotated, off by a known distance, or some of them only.

    Args:
        oks: every joint is moved to the right until the animal's OKS is this, whatever its size and labelled joints.
        box_shift: ... by this share of the longer side of its box.
        every: 2 leaves every second animal out.
    """
    found = []
    for annotation in truth.annotations:
        joints = np.array(annotation["keypoints"], float).reshape(-1, 3)
        if annotation["iscrowd"] or not annotation["num_keypoints"]:
            continue
        w, h = annotation["bbox"][2:]
        if oks < 1:
            joints[:, 0] += np.sqrt(-2 * np.log(oks) * annotation.get("area", w * h)) * 2 * np.asarray(sigmas)
        joints[:, 0] += box_shift * max(w, h)
        joints[:, 2] = 0.9
        own = {"image_id": annotation["image_id"], "category_id": annotation["category_id"]}
        found.append(own | {"keypoints": joints.ravel().tolist(), "score": 0.8})
    return found[::every]


@pytest.fixture(scope="session")
def made_by_hand() -> Callable[..., list[dict]]:
    return _results


def _person(number: int, picture: int, x: float, **other) -> dict:
    joints = [[x + 3 * k, 20.0 + 5 * (k % 6), 2] for k in range(17)]
    box = [x - 4, 10.0, 60.0, 50.0]
    own = {
        "id": number,
        "image_id": picture,
        "category_id": 1,
        "bbox": box,
        "area": 2000.0,
        "iscrowd": 0,
        "num_keypoints": 17,
    }
    return own | {"keypoints": [v for joint in joints for v in joint]} | other


@pytest.fixture
def coco_tree(tmp_path) -> Path:
    """COCO's tree, valid part: in four pictures five people, one of them large, a crowd, and one without joints."""
    folder = tmp_path / "coco/val2017"
    folder.mkdir(parents=True)
    for i in range(1, 5):
        cv2.imwrite(str(folder / f"{i:012d}.jpg"), np.full((100, 200, 3), 40 * i, np.uint8))
    people = [
        _person(10, 1, 20),
        _person(11, 1, 110),
        _person(12, 2, 30, area=9500.0),
        _person(13, 3, 40),
        _person(14, 4, 50),
        _person(15, 4, 120, keypoints=[0] * 51, num_keypoints=0),
        _person(16, 3, 120, keypoints=[0] * 51, num_keypoints=0, iscrowd=1),
    ]
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 200, "height": 100} for i in range(1, 5)]
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": []}
    path = tmp_path / "coco/annotations/person_keypoints_val2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))
    return tmp_path / "coco"


@pytest.fixture
def mpii_tree(tmp_path) -> Callable[..., Path]:
    """(mat, heads) -> MPII's tree of four people, the last without a centre; with gt_valid.mat, with head boxes in the JSON."""

    def make(mat: bool = True, heads: bool = False) -> Path:
        root = tmp_path / "mpii"
        (root / "annot").mkdir(parents=True, exist_ok=True)
        (root / "images").mkdir(exist_ok=True)
        people, seen = [], np.ones((4, 16), int)
        seen[1, :3] = 0
        joints = np.array([[[31.0 + 20 * i + k, 31.0 + 2 * k] for k in range(16)] for i in range(4)])
        joints[:, 8], joints[:, 9] = [40, 60], [40, 40]  # upper neck and head top, 20 px apart
        for i in range(4):
            name = f"{i + 1:09d}.jpg"
            cv2.imwrite(str(root / "images" / name), np.full((120, 160, 3), 50 * i, np.uint8))
            own = {"image": name, "center": [60.0, 50.0] if i < 3 else [-1, -1], "scale": 0.4}
            own |= {"joints": joints[i].tolist(), "joints_vis": seen[i].tolist()}
            people.append(own | ({"head_box": [11, 11, 71, 91]} if heads else {}))
        (root / "annot/valid.json").write_text(json.dumps(people))
        (root / "annot/gt_valid.mat").unlink(missing_ok=True)
        if mat:
            corners = np.repeat([[[11.0, 11], [71, 91]]], 4, 0)  # a head of 60 px
            own = {"pos_gt_src": np.moveaxis(joints, 0, -1), "headboxes_src": np.moveaxis(corners, 0, -1)}
            savemat(root / "annot/gt_valid.mat", own | {"jnt_missing": 1 - seen.T})
        np.save(root / "joints.npy", joints)
        return root

    return make
