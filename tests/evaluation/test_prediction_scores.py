"""`zoopose test` on people and animals, with given predictions, detected boxes and networks: small trees, samples of real sets."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from zoopose import cli
from zoopose.datasets.coco.categories import select_joints
from zoopose.datasets.coco.truth import CocoTruth, coco_truth
from zoopose.datasets.open import has_splits, open_data
from zoopose.errors import DataError, OptionError, ZooposeError
from zoopose.evaluation import keypoint_tables, prediction_scores, test
from zoopose.evaluation.data import open_with_options
from zoopose.evaluation.inference import Predictions
from zoopose.evaluation.options import TestOptions as Options
from zoopose.evaluation.pose_results import read_results
from zoopose.evaluation.report.saved_predictions import SavedPredictions
from zoopose.evaluation.run_folder import RunFolder
from zoopose.evaluation.score_table import ScoreTable
from zoopose.evaluation.sigmas import sigmas_of
from zoopose.pose import checkpoints
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import COCO17, MPII16

SAMPLES = Path(os.environ.get("ZOOPOSE_DATA", "")) / "samples/small_sets/tests/data"
samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="ZOOPOSE_DATA has no samples/small_sets/tests/data")


class Scored:
    """Scores of a file of predictions, without files and report: PCK by protocol and tables by name."""

    def __init__(self, source: str, predictions: Path, **options):
        options = Options(dataset=source, predictions=str(predictions), **options)
        split = options.split if options.split != "auto" else "valid" if has_splits(source) else "all"
        dataset = open_with_options(source, split, options, need_pictures=False)
        self.scores, self.found, tables = prediction_scores.score_prediction_file(dataset, options)
        self.tables = {table.name: table for table in tables}
        self.pck = {name: score.mean for name, score in self.scores.items()}

    @property
    def oks(self) -> dict:
        return self.tables["oks"].numbers["OKS"]

    def pckh(self, column: str = "HRNet@0.5") -> float:
        return self.tables["pckh"].numbers[column]["mean"]


@pytest.fixture
def written(tmp_path):
    """Writes results; gives their path."""

    def write(results: list) -> Path:
        path = tmp_path / "found.json"
        path.write_text(json.dumps(results))
        return path

    return write


# ---- given predictions


def test_people_perfect_shifted_and_missing(coco_tree, written, made_by_hand):
    pytest.importorskip("faster_coco_eval")
    source = f"coco_person:{coco_tree}"
    truth = coco_truth(open_data(source, split="valid"))
    perfect = Scored(source, written(made_by_hand(truth)))
    assert set(perfect.oks.values()) == set(perfect.pck.values()) == {1.0}
    how = perfect.tables["oks"].protocol
    assert (how["n"], how["sigmas"], how["NMS"]) == (5, "coco17", "none")
    # the crop is 1.25 times the box, so 0.055 of the box is within 0.05 of the crop
    for shift, in_box, in_crop in ((0.045, 1, 1), (0.055, 0, 1), (0.07, 0, 0)):
        shifted = Scored(source, written(made_by_hand(truth, box_shift=shift)))
        assert (shifted.pck["exact/box"], shifted.pck["exact/crop"]) == (in_box, in_crop)
    assert Scored(source, written(made_by_hand(truth, COCO17.sigmas, oks=0.72))).oks["AP"] == pytest.approx(0.5)
    missing = Scored(source, written(made_by_hand(truth, every=2)))
    assert (missing.pck["exact/crop"], missing.oks["AR"]) == pytest.approx((3 / 5, 3 / 5))
    assert missing.scores["exact/crop"].n == 5 * 17


@pytest.mark.parametrize("mat,heads,size", [(True, False, 60), (False, True, 60), (False, False, 20)])
def test_mpii_perfect_shifted_and_missing(mpii_tree, tmp_path, mat, heads, size):
    root = mpii_tree(mat, heads)
    joints, path = np.load(root / "joints.npy"), tmp_path / "pred.mat"
    # the person without a centre is no item, but is scored where the .mat file has him
    people, n = (4, 61) if mat else (3, 45)

    def given(preds, **more):
        savemat(path, {"preds": preds} | more)
        found = Scored(f"mpii:{root}", path)
        how = found.tables["pckh"].protocol
        assert how["people"] == people and how["n"] == n == sum(found.tables["pckh"].n.values())
        assert ("upper neck" in how["head size"]) == (size == 20)
        return found

    assert given(joints).pckh() == given(joints - 1, counted_from=0).pckh() == 1
    shifted = given(joints + [0.5 * size, 0])
    assert [shifted.pckh(f"{spec}@0.5") for spec in ("HRNet", "bearpaw", "princeton")] == [1, 0, 0]
    shifted = given(joints + [0.105 * size, 0])
    assert [shifted.pckh(f"HRNet@{share}") for share in ("0.5", "0.1", "0.11")] == [1, 0, 1]
    joints[0] = -1
    missing = given(joints)
    assert missing.pckh("princeton@0.5") == pytest.approx((n - 16) / n) and missing.pck["exact/crop"] == pytest.approx(
        29 / 45
    )
    assert given(joints[:3]).pckh("princeton@0.5") == pytest.approx(29 / n)  # of the items alone
    with pytest.raises(DataError, match=r"preds \(4, 16, 2\)"):
        given(joints[:2])


def test_mpii_in_one_file_whose_people_are_drawn(mpii_tree, tmp_path):
    root, path = mpii_tree(mat=False, heads=True), tmp_path / "pred.mat"
    file = (root / "annot/valid.json").rename(root / "people.json")
    savemat(path, {"preds": np.load(root / "joints.npy")})
    for split in ("all", "train"):
        found = Scored(f"mpii:{file}", path, split=split)
        assert found.pckh() == found.pck["exact/crop"] == 1
    assert 0 < found.tables["pckh"].protocol["people"] <= 3


def test_animals_of_any_joints(tiny_coco, written, made_by_hand, tmp_path, caplog):
    pytest.importorskip("faster_coco_eval")
    source = f"coco:{tiny_coco(tmp_path / 'beasts', n=6)}"
    path = written(made_by_hand(coco_truth(open_data(source))))
    with caplog.at_level("INFO"):
        plain = Scored(source, path)
    assert set(plain.pck) == {"exact/crop", "exact/box", "exact/diagonal"} and not plain.tables
    assert "no OKS: no sigmas are known" in caplog.text
    # pictures are not needed; their sizes are in the file
    for picture in (tmp_path / "beasts").glob("*.png"):
        picture.unlink()
    test.run(Options(dataset=source, predictions=str(path), sigmas="0.1"))
    metrics = json.loads((tmp_path / "found_test/metrics.json").read_text())
    oks = metrics["protocols"]["oks"]
    assert oks["numbers"]["OKS"]["AP"] == oks["mean"] == 1
    assert metrics["mean"] == metrics["protocols"]["exact/diagonal"]["mean"] == 1
    assert "6 annotations without an area" in oks["protocol"]["truth"] and oks["protocol"]["sigma values"] == [0.1] * 6
    page = (tmp_path / "found_test/report.html").read_text()
    assert "COCO keypoints (OKS)" in page and "Left out: " in page
    assert cli.main(["report", str(tmp_path / "found_test")]) == 0
    assert (tmp_path / "found_test/report.html").read_text() == page


def test_without_the_package_that_counts(tiny_coco, coco_tree, written, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    people, beasts = open_data(f"coco_person:{coco_tree}"), open_data(f"coco:{tiny_coco(tmp_path / 'beasts', n=2)}")
    with pytest.raises(ZooposeError, match="uv sync --extra coco"):
        keypoint_tables.usable_sigmas(people, COCO17, Options())
    with pytest.raises(ZooposeError, match="uv sync --extra coco"):
        keypoint_tables.usable_sigmas(beasts, beasts.skeleton, Options(sigmas="0.1"))
    known = select_joints(COCO17, COCO17.joints[:6])[1]
    with caplog.at_level("WARNING"):
        assert keypoint_tables.usable_sigmas(beasts, known, Options()) is None
    assert "no OKS: expected the package" in caplog.text


def test_animal_pose_in_its_own_form(written, made_by_hand, tmp_path):
    pytest.importorskip("faster_coco_eval")
    rng = np.random.default_rng(0)
    own = [
        {"image_id": 1 + i // 2, "bbox": [10 + 90 * (i % 2), 10, 90 + 90 * (i % 2), 70], "category_id": 1 + i,
         "keypoints": [[float(x), float(y), 1] for x, y in rng.uniform(15, 65, (20, 2)) + [90 * (i % 2), 0]]}
        for i in range(4)
    ]  # fmt: skip
    file = tmp_path / "keypoints.json"
    file.write_text(json.dumps({"images": {"1": "do1.jpg", "2": "ca2.jpg"}, "annotations": own}))
    source = f"animal_pose:{file}"
    dataset = open_data(source, need_pictures=False)
    results = made_by_hand(coco_truth(dataset))
    for number, result in enumerate(results):
        result["category_id"] = 3  # any: the five classes are scored as one
        if number % 2:
            result["file_name"] = dataset.file_names[number]
            del result["image_id"]
    found = Scored(source, written([*results, results[0] | {"image_id": 99}]), split="all")
    assert {v for v in found.oks.values() if np.isfinite(v)} == {1.0} == set(found.pck.values())
    assert set(found.pck) == {"exact/crop", "exact/box"}  # neither file nor pictures tell how large these are
    how = found.tables["oks"].protocol
    assert (
        how["sigmas"] == "animal_pose20"
        and how["results"] == 4
        and "1 results left out: 1 of a picture" in how["left out"]
    )


def test_who_gets_which_result():
    xy_true = np.array([[[10.0, 10]], [[50.0, 10]], [[10.0, 10]]])
    items, visible, boxes = [(1, 1), (1, 1), (2, 1)], np.full((3, 1), 2), np.full((3, 4), 30.0)

    def given(*results):
        image_ids, category_ids, x, scores = zip(*results)
        poses = np.array([[[v, 10, 1]] for v in x], float)
        own = prediction_scores.PoseResults(list(image_ids), list(category_ids), poses, np.array(scores))
        return prediction_scores.given_to_animals(own, items, xy_true, visible, boxes).tolist()

    assert given((1, 1, 48, 0.5), (1, 1, 12, 0.6)) == [1, 0, -1]
    # the best-scored one chooses first, and the next takes what is left
    assert given((1, 1, 12, 0.5), (1, 1, 20, 0.9)) == [1, -1, -1]
    assert given((1, 1, 28, 0.5), (1, 1, 20, 0.9)) == [1, 0, -1]
    # too far, another category, another picture
    assert given((2, 1, 45, 0.5), (1, 2, 10, 0.9), (3, 1, 10, 0.9)) == [-1, -1, -1]


def test_a_picture_that_is_named_twice_keeps_both_its_ids(tmp_path):
    images = [{"id": i, "file_name": name} for i, name in ((1, "a.png"), (9, "a.png"), (2, "b.png"))]
    truth = CocoTruth(images, [], [{"id": 1}], [])
    rows = [{"image_id": i, "category_id": 1, "keypoints": [1, 2, 1], "score": 1} for i in (1, 9)]
    rows += [{"file_name": name, "category_id": 1, "keypoints": [1, 2, 1], "score": 1} for name in ("b.png", "a.png")]
    (tmp_path / "r.json").write_text(json.dumps(rows))
    found = read_results(tmp_path / "r.json", truth, 1)
    assert found.image_ids == [1, 9, 2] and found.left_out.total() == 1


def test_results_that_are_none(coco_tree, written, made_by_hand, tmp_path):
    source = f"coco_person:{coco_tree}"
    good = made_by_hand(coco_truth(open_data(source, split="valid")))
    for bad, text in [
        ({"images": []}, "COCO keypoint results"),
        ([{"image_id": 1, "score": 1}], "keypoints in every result"),
        ([good[0] | {"keypoints": [1.0] * 48}], r"3 x 17 numbers(?s:.*)48 numbers"),
        ([good[0] | {"score": None}], "a score in every result"),
        ([good[0] | {"keypoints": ["1"] * 51}], "finite numbers"),
        (
            [r | {"image_id": f"p{r['image_id']}"} for r in good],
            r"5 results, none of these(?s:.*)the text 'p1' for image_id",
        ),
        ([r | {"image_id": None} for r in good], r"5 results, none of these(?s:.*)null for image_id"),
        ([r | {"category_id": 3} for r in good], r"category 1(?s:.*)the number 3 for category_id"),
        ([good[0] | {"score": 10**400}], "finite numbers"),
        ([good[0] | {"keypoints": [True] * 51}], "finite numbers"),
    ]:
        with pytest.raises(DataError, match=text):
            Scored(source, written(bad))
    for other in (float, str):
        written_otherwise = [r | {"image_id": other(r["image_id"])} for r in good]
        assert set(Scored(source, written(written_otherwise)).pck.values()) == {1.0}
    with pytest.raises(DataError, match="does not exist"):
        Scored(source, tmp_path / "nothing.json")


def test_options_that_do_not_go_together(coco_tree, mpii_tree, written):
    source, path = f"coco_person:{coco_tree}", written([])
    for other in ({"resume": "x"}, {"flip": True}, {"soft_nms": True}, {"boxes": "gt"}, {"nms": 0.5}):
        with pytest.raises(OptionError, match="scored without changes"):
            test.run(Options(dataset=source, predictions=str(path), **other))
    with pytest.raises(OptionError, match="--nms above 0"):
        test.run(Options(dataset=source, resume="x", nms=0))
    with pytest.raises(OptionError, match="scored by PCKh"):
        keypoint_tables.usable_sigmas(open_data(f"mpii:{mpii_tree()}"), MPII16, Options(soft_nms=True))


# ---- a network


@pytest.fixture
def network(tmp_path) -> str:
    """Checkpoint of a tiny network of COCO's joints that has learnt nothing."""
    numbers = {"num_stacks": 1, "num_blocks": 1, "width": 4, "depth": 1}
    torch.manual_seed(0)
    model, spec = build_model("hg", len(COCO17), **numbers), InputSpec("exact", 32, 8)
    path = tmp_path / "run/model_best.pth.tar"
    path.parent.mkdir()
    torch.save(checkpoints.pack(model, "hg", numbers, COCO17, spec, 1, 0.0, None, {}), path)
    return str(path)


