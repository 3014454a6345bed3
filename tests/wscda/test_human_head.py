"""The human head: all that a network has behind its last feature map, batch norms too, whatever the family."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoopose.pose.models.cpn import CPN
from zoopose.pose.models.hourglass import hg
from zoopose.pose.models.mspn import MSPN
from zoopose.wscda.network import Counts, WscdaNetwork, new_human_head

FAMILIES = {
    "hg": lambda k: hg(k, 2, width=4, depth=2),
    "cpn": lambda k: CPN(k, (1, 1, 1, 1), 8),
    "mspn": lambda k: MSPN(k, 2, blocks=(1, 1, 1, 1), unit_channels=8, width=8),
}


@pytest.fixture(scope="module", params=FAMILIES)
def networks(request):
    """(main network of 6 joints with an adaptation network, network of 5 joints trained on people)."""
    torch.manual_seed(0)
    main, trained = (FAMILIES[request.param](k) for k in (6, 5))
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
    main.add_adapter(1)
    return main.eval(), trained.eval()


def test_the_head_of_a_trained_network_is_copied_whole(networks):
    main, trained = networks
    head = new_human_head(main, 5, trained)
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        features = trained.features(images)[1]
        wanted = trained.head(features)
        assert torch.equal(head(features), wanted)
        for parameter in head.parameters():
            parameter.zero_()
        assert torch.equal(trained.head(features), wanted), "a copy, not the network's own"
        found = WscdaNetwork(main, new_human_head(main, 5, trained), True).eval()(images, Counts(2, 1, 0), 1.0)
        assert torch.equal(found.human_maps, trained.head(main.features(images)[1][:2]))
    assert len(found.maps) == len(main(images)) and {len(m) for m in found.maps} == {1}


def test_a_fresh_head_takes_over_what_an_earlier_run_kept(networks):
    main, trained = networks
    earlier = WscdaNetwork(main, new_human_head(main, 5, trained), True)
    again = WscdaNetwork(main, new_human_head(main, 5, None), True)
    assert again.load_parts(earlier.parts()) == ["human", "discriminator"]
    features = torch.rand(2, main.feature_channels, 8, 8)
    with torch.no_grad():
        assert torch.equal(again.eval().human_head(features), trained.head(features))


def test_the_extractor_is_all_in_front_of_the_last_feature_map(networks):
    main, _ = networks
    behind = sum(p.numel() for part in (main.adapter, main.last_layer) for p in part.parameters())
    sizes = WscdaNetwork(main, None, False).sizes()
    assert sizes["extractor"] == sum(p.numel() for p in main.parameters()) - behind
    assert sizes["adaptation network"] == sum(p.numel() for p in main.adapter.parameters())
