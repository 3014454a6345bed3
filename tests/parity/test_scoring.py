"""Scores of COCO and MPII, NMS, rescoring and the accuracies of training, against the published numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from zoopose.evaluation import original_pck as original_pck
from zoopose.evaluation.coco_scores import NUMBERS, keypoint_numbers
from zoopose.evaluation.heatmap_accuracy import heatmap_accuracy, share_right
from zoopose.evaluation.nms import box_nms, decayed, oks_nms, ranked, soft_oks_nms
from zoopose.evaluation.oks import object_oks, pose_oks
from zoopose.evaluation.pckh import CURVE, PRINCETON_GROUPS, head_errors, head_size, pckh, pckh_curve
from zoopose.pose.skeleton import ANIMAL_POSE20, AP10K17, COCO17, MPII16

# joints with the published names, in the order of the published groups
PUBLISHED_JOINTS = "rank rkne rhip lhip lkne lank pelv thor neck head rwri relb rsho lsho lelb lwri".split()


def share_in_name(text: str) -> float:
    """03 -> 0.3, as the arrays' names write thresholds."""
    return float(f"{text[0]}.{text[1:]}")


@pytest.mark.golden("fn_sb_box_nms")
def test_nms_of_boxes(golden):
    kept = [name for name in golden.arrays if name.startswith("out_keep_")]
    assert kept
    for name in kept:
        dets = golden["in_dets"]
        found = box_nms(dets[:, :4], dets[:, 4], share_in_name(name.removeprefix("out_keep_")))
        np.testing.assert_array_equal(found, golden[name], err_msg=name)


@pytest.mark.golden("fn_sb_oks_nms")
def test_nms_of_poses(golden):
    cases = golden.numbered("in_keypoints_")
    assert cases
    for case in cases:
        poses, scores, areas, threshold = (golden[f"in_{n}_{case}"] for n in ("keypoints", "scores", "areas", "thresh"))
        kept = oks_nms(poses, scores, areas, float(threshold), COCO17.sigmas)
        np.testing.assert_array_equal(kept, golden[f"out_keep_{case}"])
        kept = oks_nms(poses, scores, areas, float(threshold), COCO17.sigmas, joints_above=0.2)
        np.testing.assert_array_equal(kept, golden[f"out_keep_vis02_{case}"])

        def first_with_all(sigmas, above=None, poses=poses, areas=areas):
            return pose_oks(poses[0, :, :2], areas[0], poses[..., :2], areas, sigmas, poses[..., 2], above=above)

        np.testing.assert_allclose(first_with_all(COCO17.sigmas), golden[f"out_iou0_{case}"], atol=1e-12)
        np.testing.assert_allclose(first_with_all(COCO17.sigmas, 0.2), golden[f"out_iou0_vis02_{case}"], atol=1e-12)
        np.testing.assert_allclose(first_with_all([0.05] * 17), golden[f"out_iou0_sigma005_{case}"], atol=1e-12)


@pytest.mark.golden("fn_hrnet_soft_oks_nms")
def test_soft_nms_of_poses(golden):
    cases = golden.numbered("in_keypoints_")
    assert cases
    for case in cases:
        poses, scores, areas, threshold = (golden[f"in_{n}_{case}"] for n in ("keypoints", "scores", "areas", "thresh"))
        kept = soft_oks_nms(poses, scores, areas, float(threshold), COCO17.sigmas)
        np.testing.assert_array_equal(kept, golden[f"out_keep_{case}"])
    outs = [name for name in golden.arrays if name.startswith("out_rescore_")]
    assert outs
    for name in outs:
        kind, threshold = name.removeprefix("out_rescore_").split("_")
        found = decayed(golden["in_rescore_scores"], golden["in_rescore_overlap"], share_in_name(threshold), kind)
        np.testing.assert_allclose(found, golden[name], atol=1e-12, err_msg=name)


