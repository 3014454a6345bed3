"""Parts of networks against the published ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.pose.models.omnipose import GaussianFilter


@pytest.mark.golden("fn_omnipose_gaussian_filter")
def test_gaussian_filter(golden):
    cases = golden.numbered("in_x_")
    assert cases
    for case in cases:
        layer = GaussianFilter(*map(int, golden[f"in_channels_kernel_sigma_{case}"]))
        np.testing.assert_allclose(layer.weight, golden[f"out_weight_{case}"], rtol=0, atol=1e-6)
        found = layer(torch.from_numpy(golden[f"in_x_{case}"]))
        np.testing.assert_allclose(found.detach(), golden[f"out_y_{case}"], rtol=0, atol=1e-6)
        assert not list(layer.parameters())
