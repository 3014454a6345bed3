"""Checkpoints written for the published code hold its keys, in its order, with its shapes: it loads strictly."""

from __future__ import annotations

import pytest
import torch

from zoopose.pose.checkpoints import Loaded
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.original.export import original_checkpoint
from zoopose.pose.skeleton import TIGDOG18
from zoopose.pose.weights import hourglass_numbers


@pytest.mark.golden("hourglass_ccssl")
def test_keys_of_the_published_network(golden):
    published = {key: (tuple(shape), kind.removeprefix("torch.")) for key, shape, kind in golden.manifest["state_dict"]}
    if len(TIGDOG18) != published["score.0.bias"][0][0]:
        pytest.skip("the published code of CC-SSL counts on 18 joints")
    shapes = {key: torch.empty(shape, device="meta") for key, (shape, _) in published.items()}
    with torch.device("meta"):
        model = build_model("hg", **hourglass_numbers(shapes))
    model = model.to_empty(device="cpu")
    for number, tensor in enumerate(model.state_dict().values()):
        tensor.fill_(number)  # each tensor to be known again
    spec = InputSpec("published", mean=(0.4, 0.4, 0.4), std=(1.0, 1.0, 1.0))
    found = original_checkpoint(Loaded(model, "hg", {}, TIGDOG18, spec, {}), (0.4, 0.4, 0.4))["state_dict"]
    got = {
        key.removeprefix("module."): (tuple(v.shape), str(v.dtype).removeprefix("torch.")) for key, v in found.items()
    }
    assert got == published
    assert list(got) == list(published)  # the optimiser's averages go by this order
    assert all(key.startswith("module.") for key in found)
    for key, value in model.state_dict().items():
        assert torch.equal(found[f"module.{key}"], value)
