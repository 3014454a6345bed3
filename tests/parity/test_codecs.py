"""Targets, decoding and flip of the published human-pose systems."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.pose import heatmap
from zoopose.pose import person_frames as frames
from zoopose.pose.heatmap.dark import taylor
from zoopose.pose.heatmap.offsets import split
from zoopose.pose.original.geometry import original_transform
from zoopose.pose.original.heatmap import draw_labelmaps, final_preds, peaks
from zoopose.pose.skeleton import SKELETONS

ILL = 1e-3  # cells between the published code in float32 and in float64, beyond which a joint says nothing


def tensor(array) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array))


def same(got, expected, tolerance: float = 1e-6, **more):
    """Equal to a millionth of the value, or of the largest one where it is small."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale, **more)


def order_of(pairs: np.ndarray, joints: int) -> list[int]:
    order = list(range(joints))
    for a, b in pairs:
        order[a], order[b] = int(b), int(a)
    return order


def cases(golden, prefix: str) -> list[int]:
    found = golden.numbered(prefix)
    assert found, prefix
    return found


def to_picture(golden, frame: str, xy: torch.Tensor, k, size_hw) -> np.ndarray:
    """Cells (B, K, 2) in picture px, by the box of case k."""
    return frames.transform_preds(frame, xy, golden[f"in_center_{k}"], golden[f"in_scale_{k}"], size_hw[::-1]).numpy()


# ---- targets


def target_case(golden, k):
    """Joints in cells (1, K, 2), visibility (1, K), (h, w), and sizes of the input and the map (w, h)."""
    joints, visible = golden[f"in_joints_{k}"][None, :, :2], golden[f"in_joints_vis_{k}"][None, :, 0]
    return tensor(joints), tensor(visible), golden[f"in_image_size_{k}"], golden[f"in_heatmap_size_{k}"]


@pytest.mark.golden("fn_sb_generate_target")
def test_msra_targets(golden):
    for k in cases(golden, "out_target_"):
        joints, visible, size, cells = target_case(golden, k)
        check_window(golden, k, joints / tensor(size / cells), visible, cells, "msra")


@pytest.mark.golden("fn_dark_generate_target")
def test_dark_targets(golden):
    for k in cases(golden, "out_target_"):
        joints, visible, _, cells = target_case(golden, k)
        check_window(golden, k, joints, visible, cells, "gaussian")


@pytest.mark.golden("fn_udp_target_gaussian")
def test_udp_gaussian_targets(golden):
    for k in cases(golden, "out_target_"):
        joints, visible, size, cells = target_case(golden, k)
        check_window(golden, k, joints / tensor((size - 1) / (cells - 1)), visible, cells, "udp_gaussian")


def check_window(golden, k, xy, visible, cells, kind):
    size_hw, sigma = (int(cells[1]), int(cells[0])), float(golden[f"in_sigma_{k}"])
    weight = heatmap.window_weight(xy, visible, size_hw, sigma, kind)
    same(weight[0, :, None], golden[f"out_target_weight_{k}"], err_msg=f"case {k}")
    same(heatmap.encode(xy, weight, size_hw, sigma, kind)[0], golden[f"out_target_{k}"], err_msg=f"case {k}")


@pytest.mark.golden("fn_hrnet_joint_weights")
def test_joint_weights(golden):
    h, w = golden["out_target"].shape[1:]
    joints, visible = tensor(golden["in_joints"][None, :, :2]) / 4, tensor(golden["in_joints_vis"][None, :, 0])
    weight = heatmap.window_weight(joints, visible, (h, w), 2.0)
    same((weight * tensor(golden["in_joints_weight"][:, 0]))[0, :, None], golden["out_target_weight"])
    same(heatmap.encode(joints, weight, (h, w), 2.0, "msra")[0], golden["out_target"])


@pytest.mark.golden("fn_udp_target_offset")
def test_udp_offset_targets(golden):
    for k in cases(golden, "out_target_"):
        joints, visible, size, cells = target_case(golden, k)
        xy, radius = joints / tensor((size - 1) / (cells - 1)), float(golden[f"in_kpd_{k}"])
        maps = heatmap.encode_offsets(xy, visible, (int(cells[1]), int(cells[0])), radius, radius)
        same(maps[0], golden[f"out_target_{k}"], err_msg=f"case {k}")
        same(visible[0, :, None], golden[f"out_target_weight_{k}"])


