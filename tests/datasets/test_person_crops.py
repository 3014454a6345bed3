"""Crops of people: where joints land, what chance decides, and what it does not."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from zoopose.datasets.person_boxes import clean_boxes, frame_box
from zoopose.datasets.person_crops import PersonCrops, cut_person
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.errors import OptionError
from zoopose.pose.geometry import apply
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.person_augment import (
    PersonAugmentation,
    PersonDraw,
    draw_person,
    half_body,
    joint_weights,
    place,
    upper_body,
)
from zoopose.pose.person_frames import FRAMES, centre_scale, crop_matrix
from zoopose.pose.skeleton import COCO17, MPII16, TIGDOG18

HRNET = PersonAugmentation(scale=(0.65, 1.35), rotation_deg=45, flip=0.5, half_body=0.3)
MEGVII = PersonAugmentation(
    padding=(1.05, 1.05), box_growth=(1.6, 1.8), scale=(0.6, 1.0), scale_law="uniform", rotation_deg=45,
    rotation_law="uniform", rotation_share=0.5, flip=0.5, half_body=0.3, half_body_joints=3, half_body_least=3,
    half_body_centre="middle", half_body_growth=(1.6, 1.8), half_body_law="uniform", half_body_hips=True,
)  # fmt: skip
CPN = PersonAugmentation(
    padding=(1.2, 1.3), scale=(0.7, 1.35), scale_law="uniform", scale_limit=1.25, rotation_deg=45, rotation_law="uniform",
    rotation_share=0.5, flip=0.25, either=True, gain=0.2,
)  # fmt: skip


class People(PoseDataset):
    """Persons of a grey picture, each joint a disc of its own colour."""

    crop_factor, shots = 1.25, [""] * 8

    def __init__(self, skeleton=COCO17, n=8, visible=None):
        rng = np.random.default_rng(3)
        self.skeleton, k = skeleton, len(skeleton)
        self.ids = [str(i) for i in range(n)]
        self.colours = np.stack([90 + 9 * np.arange(k), 255 - 9 * np.arange(k), 40 + 5 * np.arange(k)], 1)
        grid = np.stack(np.meshgrid(60 + 25 * np.arange(4), 40 + 28 * np.arange(5)), -1).reshape(-1, 2)
        grid = np.stack([rng.permutation(grid)[:k] for _ in range(n)])
        xy = (grid + rng.integers(0, 12, (n, k, 2))).astype(np.float32)
        flags = (
            rng.choice([0, 1, 2, 2], (n, k)).astype(np.uint8) if visible is None else np.full((n, k), visible, np.uint8)
        )
        self.labels = xy, flags

    def __len__(self):
        return len(self.ids)

    def describe(self):
        return {}

    def __getitem__(self, i):
        xy, flags = self.labels[0][i], self.labels[1][i]
        image = np.full((220, 200, 3), 30, np.uint8)
        rows, columns = np.mgrid[:220, :200]
        for (x, y), flag, colour in zip(xy, flags, self.colours):
            if flag:
                image[(columns - x) ** 2 + (rows - y) ** 2 <= 16] = colour
        return PoseSample(image, xy, flags, np.array([50, 30, 100, 160], np.float32), {"id": self.ids[i]})


def spec(frame="msra", size=(256, 192), **more) -> InputSpec:
    return InputSpec(frame, size, (size[0] // 4, size[1] // 4), **more)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("augmentation", [HRNET, MEGVII], ids=["hrnet", "megvii"])
def test_a_joint_lies_where_its_disc_is_seen(frame, augmentation):
    data, met, flipped = People(), 0, set()
    crops = PersonCrops(data, spec(frame), replace(augmentation, gain=0.0), seed=5)
    for index in range(len(data)):
        item = crops[index]
        mirrored = torch.linalg.det(item["crop_from_image"][:, :2]).item() < 0
        flipped.add(mirrored)
        # what stands for the left hand in the mirror is the right one
        colours = data.colours[COCO17.flip_order] if mirrored else data.colours
        picture = item["crop"].numpy().transpose(1, 2, 0).astype(int)
        for xy, flag, colour in zip(item["xy_crop"].numpy(), item["visible"].numpy(), colours):
            x, y = np.round(xy).astype(int)
            if not flag:
                assert xy.tolist() == [0, 0]
            elif 9 < x < 182 and 9 < y < 246:
                rows, columns = np.nonzero(np.abs(picture - colour).max(-1) < 4)
                np.testing.assert_allclose([columns.mean(), rows.mean()], xy, atol=0.5)
                met += 1
    assert met > 50 and flipped == {True, False}


def test_left_and_right_change_places_in_the_mirror():
    data = People(visible=2)
    draw = PersonDraw(flip=0.0)
    plain, mirrored = (PersonCrops(data, spec("dark"), PersonAugmentation(flip=f)).item(0, draw) for f in (0.0, 1.0))
    expected = plain["xy_crop"].numpy()[COCO17.flip_order]
    np.testing.assert_allclose(mirrored["xy_crop"][:, 1], expected[:, 1], atol=1e-3)
    # the centre goes with the mirror, so the crop's own mirror shows the same
    np.testing.assert_allclose(mirrored["xy_crop"][:, 0], 191 - expected[:, 0], atol=1e-3)
    difference = plain["crop"].flip(-1).int() - mirrored["crop"].int()
    assert (difference.abs() > 8).float().mean() < 1e-3


def test_draws_follow_from_seed_stream_epoch_and_index_alone():
    crops = PersonCrops(People(), spec(), HRNET, seed=1, stream=2)
    again = PersonCrops(People(), spec(), HRNET, seed=1, stream=2)
    third = crops.of_epoch(3)
    assert crops.epoch == 0 and torch.equal(third[4]["crop"], again.of_epoch(3)[np.int64(4)]["crop"])
    matrices = [c[i]["crop_from_image"] for c in (crops, third) for i in range(4)]
    matrices += [PersonCrops(People(), spec(), HRNET, *key)[0]["crop_from_image"] for key in ((2, 2), (1, 0), (2, 1))]
    assert all(not torch.equal(a, b) for i, a in enumerate(matrices) for b in matrices[:i])


def test_without_draws_the_crop_is_the_published_one_of_the_test():
    data = People()
    item = PersonCrops(data, spec("udp"), HRNET).item(2)
    box = frame_box(data[2], "udp")
    matrix = crop_matrix("udp", *centre_scale(box, 0.75, 1.25, "udp"), 0.0, (192, 256))
    np.testing.assert_array_equal(item["crop_from_image"], matrix)
    assert item["gain"].tolist() == [1, 1, 1]
    padded = PersonCrops(data, spec("udp", padding=(1.5, 1.5)), HRNET).item(2)
    assert padded["crop_from_image"][0, 0] == pytest.approx(matrix[0, 0] * 1.25 / 1.5, rel=1e-5)


def test_a_turned_window_shows_the_picture_not_black_corners():
    sample = PoseSample(np.full((400, 400, 3), 200, np.uint8), np.zeros((17, 2)), np.zeros(17, np.uint8),
                        np.array([150, 120, 90, 120.0]), {})  # fmt: skip
    turned = PersonDraw(turn=0.0, angle=1.3)
    common = {"flip_order": COCO17.flip_order, "upper": None, "draw": turned}
    cut = cut_person(sample, "msra", (128, 96), 1.25, **common, augmentation=HRNET)
    assert (cut["crop"] == 200).all()
    beside = PoseSample(sample.image, sample.xy_px, sample.visible, np.array([-60, 120, 90, 120.0]), {})
    filled = replace(HRNET, fill=(10, 20, 30))
    cut = cut_person(beside, "msra", (128, 96), 1.25, **common, augmentation=filled)
    seen = np.unique(cut["crop"].numpy().reshape(3, -1), axis=1).T.tolist()
    assert [10, 20, 30] in seen and [200, 200, 200] in seen


def windows(augmentation, n=1500, xy=None, visible=None):
    """Placements of one person of box 100 x 120 px about (200, 210), in a picture 640 px wide."""
    xy = np.zeros((17, 2)) if xy is None else xy
    visible = np.zeros(17) if visible is None else visible
    rng = np.random.default_rng(0)
    draws = [draw_person(augmentation, rng) for _ in range(n)]
    upper = upper_body(COCO17, augmentation.half_body_hips)
    box = np.array([150.0, 150, 100, 120])
    return [place(box, xy, visible, "msra", 0.75, 1.25, 640, upper, augmentation, draw) for draw in draws]


def test_hrnets_ranges():
    made = windows(HRNET)
    factor = np.array([w.scale[0] for w in made]) / (100 * 1.25 / 200)
    angle = np.array([w.angle_deg for w in made])
    assert factor.min() == pytest.approx(0.65) and factor.max() == pytest.approx(1.35)
    # a normal draw beyond its own deviation, both ways together, in 32 % of all cases
    assert np.isclose(factor, 0.65).mean() + np.isclose(factor, 1.35).mean() == pytest.approx(0.317, abs=0.05)
    assert (angle != 0).mean() == pytest.approx(0.6, abs=0.05) and np.abs(angle).max() == 90
    assert np.mean([w.flip for w in made]) == pytest.approx(0.5, abs=0.05)
    assert {tuple(w.centre) for w in made} == {(200, 210), (439, 210)}


def test_the_ranges_of_mspn_and_cpn():
    made = windows(MEGVII)
    w, h = (np.array([w.scale[i] for w in made]) * 200 for i in (0, 1))
    np.testing.assert_allclose(w / h, 0.75, rtol=1e-6)
    least, most = 0.6 * max(100 * 1.05, 120 * 1.05 * 0.75), max(100 * 1.05 * 1.6, 120 * 1.05 * 1.8 * 0.75)
    assert least <= w.min() < least * 1.05 and most * 0.93 < w.max() <= most
    angle = np.array([w.angle_deg for w in made])
    assert (angle != 0).mean() == pytest.approx(0.5, abs=0.05) and 44 < np.abs(angle).max() <= 45
    assert np.abs(angle[angle != 0]).mean() == pytest.approx(22.5, abs=1)
    made = windows(CPN)
    flip, turned = np.array([w.flip for w in made]), np.array([w.angle_deg != 0 for w in made])
    assert not (flip & turned).any()
    assert flip.mean() == pytest.approx(0.25, abs=0.05) and turned.mean() == pytest.approx(0.5, abs=0.05)
    factor = np.array([w.scale[1] for w in made]) * 200 / max(120 * 1.3, 100 * 1.2 / 0.75)
    assert factor.min() == pytest.approx(0.7, abs=0.01) and factor.max() == pytest.approx(1.25)
    assert np.isclose(factor, 1.25).mean() == pytest.approx(0.1 / 0.65, abs=0.05)


def test_half_bodies_come_as_often_as_published_and_only_for_whole_people():
    xy = np.stack([np.full(17, 200.0), np.linspace(100, 400, 17)], 1)
    upper = upper_body(COCO17)
    centres = {side: xy[upper == side].mean(0).astype(np.float32)[1] for side in (True, False)}
    made = windows(replace(HRNET, flip=0.0), xy=xy, visible=np.full(17, 2))
    count = {side: sum(w.centre[1] == y for w in made) / len(made) for side, y in centres.items()}
    # randn() < 0.5 for the upper half
    assert count[True] == pytest.approx(0.3 * 0.6915, abs=0.04) and count[False] == pytest.approx(
        0.3 * 0.3085, abs=0.04
    )
    eight = np.where(np.arange(17) < 8, 2, 0)
    assert {w.centre[1] for w in windows(HRNET, 300, xy, eight)} == {210}


def test_joints_in_one_place_are_no_half_body():
    xy, upper = np.full((17, 2), 50.0), upper_body(COCO17)
    assert half_body(xy, np.full(17, 2), upper, 0.0, 0.75) is None
    centre, scale = half_body(xy, np.full(17, 2), upper, 0.0, 0.75, inclusive=1)
    assert centre.tolist() == [50, 50] and scale[0] == pytest.approx(1.5 / 200)


def test_bodies_and_weights_go_by_the_joints_names():
    assert np.flatnonzero(~upper_body(MPII16)).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert np.flatnonzero(~upper_body(COCO17, hips=True)).tolist() == [13, 14, 15, 16]
    assert upper_body(TIGDOG18) is None
    expected = [1.5, 1.2, 1, 1, 1.2, 1.5, 1, 1, 1, 1, 1.5, 1.2, 1, 1, 1.2, 1.5]
    np.testing.assert_allclose(joint_weights(MPII16), expected)


def test_half_bodies_of_animals_are_left_out_aloud(caplog):
    with caplog.at_level(logging.INFO, logger="zoopose"):
        crops = PersonCrops(People(TIGDOG18), spec(), HRNET)
    assert "half bodies are left out: tigdog18" in caplog.text
    assert crops[0]["xy_crop"].shape == (18, 2)


def test_boxes_of_a_detector_and_of_one_pixel():
    image = np.zeros((50, 60, 3), np.uint8)

    def sample(box, **meta):
        return PoseSample(image, np.zeros((0, 2)), np.zeros(0), np.array(box, np.float32), meta)

    own = [-3.0, 40.0, 20.0, 30.0]
    detected = sample([0, 40, 17, 10], detection=1, annotated_box_xywh=own)
    assert frame_box(detected, "msra").tolist() == frame_box(detected, "dark").tolist() == own
    annotated = sample([0, 40, 17, 10], annotated_box_xywh=own)
    assert frame_box(annotated, "msra").tolist() == [0, 40, 19, 9]
    assert frame_box(annotated, "dark").tolist() == [0, 40, 20, 10]
    assert frame_box(annotated, "megvii").tolist() == own
    assert frame_box(sample([5, 6, 11, 21]), "udp").tolist() == [5, 6, 10, 20]
    assert frame_box(sample([5, 6, 1, 1]), "msra").tolist() == [5, 6, 1, 1]
    boxes, there = clean_boxes([[59.5, 0, 5, 5], [0, -9, 4, 4]], (60, 50))
    assert there.tolist() == [False, True] and boxes[1].tolist() == [0, 0, 3, 3]


def test_other_forms_and_laws_are_refused():
    with pytest.raises(OptionError, match="msra, dark, udp, megvii"):
        PersonCrops(People(), spec("exact"), HRNET)
    with pytest.raises(ValueError, match="'normal', 'uniform', not 'cauchy'"):
        PersonAugmentation(scale_law="cauchy")


def test_joints_of_the_crop_are_those_of_the_matrix():
    data = People(visible=2)
    item = PersonCrops(data, spec("udp"), replace(HRNET, flip=0.0), seed=9)[1]
    expected = apply(item["crop_from_image"].numpy(), data[1].xy_px.astype(np.float64))
    np.testing.assert_allclose(item["xy_crop"], expected, atol=1e-3)
