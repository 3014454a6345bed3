"""The strong recipe's parts against imgaug 0.3.0: matrices, points, warps, tables, blur and noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from zoopose.pose.original import augment as recipes

# OpenCV 5 samples warps on a finer grid than 4
WARP_EXACT = int(cv2.__version__.split(".")[0]) < 5


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.einsum("nij,pj->npi", matrix[:, :2, :2], points) + matrix[:, None, :2, 2]


@pytest.mark.golden("fn_ccssl_strong_augmentation")
def test_affine(golden):
    numbers = golden["in_scale"], golden["in_translate"], golden["in_rotate"], golden["in_shear"]
    image = golden["in_img"]
    matrix = recipes.affine_matrix(image.shape[:2], *numbers)
    np.testing.assert_allclose(matrix, golden["out_matrix"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moved(golden["in_pts"], matrix), golden["out_pts"], atol=1e-6)
    large = recipes.affine_matrix((480, 640), *numbers)
    np.testing.assert_allclose(large, golden["out_matrix_640"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moved(golden["in_pts_640"], large), golden["out_pts_640"], atol=1e-6)
    for i, expected in enumerate(golden["out_affine"]):
        linear = bool(golden["in_order"][i])
        got = recipes.warp(image, matrix[i], linear, golden["in_cval"][i]).astype(int)
        off = np.abs(got - expected)
        if WARP_EXACT:
            assert off.max() == 0, f"case {i}"
        else:
            assert (off > (5 if linear else 0)).mean() <= 0.004, f"case {i}"


@pytest.mark.golden("fn_ccssl_strong_augmentation")
def test_contrast_blur_and_noise(golden):
    imgaug = recipes._imgaug()
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    for alpha, table in zip(golden["in_alpha"], golden["out_lut"]):
        got = recipes.contrast(ramp, [alpha] * 3)
        np.testing.assert_array_equal(got.reshape(-1, 3), table[:, None].repeat(3, 1))
    for sigma, expected in zip(golden["in_sigma"], golden["out_blur"]):
        np.testing.assert_array_equal(imgaug.blur.blur_gaussian_(golden["in_img"].copy(), sigma), expected)
    got = imgaug.arithmetic.add_elementwise(golden["in_img"], golden["in_noise"])
    np.testing.assert_array_equal(got, golden["out_noise"])