@pytest.mark.golden("fn_udpmm_target")
def test_mmpose_udp_targets(golden):
    for k in cases(golden, "out_gaussian_"):
        joints, visible, size, cells = target_case(golden, k)
        xy, size_hw = joints / tensor((size - 1) / (cells - 1)), (int(cells[1]), int(cells[0]))
        weight = heatmap.window_weight(xy, visible, size_hw, 2.0, "udp_gaussian")
        same(weight[0, :, None], golden[f"out_gaussian_weight_{k}"])
        same(heatmap.encode(xy, weight, size_hw, 2.0, "udp_gaussian")[0], golden[f"out_gaussian_{k}"])
        radius = 0.0546875 * size_hw[0]
        same(heatmap.encode_offsets(xy, visible, size_hw, radius, radius)[0], golden[f"out_combined_{k}"])
        same(visible[0, :, None], golden[f"out_combined_weight_{k}"])


@pytest.mark.golden("fn_cpn_target")
def test_cpn_targets(golden):
    for name in [n.removeprefix("in_points_") for n in golden.arrays if n.startswith("in_points_")]:
        xy, kernels = tensor(golden[f"in_points_{name}"])[None], tuple(int(v) for v in golden[f"in_kernels_{name}"])
        expected = golden[f"out_maps_{name}"]
        maps = heatmap.encode_levels(xy, torch.ones(xy.shape[:2]), expected.shape[-2:], kernels)
        same(maps[0].transpose(0, 1), expected, err_msg=name)


@pytest.mark.golden("fn_mspn_labels")
def test_mspn_targets(golden):
    for name in [n.removeprefix("in_").removesuffix("_joints") for n in golden.arrays if n.endswith("_joints")]:
        h_in, w_in, h, w = (int(v) for v in golden[f"in_{name}_inputHW_outputHW"])
        # their cells cover [x, x + 1)
        xy = tensor(golden[f"in_{name}_joints"] * [w / w_in, h / h_in] - 0.5)[None]
        maps = heatmap.encode_levels(xy, tensor(golden[f"in_{name}_valid"])[None, :, 0], (h, w), (15, 11, 9, 7, 5))
        same(maps[0], golden[f"out_{name}_labels"], err_msg=name)


@pytest.mark.golden("fn_grmi_targets")
def test_grmi_targets(golden):
    for name in [n.removeprefix("in_").removesuffix("_vis") for n in golden.arrays if n.endswith("_vis")]:
        *_, stride, radius = (int(v) for v in golden[f"in_{name}_cropHW_stride_R"])
        size_hw = golden[f"out_{name}_heat"].shape[1:]
        xy = tensor(golden[f"in_{name}_keypoints"] / stride)[None]
        maps = heatmap.encode_offsets(xy, tensor(golden[f"in_{name}_vis"])[None], size_hw, radius / stride)
        disc, *ways = split(maps)
        same(disc[0], golden[f"out_{name}_heat"])
        same(torch.stack(ways, 2)[0] * stride, golden[f"out_{name}_offset_masked"])


@pytest.mark.golden("fn_hg_bearpaw_labelmap")
def test_bearpaw_targets(golden):
    for k in cases(golden, "in_pts_"):
        xy, (size, sigma) = golden[f"in_pts_{k}"], golden[f"in_size_sigma_{k}"]
        kind = str(golden[f"in_type_{k}"])
        drawn, flags = draw_labelmaps(xy, (size, size), int(sigma), kind)
        same(drawn, golden[f"out_maps_{k}"])
        same(flags, golden[f"out_vis_{k}"])
        shown = tensor(flags)[None]
        maps = heatmap.encode(tensor(xy)[None], shown, (size, size), int(sigma), f"published_{kind.lower()}")
        same(maps[0], golden[f"out_maps_{k}"])


@pytest.mark.golden("fn_hg_princeton_decode")
def test_princeton_targets(golden):
    expected = golden["out_heatmaps"]
    size_hw = expected.shape[-2:]
    xy = tensor(golden["in_keypoints"])
    for one, maps in zip(xy, expected):
        shown = torch.ones(one.shape[:2])
        drawn = heatmap.encode(one, shown, size_hw, size_hw[0] / 64, "princeton").amax(0)
        same(drawn, maps)