@pytest.mark.golden("fn_hrnet_coco_rescore")
def test_from_predictions_to_results(golden):
    cases = golden.numbered("in_preds_")
    assert cases
    for case in cases:
        poses, boxes, image_id = (golden[f"in_{n}_{case}"] for n in ("preds", "boxes", "image_id"))
        threshold, above = float(golden[f"in_oks_thre_{case}"]), float(golden[f"in_in_vis_thre_{case}"])
        # "case 0 oks_nms 0.9, case 1 soft_oks_nms 0.5"
        soft = re.search(rf"case {case} (soft_)?oks_nms", golden.manifest["call"])[1] is not None
        kept, scores = ranked(
            image_id.tolist(),
            poses,
            boxes[:, 5],
            boxes[:, 4],
            COCO17.sigmas,
            threshold=threshold,
            joints_above=above,
            soft=soft,
        )
        np.testing.assert_array_equal(kept, golden[f"out_kept_index_{case}"])
        np.testing.assert_allclose(scores[kept], golden[f"out_kept_score_{case}"], atol=1e-6)
        np.testing.assert_array_equal(image_id[kept], golden[f"out_kept_image_{case}"])
        np.testing.assert_allclose(poses[kept].reshape(len(kept), -1), golden[f"out_json_keypoints_{case}"], atol=1e-6)


@pytest.mark.golden("fn_coco_keypoint_eval")
def test_the_ten_numbers_of_coco(golden):
    pytest.importorskip("faster_coco_eval")
    cases = sorted(path.parent.name for path in golden.path.glob("*/gt.json"))
    assert cases
    for case in cases:
        truth, results = (json.loads((golden.path / case / f"{n}.json").read_text()) for n in ("gt", "dt"))
        sigmas = golden[f"in_{case}_sigmas"]
        found = keypoint_numbers(truth, results, sigmas)
        expected = {name: golden[f"out_{case}_{name}"] for name in ("stats", "precision", "recall")}
        expected = {name: np.where(values < 0, np.nan, values) for name, values in expected.items()}
        np.testing.assert_allclose([found.numbers[n] for n in NUMBERS], expected["stats"], atol=1e-9, err_msg=case)
        np.testing.assert_allclose(found.precision[:, :, 0], expected["precision"], atol=1e-9, err_msg=case)
        np.testing.assert_allclose(found.recall[:, 0], expected["recall"], atol=1e-9, err_msg=case)
        counted = [a for a in truth["annotations"] if not a["iscrowd"] and a["num_keypoints"]]
        assert (found.animals, found.results) == (len(counted), len(results))
        check_matrices(golden, case, truth, results, sigmas)


def check_matrices(golden, case, truth, results, sigmas):
    """OKS of the detections of a picture, best 20 first, with its annotations."""
    prefix, k = f"out_{case}_oks_img", len(sigmas)
    for picture in golden.numbered(prefix):
        own = [a for a in truth["annotations"] if a["image_id"] == picture]
        dets = sorted((d for d in results if d["image_id"] == picture), key=lambda d: -d["score"])[:20]
        true = np.array([a["keypoints"] for a in own]).reshape(-1, k, 3)
        pred = np.array([d["keypoints"] for d in dets]).reshape(-1, k, 3)
        area, box = [a["area"] for a in own], [a["bbox"] for a in own]
        found = object_oks(pred[..., :2], true[..., :2], true[..., 2], area, box, sigmas)
        np.testing.assert_allclose(found, golden[f"{prefix}{picture}"], atol=1e-9, err_msg=f"{case} {picture}")


@pytest.mark.golden("fn_coco_keypoint_eval")
def test_our_sigmas_are_the_published_ones(golden):
    orders = {"coco17": COCO17.sigmas, "ap10k17": AP10K17.sigmas, "animalpose20": ANIMAL_POSE20.sigmas}
    for name, sigmas in orders.items():
        if f"in_{name}_sigmas" in golden:
            # mmpose's order of Animal-Pose is another one
            np.testing.assert_allclose(np.sort(sigmas), np.sort(golden[f"in_{name}_sigmas"]), atol=1e-12)


def errors_of(golden, case, counted_from):
    """Errors in head sizes and labelled joints of a case of MPII."""
    true, corners, missing = (
        np.moveaxis(golden[f"in_{n}_{case}"].astype(float), -1, 0)
        for n in ("pos_gt_src", "headboxes_src", "jnt_missing")
    )
    preds = golden[f"in_preds_{case}"] + (1 - counted_from)  # in one step: some errors lie exactly on a threshold
    return head_errors(preds, true, head_size(corners)), missing == 0


def known(values):
    """Where the published code, which divides by zero for joints without an instance, has a number."""
    return np.isfinite(values)


