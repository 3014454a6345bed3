"""Networks against the published ones: weights filled from the key's name, output compared.

A family joins by its folder prefix in KNOWN.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.pose.weights import load_published

KNOWN = ("hourglass_ccssl",)
KNOWN += ("sb_pose_resnet", "hrnet_", "lpn", "udp_hrnet", "udp_pose_resnet", "omnipose_")
KNOWN += ("cpn", "mspn", "rsn", "dark_hourglass", "hg_bearpaw", "hg_princeton")
NOT_NETWORKS = ()


def inputs(manifest: dict) -> list[torch.Tensor]:
    """The input; a module alone has a second one, drawn after it."""
    rng = np.random.default_rng(manifest["input"]["seed"])
    shapes = [manifest["input"][key] for key in ("shape", "second_shape") if key in manifest["input"]]
    return [torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in shapes]


@pytest.mark.golden(*KNOWN, but_not=NOT_NETWORKS)
def test_network(golden, filled):
    manifest = golden.manifest
    model = load_published(golden.name, filled(manifest))
    if "params" in manifest:
        assert sum(p.numel() for p in model.parameters()) == manifest["params"]
    with torch.no_grad():
        outputs = model(*inputs(manifest))
    if not golden.arrays:  # keys, shapes and sizes are all that was recorded
        return
    names = manifest["outputs"] or sorted(golden.arrays)
    assert len(outputs) == len(names)
    for name, output in zip(names, outputs):
        expected = golden[name]
        assert tuple(output.shape) == expected.shape
        np.testing.assert_allclose(output.numpy(), expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=name)