# ---- decoding


def tied(smooth: torch.Tensor) -> np.ndarray:
    """(B, K) whether the highest cells of smoothed maps are told apart by rounding only: each OpenCV has its own."""
    first, second, third = smooth.double().flatten(2).topk(3).values.unbind(-1)
    width = smooth.abs().amax((2, 3)) * 1e-6
    return ((first - second < width) | (second - third < width)).numpy()


def tied_in_rim(maps: torch.Tensor, kernel: int, normalise: bool = False) -> np.ndarray:
    """The same for maps with a rim of zeros."""
    maps = maps / maps.amax((2, 3), keepdim=True) if normalise else maps
    padded = torch.nn.functional.pad(maps, (10,) * 4).double()
    return tied(heatmap.blur(padded, heatmap.opencv_kernel(kernel), "reflect"))


def check_untied(got, expected, doubtful, cell_px):
    """Equal; where rounding has the word, not further than the quarter cell may turn."""
    assert doubtful.mean() < 0.5
    same(got[~doubtful], expected[~doubtful])
    assert (np.abs(got - expected) <= 1.5 * cell_px[:, None])[doubtful].all()


@pytest.mark.golden("fn_sb_decode")
def test_msra_decoding(golden):
    for k in cases(golden, "in_heatmaps_"):
        maps = tensor(golden[f"in_heatmaps_{k}"])
        xy, score = heatmap.decode(maps, "msra")
        cell, _ = heatmap.decode(maps, "argmax")
        cell = torch.where((score > 0)[..., None], cell, 0.0)
        np.testing.assert_array_equal(cell, golden[f"out_max_coords_{k}"])
        np.testing.assert_array_equal(score[..., None], golden[f"out_maxvals_{k}"])
        same(to_picture(golden, "msra", xy, k, maps.shape[2:]), golden[f"out_preds_post_{k}"])
        same(to_picture(golden, "msra", cell, k, maps.shape[2:]), golden[f"out_preds_nopost_{k}"])


@pytest.mark.golden("fn_sb_accuracy")
def test_msra_peaks(golden):
    for k in cases(golden, "in_output_"):
        xy, score = heatmap.decode(tensor(golden[f"in_output_{k}"]), "argmax")
        np.testing.assert_array_equal(torch.where((score > 0)[..., None], xy, 0.0), golden[f"out_pred_{k}"])


@pytest.mark.golden("fn_dark_gaussian_blur")
def test_dark_blur(golden):
    maps = tensor(golden["in_heatmaps"])
    for size in cases(golden, "out_blur_"):
        smooth = heatmap.blur(maps, heatmap.opencv_kernel(size), "zero")
        smooth = smooth * (maps.amax((2, 3)) / smooth.amax((2, 3)))[..., None, None]
        same(smooth, golden[f"out_blur_{size}"], err_msg=f"{size} taps")


@pytest.mark.golden("fn_dark_taylor")
def test_dark_taylor(golden):
    maps = tensor(golden["in_log_heatmaps"])
    for suffix in ("", "_rand"):
        found = taylor(maps, tensor(golden[f"in_coords{suffix}"]))
        np.testing.assert_allclose(found, golden[f"out_coords{suffix}"], rtol=1e-5, atol=1e-5)


@pytest.mark.golden("fn_dark_decode", "fn_omnipose_decode")
def test_dark_decoding(golden):
    for k in cases(golden, "in_heatmaps_"):
        maps = tensor(golden[f"in_heatmaps_{k}"])
        dark = golden.name.startswith("fn_dark")
        kernel = int(golden[f"in_{'blur_' if dark else ''}kernel_{k}"])
        xy, score = heatmap.decode(maps, "darkpose", kernel=kernel)
        expected = golden[f"out_{'heatmap_coords' if dark else 'coords_no_transform'}_{k}"]
        twin = golden[f"out_heatmap_coords_fp64_{k}"] if dark else expected
        check_well_conditioned(xy, expected, twin)
        np.testing.assert_array_equal(score[..., None], golden[f"out_maxvals_{k}"])
        well = np.abs(expected - twin).max(-1) <= ILL
        same(to_picture(golden, "dark", xy, k, maps.shape[2:])[well], golden[f"out_preds_{k}"][well], 2e-5)


