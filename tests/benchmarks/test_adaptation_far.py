"""Far targets of the adaptation benchmark: pictures and labels move together, and the files are those of an animal."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from zoopose.benchmarks.adaptation import data, far, measure
from zoopose.benchmarks.adaptation.columns import columns_of
from zoopose.benchmarks.adaptation.config import CONFIGS
from zoopose.benchmarks.adaptation.plan import build
from zoopose.datasets.open import open_data
from zoopose.errors import DataError, OptionError
from zoopose.pose import weights

SMALL = CONFIGS["small"]


def dots(size_wh=(120, 90)) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """A black picture with a white square of 9 px about each keypoint, which lies inside a box; the last one is not labelled."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    keypoints = np.array([[40.0, 30, 2], [70, 36, 1], [52, 60, 2], [0, 0, 0]])
    for x, y in keypoints[:3, :2].astype(int):
        image[y - 4 : y + 5, x - 4 : x + 5] = 255
    return image, keypoints, [31.0, 20, 50, 52]


def bright(image: np.ndarray) -> np.ndarray:
    """(N, 2) middles of the bright spots, from left to right."""
    _, _, stats, middles = cv2.connectedComponentsWithStats((image[..., 0] > 100).astype(np.uint8))
    return middles[1:][np.argsort(middles[1:, 0])]


def test_a_third_keeps_the_middle_of_the_box():
    image, keypoints, box = dots()
    made, moved, same = far.third(image, keypoints, box)
    assert made.shape == image.shape and same == box
    middle = np.array([31 + 24.5, 20 + 25.5])
    np.testing.assert_allclose(moved[:3, :2], middle + (keypoints[:3, :2] - middle) / 3)
    np.testing.assert_array_equal(moved[:, 2], keypoints[:, 2])
    assert not moved[3].any()
    np.testing.assert_allclose(bright(made), moved[[0, 2, 1], :2], atol=0.6)
    assert made.sum() == pytest.approx(image.sum() / 9, rel=0.05)


def test_upside_down_turns_picture_joints_and_box():
    image, keypoints, box = dots()
    made, moved, turned = far.upside_down(image, keypoints, box)
    np.testing.assert_allclose(bright(made), moved[[1, 2, 0], :2], atol=0.01)
    np.testing.assert_allclose(moved[0], [119 - 40, 89 - 30, 2])
    assert turned == [120 - 31 - 50, 90 - 20 - 52, 50, 52]
    # the box holds the same pixels of the animal
    x, y, w, h = (int(v) for v in turned)
    np.testing.assert_array_equal(made[y : y + h, x : x + w], image[20:72, 31:81][::-1, ::-1])
    again = far.upside_down(made, moved, turned)
    np.testing.assert_array_equal(again[0], image)
    np.testing.assert_allclose(again[1], keypoints)
    assert again[2] == box


def test_names_of_far_targets():
    assert far.kind_of("cattle_b_third") == ("cattle_b", "third")
    assert far.kind_of("cattle_a_upside_down") == ("cattle_a", "upside_down")
    for name in ("cattle_a", "third", "_third", "thirdcow"):
        assert far.kind_of(name) == ("", "")


@pytest.mark.parametrize("kind", list(far.FAR))
def test_a_far_target_is_prepared_as_an_animal_is(livestock, tmp_path, kind):
    run = tmp_path / "run"
    root = far.make(livestock, run, f"cow_{kind}")
    made = data.prepare(root, run, f"cow_{kind}", SMALL, False)
    found, plain = open_data(f"coco:{run}/{made.scored}"), open_data(f"coco:{livestock}/cow/all.json")
    assert len(found) == len(plain) and made.target == f"data/cow_{kind}/all.json"
    box = {"third": lambda b: list(b), "upside_down": lambda b: [64 - b[0] - b[2], 64 - b[1] - b[3], b[2], b[3]]}[kind]
    np.testing.assert_allclose(found[0].box_xywh, box(plain[0].box_xywh))
    assert found[0].image.shape == plain[0].image.shape and (found[0].visible == 2).all()
    # what is there is not made again, and a split of one's own is kept
    before = {p: p.stat().st_mtime_ns for p in (run / "far").rglob("*") if p.is_file()}
    far.make(livestock, run, f"cow_{kind}")
    assert {p: p.stat().st_mtime_ns for p in (run / "far").rglob("*") if p.is_file()} == before
    root = far.make(livestock, run, f"pony_{kind}")
    assert data.prepare(root, run, f"pony_{kind}", SMALL, False).target == f"data/pony_{kind}/train.json"


def test_what_cannot_be_made_is_named(livestock, tmp_path):
    with pytest.raises(DataError, match="goat/all.json"):
        far.make(livestock, tmp_path / "run", "goat_third")
    path = livestock / "cow" / "all.json"
    both = json.loads(path.read_text())
    both["annotations"].append({**both["annotations"][0], "id": 99})
    path.write_text(json.dumps(both))
    with pytest.raises(DataError, match="one animal in every picture"):
        far.make(livestock, tmp_path / "run", "cow_third")
    assert not (tmp_path / "run" / "far" / "cow_third" / "all.json").exists()


def test_renderings_of_a_tiger_are_a_source_of_their_own(livestock, tmp_path):
    def animals(name, common):
        if name in data.SYNTHETIC:
            return data.synthetic(tmp_path, name)
        return data.prepare(livestock, tmp_path, name, SMALL, common)

    pairs = ["synthetic:pony", "synthetic_tiger:pony"]
    plan = build(SMALL, pairs, columns_of(["zoopose"], False, []), [0], animals)
    horse, tiger = plan.cells["renderings"], plan.cells["renderings_tiger"]
    assert (horse.drawn, tiger.drawn) == ("synthetic", "synthetic_tiger") and tiger.convert == horse.convert
    assert tiger.command[tiger.command.index("--animal") + 1] == "tiger"
    assert tiger.command[tiger.command.index("--out") + 1] == "data/synthetic_tiger"
    assert plan.cells["source/synthetic_tiger-strong-seed0"].needs == ("renderings_tiger",)
    assert "--hidden" in plan.cells["synthetic_tiger-pony/zoopose-seed0"].command
    with pytest.raises(OptionError):
        build(SMALL, ["pony:synthetic_tiger"], columns_of(["zoopose"], False, []), [0], animals)


def test_a_run_that_was_stopped_is_scored_by_the_network_that_it_gave_back(tmp_path):
    best, last, other = (
        str(tmp_path / name) for name in ("model_best.pth.tar", "last.pth.tar", "checkpoint_1.pth.tar")
    )
    for outcome, first in (("adaptation did not help here", best), ("", last)):
        weights.save(last, {"state_dict": {}, "zoopose": {"run": {"extra": {"guard": {"outcome": outcome}}}}})
        assert measure._result_first([last, best, other]) == [first, *(p for p in (last, best, other) if p != first)]
        weights.save(best, {"state_dict": {}})
        assert measure._result_first([best, last, other]) == [best, last, other]