def detections(tree: Path, scores=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4)) -> Path:
    """Boxes of the five people, the first twice."""
    people = json.loads((tree / "annotations/person_keypoints_val2017.json").read_text())["annotations"][:5]
    people = [*people, people[0]]
    found = [{**{k: p[k] for k in ("image_id", "category_id", "bbox")}, "score": s} for p, s in zip(people, scores)]
    path = tree / "detections.json"
    path.write_text(json.dumps([*found, found[0] | {"category_id": 2}]))
    return path


def test_a_network_in_annotated_and_in_detected_boxes(coco_tree, network, capsys):
    pytest.importorskip("faster_coco_eval")
    words = [
        "test",
        "--dataset",
        f"coco_person:{coco_tree}",
        "--resume",
        network,
        "--workers",
        "0",
        "--accelerator",
        "cpu",
    ]
    folder = Path(network).parent / "test"
    assert cli.main([*words, "-f", "--boxes", "gt"]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics["protocols"])[-1] == "oks" and "published" in metrics["protocols"]
    oks = metrics["protocols"]["oks"]["protocol"]
    assert oks["boxes"] == "annotated" and oks["mirrored picture averaged in"] == "yes" and oks["NMS"] == "OKS 0.9"
    results = json.loads((folder / "keypoints_results.json").read_text())
    assert 0 < len(results) <= 5 and all(len(r["keypoints"]) == 51 for r in results)
    page, scores = (folder / "report.html").read_text(), SavedPredictions.read(RunFolder(folder))
    assert "COCO keypoints (OKS)" in page and [t.name for t in scores.tables] == ["oks"]
    assert cli.main(["report", str(folder)]) == 0 and (folder / "report.html").read_text() == page

    assert cli.main([*words, "--boxes", str(detections(coco_tree)), "--soft-nms"]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    oks = metrics["protocols"]["oks"]["protocol"]
    assert "6 detections" in oks["boxes"] and "1 not a person" in oks["boxes"] and "soft OKS 0.9" in oks["NMS"]
    assert oks["results"] == 6 and "published" not in metrics["protocols"] and metrics["protocol"]["n"] == 5 * 17
    page = (folder / "report.html").read_text()
    assert cli.main(["report", str(folder)]) == 0 and (folder / "report.html").read_text() == page
    assert cli.main([*words[:2], f"images:{coco_tree}/val2017", *words[3:], "--boxes", "x.json"]) == 2
    capsys.readouterr()


def test_what_becomes_of_detections(coco_tree, network, monkeypatch):
    """A network that sees everything: scores are box x joints, who is found twice is one, people in unread pictures are missed."""
    pytest.importorskip("faster_coco_eval")
    source = f"coco_person:{coco_tree}"
    labelled = open_data(source, split="valid")

    def see(model, dataset, *_, **__):
        nearest = [int(np.abs(labelled.boxes - box).sum(1).argmin()) for box in dataset.boxes]
        n, xy = len(dataset), labelled.labels[0][nearest]
        score = np.full((n, 17), 0.6, np.float32)
        score[:, 0] = 0.1  # does not count
        read = np.array([dataset.meta_of(i)["image_id"] != 2 for i in range(n)])
        none, size = np.zeros((n, 17, 2), np.float32), np.tile([100, 200], (n, 1))
        labels = np.zeros((n, 17), np.uint8)
        return Predictions(list(dataset.ids), xy, score, none, none, none, labels, dataset.boxes, size, 1.25, read)

    monkeypatch.setattr("zoopose.evaluation.score.predict", see)
    options = Options(dataset=source, resume=network, boxes=str(detections(coco_tree)), accelerator="cpu", workers=0)
    test.run(options)
    folder = Path(network).parent / "test"
    results = json.loads((folder / "keypoints_results.json").read_text())
    assert [r["image_id"] for r in results] == [1, 1, 3, 4]
    np.testing.assert_allclose([r["score"] for r in results], 0.6 * np.array([0.9, 0.8, 0.6, 0.5]), rtol=1e-5)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["protocols"]["oks"]["numbers"]["OKS"]["AR"] == pytest.approx(0.8) == metrics["mean"]


def test_a_network_of_mpii(mpii_tree, tmp_path):
    numbers = {"num_stacks": 1, "num_blocks": 1, "width": 4, "depth": 1}
    model, path = build_model("hg", len(MPII16), **numbers), tmp_path / "run/last.pth.tar"
    path.parent.mkdir()
    torch.save(checkpoints.pack(model, "hg", numbers, MPII16, InputSpec("exact", 32, 8), 1, 0.0, None, {}), path)
    root = mpii_tree()
    test.run(Options(dataset=f"mpii:{root}", resume=str(path), accelerator="cpu", workers=0))
    folder = path.parent / "test"
    table = json.loads((folder / "metrics.json").read_text())["protocols"]["pckh"]
    preds = loadmat(folder / "pred.mat")["preds"]
    assert preds.shape == (4, 16, 2) and (preds[3] == -1).all() and table["protocol"]["people"] == 4
    # both files that the test leaves, one counted from 1, one from 0, come to the same score
    for name in ("pred.mat", "preds_valid.mat"):
        again = Scored(f"mpii:{root}", folder / name).tables["pckh"].to_json()
        assert again["numbers"] == table["numbers"]


def test_a_table_survives_json():
    table = ScoreTable("x", "X", {"a": {"r": 0.5, "s": np.nan}, "b": {"s": 1.0}}, ("a", "r"), {"n": 3}, {"r": 2})
    back = ScoreTable.from_json("x", json.loads(json.dumps(table.to_json())))
    assert back.text() == table.text() and "50.00" in table.text() and "n: 3" in table.text()
    assert table.mean == 0.5 and table.rows == ["r", "s"]
    with pytest.raises(DataError, match="a table of scores"):
        ScoreTable.from_json("x", {"title": "X"})


# ---- samples of the real sets


@samples
@pytest.mark.data
@pytest.mark.parametrize(
    "name,sigmas,oks_animals",
    [
        ("coco/test_coco", "", 12),
        ("ap10k/test_ap10k", "", 2),
        ("animalpose/test_animalpose", "", 2),
        ("macaque/test_macaque", "", 2),
        ("ochuman/test_ochuman", "", 5),
        ("horse10/test_horse10", "0.1", 3),
        ("atrw/test_atrw", "0.05", 2),
        ("zebra/test_zebra", "0.1", 2),
        ("crowdpose/test_crowdpose", "0.079", 4),
    ],
)
def test_samples_perfect_shifted_and_missing(name, sigmas, oks_animals, written, made_by_hand):
    source = f"coco:{SAMPLES / name}.json"
    dataset = open_data(source)
    truth, own = coco_truth(dataset), sigmas_of(dataset.skeleton, sigmas)[0]

    def numbers(**how):
        found = Scored(source, written(made_by_hand(truth, own, **how)), sigmas=sigmas)
        assert found.tables["oks"].protocol["n"] == oks_animals
        return found.oks["AP"], found.oks["AR"], found.pck["exact/box"]

    assert numbers() == (1, 1, 1)
    assert numbers(oks=0.72)[:2] == pytest.approx((0.5, 0.5))
    # people may stand closer together than that: only sets of one animal a picture stay wrong all over
    ap, _, pck = numbers(box_shift=0.06)
    assert ap < 1 and pck < 0.1
    ap, ar, pck = numbers(every=2)
    assert (
        ap < 0.7
        and pck < 0.7
        and (len(truth.categories) > 1 or ar == pytest.approx(-(-oks_animals // 2) / oks_animals))
    )


@samples
@pytest.mark.data
def test_sample_of_mpii(tmp_path):
    people = json.loads((SAMPLES / "mpii/test_mpii.json").read_text())
    joints, seen = (np.array([p[k] for p in people], float) for k in ("joints", "joints_vis"))
    source, path = f"mpii:{SAMPLES / 'mpii/test_mpii.json'}", tmp_path / "pred.mat"
    head = np.linalg.norm(joints[:, 9] - joints[:, 8], axis=-1)

    def means(preds):
        savemat(path, {"preds": preds})
        found = Scored(source, path, split="all")
        assert found.tables["pckh"].protocol["n"] == seen[seen[:, 8:10].all(1)].sum()
        return [found.pckh(c) for c in ("HRNet@0.5", "HRNet@0.1", "bearpaw@0.5", "princeton@0.5")]

    assert means(joints) == [1, 1, 1, 1]
    assert means(joints + 0.3 * head[:, None, None] * [0, 1]) == [1, 0, 1, 1]
    assert means(joints + 0.6 * head[:, None, None] * [0, 1]) == [0, 0, 0, 0]
    assert means(np.full_like(joints, -1)) == [0, 0, 0, 0]