def check_well_conditioned(xy, expected, twin, tolerance: float = 1e-4):
    """Places agree with the published ones where those do not hang on the rounding of float32, and with nearly all."""
    off, doubt = np.abs(np.asarray(xy) - expected).max(-1), np.abs(expected - twin).max(-1)
    assert (doubt <= ILL).mean() > 0.5
    assert (off <= tolerance + 2 * doubt)[doubt <= ILL].all(), off


@pytest.mark.golden("fn_lpn_softargmax")
def test_soft_argmax(golden):
    for k in cases(golden, "in_heatmaps_"):
        maps = tensor(golden[f"in_heatmaps_{k}"])
        for name in [n for n in golden.arrays if n.startswith("out_coords_beta") and n.endswith(f"_{k}")]:
            beta = int(name.removeprefix("out_coords_beta").removesuffix(f"_{k}"))
            xy, score = heatmap.decode(maps, "soft_argmax", beta=float(beta))
            np.testing.assert_allclose(xy, golden[name], atol=1e-3, rtol=0)
            same(score[..., None], golden[f"out_maxvals_beta{beta}_{k}"])
        for kind, post in (("lpn", "post"), ("soft_argmax", "nopost")):
            xy, score = heatmap.decode(maps, kind)
            # 1e-3 of a cell in px of the picture
            tolerance = 1e-3 * golden[f"in_scale_{k}"].max() * 200 / maps.shape[-1]
            found = to_picture(golden, "msra", xy, k, maps.shape[2:])
            np.testing.assert_allclose(found, golden[f"out_preds_{post}_{k}"], atol=tolerance, rtol=0)
            same(score[..., None], golden[f"out_maxvals_{post}_{k}"])
        xy, _ = heatmap.decode(maps, "msra")
        same(to_picture(golden, "msra", xy, k, maps.shape[2:]), golden[f"out_argmax_preds_post_{k}"])


@pytest.mark.golden("fn_udp_decode_gaussian")
def test_udp_gaussian_decoding(golden):
    for k in cases(golden, "in_heatmaps_"):
        maps = tensor(golden[f"in_heatmaps_{k}"])
        xy, score = heatmap.decode(maps, "udp_pose")
        expected, twin = golden[f"out_post_{k}"], golden[f"out_post_fp64_{k}"]
        check_well_conditioned(xy, expected, twin)
        np.testing.assert_array_equal(score[..., None], golden[f"out_maxvals_{k}"])
        well = np.abs(expected - twin).max(-1) <= ILL
        same(to_picture(golden, "udp", xy, k, maps.shape[2:])[well], golden[f"out_preds_{k}"][well], 2e-5)
        cell, _ = heatmap.decode(maps, "argmax")
        cell = torch.where((score > 0)[..., None], cell, 0.0)
        same(to_picture(golden, "udp", cell, k, maps.shape[2:]), golden[f"out_preds_nopost_{k}"])


@pytest.mark.golden("fn_udp_decode_offset")
def test_udp_offset_decoding(golden):
    for k in cases(golden, "in_output_"):
        maps = tensor(golden[f"in_output_{k}"])
        xy, score = heatmap.decode(maps, "udp_offset", radius=float(golden[f"in_kpd_{k}"]))
        same(score[..., None], golden[f"out_maxvals_{k}"])
        smooth = heatmap.blur(maps[:, ::3], heatmap.opencv_kernel(15), "reflect")
        clear = ~tied(smooth) | (score <= 0).numpy()
        assert clear.mean() > 0.5
        got, expected = to_picture(golden, "udp", xy, k, maps.shape[2:]), golden[f"out_preds_{k}"]
        same(got[clear], expected[clear], 1e-5)


@pytest.mark.golden("fn_udpmm_combined_decode")
def test_mmpose_combined_decoding(golden):
    for k in cases(golden, "in_output_"):
        maps, kernel = tensor(golden[f"in_output_{k}"]), int(golden[f"in_kernel_{k}"])
        xy, score = heatmap.decode(maps, "udp_offset", kernels=(2 * kernel + 1, kernel), absent=-1.0)
        same(score[..., None], golden[f"out_maxvals_{k}"])
        smooth = heatmap.blur(maps[:, ::3], heatmap.opencv_kernel(2 * kernel + 1), "reflect")
        clear = ~tied(smooth) | (score <= 0).numpy()
        assert clear.mean() > 0.5
        got, expected = to_picture(golden, "udp", xy, k, maps.shape[2:]), golden[f"out_preds_{k}"]
        same(got[clear], expected[clear], 1e-5)


