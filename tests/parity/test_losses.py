"""Losses of the published human-pose systems, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.pose import losses


def tensors(golden, *names: str) -> list[torch.Tensor]:
    return [torch.from_numpy(np.asarray(golden[name])) for name in names]


def check(value: torch.Tensor, expected) -> None:
    np.testing.assert_allclose(value.detach().numpy(), expected, rtol=2e-6, atol=1e-6)


def check_gradient(loss: torch.Tensor, output: torch.Tensor, expected) -> None:
    (gradient,) = torch.autograd.grad(loss, output)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.golden("fn_sb_joints_mse_loss", "fn_hrnet_ohkm_loss")
def test_joint_losses_with_their_gradients(golden):
    suffixes = [name.removeprefix("in_output") for name in golden.arrays if name.startswith("in_output")]
    assert suffixes
    for suffix in suffixes:
        output, target, weight = tensors(golden, *(f"in_{n}{suffix}" for n in ("output", "target", "target_weight")))
        output.requires_grad_(True)
        for spec, given in (("w", weight), ("now", None)):
            if golden.name == "fn_hrnet_ohkm_loss":
                loss = losses.joints_ohkm(output, target, given, int(golden[f"in_topk{suffix}"]))
            else:
                loss = losses.joints_mse_original(output, target, given)
            if f"out_loss_{spec}{suffix}" in golden:  # the published code fails for one picture without weights
                check(loss, golden[f"out_loss_{spec}{suffix}"])
            if f"out_grad_{spec}{suffix}" in golden:
                check_gradient(loss, output, golden[f"out_grad_{spec}{suffix}"])


@pytest.mark.golden("fn_hrnet_joint_weights")
def test_joint_factors(golden):
    plain = torch.from_numpy(golden["in_joints_vis"][None, :, 0])
    factors = torch.from_numpy(golden["in_joints_weight"])
    shown = golden["out_target_weight"] > 0
    found = losses.joint_factors(plain, factors)[0, :, None]
    np.testing.assert_allclose(found[torch.from_numpy(shown)], golden["out_target_weight"][shown], rtol=1e-6)


@pytest.mark.golden("fn_udp_offset_loss")
def test_udp_offset_loss(golden):
    cases = golden.numbered("in_output_")
    assert cases
    for k in cases:
        output, target, weight = tensors(golden, f"in_output_{k}", f"in_target_{k}", f"in_target_weight_{k}")
        output.requires_grad_(True)
        for spec in ("mse", "l1"):
            heat, offset = losses.udp_offset_terms(output, target, weight, smooth_l1=spec == "l1")
            check(heat, golden[f"out_{spec}_hm_{k}"])
            check(offset, golden[f"out_{spec}_offset_{k}"])
            check_gradient(heat + offset, output, golden[f"out_{spec}_grad_{k}"])


@pytest.mark.golden("fn_udpmm_combined_loss")
def test_mmpose_combined_loss(golden):
    cases = golden.numbered("in_output_")
    assert cases
    for k in cases:
        output, target, weight = tensors(golden, f"in_output_{k}", f"in_target_{k}", f"in_target_weight_{k}")
        check(losses.udp_offset_loss(output, target, weight, weighted_disc=True), golden[f"out_loss_w_{k}"])
        check(losses.udp_offset_loss(output, target, weighted_disc=True), golden[f"out_loss_now_{k}"])


@pytest.mark.golden("fn_cpn_ohkm")
def test_cpn_loss(golden):
    cases = [
        n.removeprefix("in_").removesuffix("_global") for n in golden.arrays if n.endswith("_global") and n[0] == "i"
    ]
    assert cases
    for k in cases:
        levels, target, refined, visibility = tensors(
            golden, *(f"in_{k}_{n}" for n in ("global", "target", "refine", "valid"))
        )
        each = [losses.visible_mse(a, b, visibility) / 2 for a, b in zip(levels, target)]
        check(torch.stack(each), golden[f"out_{k}_global"])
        check(losses.labelled_ohkm(refined, target[-1], visibility), golden[f"out_{k}_ohkm"])
        check(losses.cpn_loss([*levels, refined], target.transpose(0, 1), visibility), golden[f"out_{k}_total"])
    for k in golden.numbered("in_table"):
        # a table of losses of joints: as errors of one cell
        table = torch.from_numpy(golden[f"in_table{k}"]).sqrt()[..., None, None]
        for name, top_k in (("", 8), ("_k4", 4)):
            found = losses.labelled_ohkm(table, torch.zeros_like(table), torch.ones(table.shape[:2]), top_k)
            check(found, golden[f"out_table{k}{name}"])


@pytest.mark.golden("fn_mspn_loss")
def test_mspn_loss(golden):
    cases = [n.removeprefix("in_").removesuffix("_label") for n in golden.arrays if n.endswith("_label")]
    assert cases
    for k in cases:
        output, label, visibility = tensors(golden, f"in_{k}_output", f"in_{k}_label", f"in_{k}_valid")
        check(losses.visible_mse(output, label, visibility), golden[f"out_{k}_l2"])
        for top_k in (8, 4):
            check(losses.labelled_ohkm(output, label, visibility, top_k), golden[f"out_{k}_ohkm{top_k}"])
    totals = [n.removeprefix("in_").removesuffix("_labels") for n in golden.arrays if n.endswith("_labels")]
    assert totals
    for k in totals:
        outputs, labels, visibility = tensors(golden, f"in_{k}_outputs", f"in_{k}_labels", f"in_{k}_valid")
        flat = list(outputs.flatten(0, 1))
        for name in [n for n in golden.arrays if n.startswith(f"out_{k}_ctf")]:
            settings = {"coarse_to_fine": "ctf1" in name, "top_k": 8 if "ohkm1" in name else None}
            check(losses.megvii_loss(flat, labels, visibility, outputs.shape[1], **settings), golden[name])


@pytest.mark.golden("fn_grmi_loss")
def test_grmi_loss(golden):
    cases = [n.removeprefix("in_").removesuffix("_logit") for n in golden.arrays if n.endswith("_logit")]
    assert cases
    for k in cases:
        logit, heat, ignore, offset, way = tensors(
            golden, *(f"in_{k}_{n}" for n in ("logit", "target", "ignore", "offset", "offset_target"))
        )
        output, target = (
            torch.cat([a[:, :, None], b], 2).flatten(1, 2).double() for a, b in ((logit, offset), (heat, way))
        )
        found = losses.grmi_sums(output, target, ignore)
        check(found[0], golden[f"out_{k}_heat_sum"])
        check(found[1], golden[f"out_{k}_offset_sum"])
        check(4 * found[0] + found[1], golden[f"out_{k}_total"])
        whole = losses.grmi_loss(output, target, torch.ones(heat.shape[:2]), ignore)
        check(whole * heat.numel(), golden[f"out_{k}_total"])
