"""The published score: per batch, running means, the tiger's order, area under the curve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.evaluation.original_pck import accuracy, area_under_curve, joint_distances, original_pck, peaks

BATCH = 6


@pytest.mark.golden("fn_ccssl_accuracy")
def test_accuracy_of_all_items_at_once(golden):
    width = golden["in_output"].shape[-1]
    distances = joint_distances(peaks(golden["in_output"]), peaks(golden["in_target"]), width)
    np.testing.assert_allclose(distances.T, golden["out_dists"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(accuracy(distances), golden["out_acc"], atol=1e-6)
    np.testing.assert_allclose(accuracy(distances, golden["in_subset"] - 1), golden["out_acc_subset"], atol=1e-6)
    # printed with two decimals
    assert area_under_curve(distances)[0] == pytest.approx(float(golden["out_auc"]), abs=0.0101)


@pytest.mark.golden("fn_ccssl_accuracy")
@pytest.mark.parametrize("animal", ["horse", "tiger"])
def test_running_means(golden, animal):
    order = golden["in_tiger_index"] - 1
    target_order = order if animal == "tiger" else None
    score = original_pck(
        torch.from_numpy(golden["in_output"]), torch.from_numpy(golden["in_target"]), BATCH, target_order=target_order
    )
    # the published list of a tiger is in the order of TigDog's tiger files, ours is in model order
    printed = score.pck[order] if animal == "tiger" else score.pck
    np.testing.assert_allclose(printed, golden[f"out_{animal}_pck_per_joint"], atol=1e-6)
    assert score.mean == pytest.approx(float(golden[f"out_{animal}_mean"]), abs=1e-6)


@pytest.mark.golden("fn_ccssl_accuracy")
def test_accuracy_of_the_tiger(golden):
    order = golden["in_tiger_index"] - 1
    output, target = peaks(golden["in_output"]), peaks(golden["in_target"])
    distances = joint_distances(output, target[:, order], golden["in_output"].shape[-1])
    np.testing.assert_allclose(distances.T, golden["out_tiger_dists_all"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(accuracy(distances, order), golden["out_tiger_acc_all"], atol=1e-6)
    for k, expected in enumerate(golden["out_tiger_acc_per_batch"]):
        batch = distances[k * BATCH : (k + 1) * BATCH]
        np.testing.assert_allclose(accuracy(batch, order), expected, atol=1e-6)