@pytest.mark.golden("fn_udpmm_post_dark_udp")
def test_mmpose_udp_decoding(golden):
    for k in cases(golden, "in_heatmaps_"):
        maps, kernel = tensor(golden[f"in_heatmaps_{k}"]), int(golden[f"in_kernel_{k}"])
        xy, score = heatmap.decode(maps, "udp_mmpose", kernel=kernel)
        expected, twin = golden[f"out_post_dark_udp_{k}"], golden[f"out_post_dark_udp_fp64_{k}"]
        check_well_conditioned(xy, expected, twin)
        np.testing.assert_array_equal(score[..., None], golden[f"out_maxvals_{k}"])
        well = np.abs(expected - twin).max(-1) <= ILL
        same(to_picture(golden, "udp", xy, k, maps.shape[2:])[well], golden[f"out_preds_{k}"][well], 2e-5)
        if f"out_preds_unbiased_{k}" not in golden:
            continue
        modes = {
            "unbiased": heatmap.decode(maps, "darkpose", kernel=kernel, absent=-1.0),
            "default": heatmap.decode(maps, "msra", absent=-1.0),
            "none": heatmap.decode(maps, "argmax"),
            "megvii": heatmap.decode(maps * 255, "megvii_mmpose", kernel=kernel),
        }
        for name, (xy, _) in modes.items():
            if name == "none":
                xy = torch.where((score > 0)[..., None], xy, -1.0)
            got = mmpose_to_picture(golden, xy, k, maps.shape[2:])
            doubtful = tied_in_rim(maps, kernel) & (name == "megvii")
            cell_px = golden[f"in_scale_{k}"] * 200 / maps.shape[:1:-1]
            check_untied(got, golden[f"out_preds_{name}_{k}"], doubtful, cell_px)
        score, expected = modes["megvii"][1].numpy(), golden[f"out_maxvals_megvii_{k}"][..., 0]
        undefined = np.isnan(
            expected
        )  # the published code divides 0 by 0 where all is 0; here that is the score of a 0
        assert (score[undefined] == 0.5).all() and (maps.amax((2, 3))[undefined] == 0).all()
        same(score[~undefined], expected[~undefined])


def mmpose_to_picture(golden, xy, k, size_hw) -> np.ndarray:
    """mmpose's plain way back: cells over the map's size, of the box about its centre."""
    box = golden[f"in_scale_{k}"][:, None] * 200
    return xy.numpy() * box / size_hw[::-1] + golden[f"in_center_{k}"][:, None] - box / 2


@pytest.mark.golden("fn_cpn_decode")
def test_cpn_decoding(golden):
    order = SKELETONS["coco17"].flip_order
    for name in sorted({n.split("_")[1] for n in golden.arrays if n.endswith("_crop_xyxy")}):
        plain = tensor(golden[f"in_{name}_map"])
        other = heatmap.flip_back(tensor(golden[f"in_{name}_flipped_input_map"]), order)
        box = golden[f"in_{name}_crop_xyxy"]
        for flip, maps in ((0, plain), (1, (plain + other) / 2)):
            xy, score = heatmap.decode(maps, "cpn")
            h, w = maps.shape[2:]
            got = (4 * xy.numpy() + 2) / [4 * w, 4 * h] * (box[:, 2:] - box[:, :2])[:, None] + box[:, None, :2]
            expected = golden[f"out_{name}_flip{flip}_keypoints"][..., :2]
            check_untied(got, expected, tied_in_rim(maps, 21, normalise=True), (box[:, 2:] - box[:, :2]) / [w, h])
            same(score, golden[f"out_{name}_flip{flip}_joint_score"])