@pytest.mark.golden("fn_mpii_pckh", but_not=("fn_mpii_pckh_bearpaw",))
def test_pckh_of_the_hrnet_family(golden):
    assert golden["in_dataset_joints"].tolist() == PUBLISHED_JOINTS
    cases = golden.numbered("in_preds_")
    assert cases
    for case in cases:
        errors, labelled = errors_of(golden, case, counted_from=0)
        score, curve = pckh(errors, labelled), pckh_curve(errors, labelled)
        values = {name.capitalize(): share.pck for name, share in score.groups.items()}
        values |= {"Mean": score.mean, "Mean@0.1": pckh(errors, labelled, CURVE[11]).mean}
        expected = golden[f"out_values_{case}"]
        found = 100 * np.array([values[name] for name in golden["in_value_names"]])
        np.testing.assert_allclose(found[known(expected)], expected[known(expected)], atol=1e-6)
        for name, own in (("out_curve", [s.mean for s in curve]), ("out_pck_all", [s.joints for s in curve])):
            expected, found = golden[f"{name}_{case}"], 100 * np.array(own)
            np.testing.assert_allclose(found[known(expected)], expected[known(expected)], atol=1e-6, err_msg=name)


@pytest.mark.golden("fn_mpii_pckh_bearpaw")
def test_pckh_of_the_hourglass_codes(golden):
    cases = golden.numbered("in_preds_")
    assert cases
    for case in cases:
        errors, labelled = errors_of(golden, case, counted_from=1)
        score = pckh(errors, labelled, definition="bearpaw")
        every = golden[f"out_pck_all_{case}"]
        curve = [s.joints for s in pckh_curve(errors, labelled, "bearpaw")][: len(every)]
        for found, expected in (
            (score.joints, golden[f"out_pckh_{case}"]),
            (score.mean, golden[f"out_mean_{case}"]),
            (curve, every),
        ):
            found = 100 * np.asarray(found)
            np.testing.assert_allclose(found[known(expected)], expected[known(expected)], atol=1e-6)

        truth, normaliser = golden[f"in_princeton_gt_{case}"], golden[f"in_princeton_normalize_{case}"]
        errors = head_errors(golden[f"in_preds_{case}"], truth[..., :2], normaliser)
        there, seen = truth[..., 0] != 0, truth[..., 2] > 0
        rows = {"all": there, "visible": there & seen, "not visible": there & ~seen}
        for row, name in enumerate(golden["in_princeton_rows"]):
            score = pckh(errors, rows[str(name)], definition="princeton")
            shares = [(score.mean, int(score.n.sum()))]
            shares += [tuple(score.groups[str(key)]) for key in golden["in_princeton_keys"] if str(key) != "total"]
            right = [round(share * n) if n else 0 for share, n in shares]
            np.testing.assert_array_equal([n for _, n in shares], golden[f"out_princeton_count_{case}"][row])
            np.testing.assert_array_equal(right, golden[f"out_princeton_correct_{case}"][row])
    assert set(PRINCETON_GROUPS) | {"total"} == {str(key) for key in golden["in_princeton_keys"]}
    assert len(MPII16) == sum(len(own) for own in PRINCETON_GROUPS.values())


@pytest.mark.golden("fn_sb_accuracy")
def test_accuracy_of_simple_baseline(golden):
    cases = golden.numbered("in_output_")
    assert cases
    for case in cases:
        maps, target = golden[f"in_output_{case}"], golden[f"in_target_{case}"]
        for score in (heatmap_accuracy(maps, target), heatmap_accuracy(torch.tensor(maps), torch.tensor(target))):
            np.testing.assert_allclose([score.mean, *score.joints], golden[f"out_acc_{case}"], atol=1e-6)
            assert score.mean == pytest.approx(float(golden[f"out_avg_acc_{case}"]), abs=1e-6)
            assert score.counted == golden[f"out_cnt_{case}"]
            np.testing.assert_array_equal(score.xy_heatmap, golden[f"out_pred_{case}"])
            np.testing.assert_allclose(score.distances.T, golden[f"out_dists_{case}"], atol=1e-6)
    rows = golden["in_dist_rows"]
    np.testing.assert_allclose([share_right(row) for row in rows], golden["out_dist_acc"], atol=1e-9)
    np.testing.assert_allclose([share_right(row, 0.3) for row in rows], golden["out_dist_acc_thr03"], atol=1e-9)


@pytest.mark.golden("fn_hg_bearpaw_decode")
def test_accuracy_of_bearpaw(golden):
    output, target = (original_pck.peaks(golden[f"in_acc_{n}"]) for n in ("output", "target"))
    distances = original_pck.joint_distances(output, target, golden["in_acc_output"].shape[-1])
    found = original_pck.accuracy(distances, golden["in_idxs"] - 1)
    np.testing.assert_allclose(found, golden["out_accuracy"], atol=1e-6)