@pytest.mark.golden("fn_mspn_decode")
def test_mspn_decoding(golden):
    for name in sorted({n.split("_")[1] for n in golden.arrays if n.endswith("_flip_pairs")}):
        plain = tensor(golden[f"in_{name}_map"])
        order = order_of(golden[f"in_{name}_flip_pairs"], plain.shape[1])
        other = heatmap.flip_back(tensor(golden[f"in_{name}_flipped_input_map"]), order)
        *_, kernel = (int(v) for v in golden[f"in_{name}_inputHW_outputHW_kernel"])
        centre, box = golden[f"in_{name}_center"][:, None], golden[f"in_{name}_scale"][:, None] * 200
        for flip, maps in ((0, plain), (1, (plain + other) / 2)):
            xy, score = heatmap.decode(maps, "megvii", kernel=kernel)
            h, w = maps.shape[2:]
            got = (4 * xy.numpy() + 2) / [4 * w, 4 * h] * box + centre - box / 2
            check_untied(got, golden[f"out_{name}_flip{flip}_keypoints"], tied_in_rim(maps, kernel), box[:, 0] / [w, h])
            same(score[..., None], golden[f"out_{name}_flip{flip}_scores"])


@pytest.mark.golden("fn_grmi_fusion")
def test_grmi_fusion(golden):
    for name in sorted({n.split("_")[1] for n in golden.arrays if n.endswith("_prob")}):
        disc, offset = tensor(golden[f"in_{name}_prob"])[None], tensor(golden[f"in_{name}_offset_dx_dy"])[None]
        radius = float(golden[f"in_{name}_R"])
        fused = heatmap.hough_fusion(disc.double(), offset.double(), radius)
        same(fused[0], golden[f"out_{name}_f"], 1e-12)
        maps = torch.cat([disc[:, :, None], offset], 2).flatten(1, 2).double()
        xy, score = heatmap.decode(maps, "grmi", radius=radius, logits=False, refine=False)
        np.testing.assert_array_equal(xy[0].flip(-1), golden[f"out_{name}_peak_yx"])
        same(score[0], golden[f"out_{name}_keypoint_score"])
        same(score[0].mean(), golden[f"out_{name}_pose_score"])


@pytest.mark.golden("fn_hg_bearpaw_decode")
def test_bearpaw_decoding(golden):
    maps = golden["in_heatmaps"]
    np.testing.assert_array_equal(peaks(maps), golden["out_get_preds"])
    np.testing.assert_array_equal(final_preds(maps, golden["in_center"], golden["in_scale"]), golden["out_final_preds"])
    np.testing.assert_array_equal(heatmap.decode(tensor(maps), "published_argmax")[0], golden["out_get_preds"])
    xy, _ = heatmap.decode(tensor(maps), "published_quarter")
    box = golden["in_center"][:, None], golden["in_scale"][:, None], maps.shape[2:]
    np.testing.assert_array_equal(original_transform(xy.numpy(), *box, inverse=True), golden["out_final_preds"])


@pytest.mark.golden("fn_hg_princeton_decode")
def test_princeton_decoding(golden):
    xy, score = heatmap.decode(tensor(golden["in_det"]), "princeton")
    same(xy, golden["out_parse"][..., :2])
    same(score, golden["out_parse"][..., 2])
    box = golden["in_center"][:, None], golden["in_scale"][:, None], (256, 256)
    picture = original_transform(4 * xy.numpy(), *box, inverse=True, first=0)
    np.testing.assert_array_equal(picture, golden["out_post_process"][..., :2])


# ---- flip


@pytest.mark.golden("fn_sb_flip")
def test_flip(golden):
    for k in cases(golden, "in_flipped_"):
        flipped, output = tensor(golden[f"in_flipped_{k}"]), tensor(golden[f"in_output_{k}"])
        upright = heatmap.flip_back(flipped, order_of(golden[f"in_pairs_{k}"], flipped.shape[1]))
        np.testing.assert_array_equal(upright, golden[f"out_flip_back_{k}"])
        same((output + heatmap.shift_right(upright)) / 2, golden[f"out_avg_shift_{k}"])
        same((output + upright) / 2, golden[f"out_avg_noshift_{k}"])


@pytest.mark.golden("fn_udp_flip_back_offset", "fn_udpmm_combined_decode")
def test_flip_of_offsets(golden):
    for name in [n.removeprefix("in_flipped") for n in golden.arrays if n.startswith("in_flipped")]:
        flipped = tensor(golden[f"in_flipped{name}"])
        order = order_of(golden[f"in_pairs{name}"], flipped.shape[1] // 3)
        (expected,) = [a for n, a in golden.arrays.items() if n.startswith("out_flip_back") and n.endswith(name)][:1]
        np.testing.assert_array_equal(heatmap.flip_back_offsets(flipped, order), expected)
