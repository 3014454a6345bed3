"""Several processes are one: their batch norm, their batches, and the mean of their losses."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.pose.augment import AUGMENTATIONS
from zoopose.pose.input_spec import InputSpec
from zoopose.train.feeds.base import FeedConfig
from zoopose.train.feeds.crops import CropFeed
from zoopose.train.ranks import SharedBatchNorm2d, loss_factors, mean_losses, share_statistics

WORLD = 2


class Ranks:
    """What `train.ranks` needs of a Fabric, on the CPU."""

    device = torch.device("cpu")

    def __init__(self, world: int = WORLD):
        self.world_size = world

    def all_reduce(self, tensor, reduce_op="mean"):
        dist.all_reduce(tensor)
        return tensor / self.world_size if reduce_op == "mean" else tensor


def _process(rank: int, store: str, work, queue) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=WORLD)
    queue.put((rank, work(rank)))
    dist.destroy_process_group()


def on_all(tmp_path, work) -> list:
    """Results of work(rank) in as many processes."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_process, args=(r, str(tmp_path / "store"), work, queue)) for r in range(WORLD)]
    for process in processes:
        process.start()
    found = dict(queue.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(10)
    return [found[r] for r in range(WORLD)]


@pytest.mark.parametrize("shares", [(2, 3), (1, 4)])
@pytest.mark.parametrize("last", [False, True], ids=["nchw", "channels last"])
def test_batch_norm_of_all_ranks_is_that_of_the_whole_batch(tmp_path, shares, last):
    torch.manual_seed(0)
    images, pull = torch.randn(5, 4, 6, 7) * 3 + 20, torch.randn(5, 4, 6, 7)
    layout = torch.channels_last if last else torch.contiguous_format

    def norm() -> nn.BatchNorm2d:
        made = nn.BatchNorm2d(4)
        with torch.no_grad():
            made.weight.copy_(torch.tensor([1.0, -0.5, 2.0, 0.1]))
            made.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 3.0]))
        return made

    def run(network: nn.Module, x: torch.Tensor, pull: torch.Tensor) -> list[np.ndarray]:
        x = x.clone(memory_format=layout).requires_grad_()
        for _ in range(2):
            y = network(x)
        (y * pull).sum().backward()
        tensors = (y, x.grad, network.weight.grad, network.bias.grad, network.running_mean, network.running_var)
        return [t.detach().numpy().copy() for t in tensors] + [np.array(int(network.num_batches_tracked))]

    def work(rank: int) -> list[np.ndarray]:
        network = share_statistics(norm(), Ranks())
        assert type(network) is SharedBatchNorm2d
        return run(network, images.split(shares)[rank], pull.split(shares)[rank])

    (y, gx, gw, gb, *stats), found = run(norm(), images, pull), on_all(tmp_path, work)
    np.testing.assert_allclose(np.concatenate([f[0] for f in found]), y, atol=2e-5)
    np.testing.assert_allclose(np.concatenate([f[1] for f in found]), gx, atol=2e-5)
    np.testing.assert_allclose(sum(f[2] for f in found), gw, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(sum(f[3] for f in found), gb, rtol=1e-5, atol=1e-5)
    for own in found:
        for got, expected in zip(own[4:], stats):
            np.testing.assert_allclose(got, expected, rtol=1e-5)
    for first, second in zip(found[0][4:], found[1][4:]):
        np.testing.assert_array_equal(first, second)


def test_a_single_rank_keeps_its_own_batch_norm_and_evaluation_asks_nobody():
    network = nn.Sequential(nn.BatchNorm2d(3))
    assert type(share_statistics(network, Ranks(1))[0]) is nn.BatchNorm2d
    names = list(network.state_dict())
    share_statistics(network, Ranks(2))
    assert type(network[0]) is SharedBatchNorm2d and list(network.state_dict()) == names
    images = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(network.eval()(images), nn.BatchNorm2d(3).eval()(images))


def test_the_mean_of_the_ranks_losses_is_the_mean_over_all_items(tmp_path):
    items = [np.array([1.0, 2.0, 6.0]), np.array([5.0])], [np.array([]), np.array([4.0, 8.0])]

    def work(rank: int) -> dict[str, float]:
        mine = [part[rank] for part in items]
        factors = loss_factors(Ranks(), [float(len(m)) for m in mine])
        losses = {n: f * (m.mean() if len(m) else 0.0) for n, f, m in zip(("a", "b"), factors, mine)}
        return {k: float(v) for k, v in mean_losses(Ranks(), losses).items()}

    for found in on_all(tmp_path, work):
        assert found == pytest.approx({"a": 3.5, "b": 6.0})
    assert loss_factors(Ranks(1), [0.0, torch.tensor(7.0)]).tolist() == [1, 1]


@pytest.mark.parametrize("augmentation", ["none", "standard", "strong"])
@pytest.mark.parametrize("n", [12, 5])
def test_ranks_together_make_the_batches_of_one_process(tmp_path, tiny_coco, augmentation, n):
    dataset, spec = CocoKeypoints(tiny_coco(tmp_path, n=n)), InputSpec("exact", 32, 8)

    def batches(rank: int, world: int) -> list[dict]:
        feed = CropFeed(dataset, spec, AUGMENTATIONS[augmentation], FeedConfig(4 // world, 0, rank=rank, world=world))
        return list(feed.batches(1, 0, torch.device("cpu")))

    whole, shares = batches(0, 1), [batches(r, WORLD) for r in range(WORLD)]
    assert len(whole) == len(shares[0]) == n // 4
    for one, *parts in zip(whole, *shares):
        for rank, part in enumerate(parts):
            for key in ("images", "target", "weight", "index"):
                torch.testing.assert_close(part[key], one[key][rank::WORLD], rtol=0, atol=1e-6)


def test_a_rank_without_a_picture_counts_nothing(tmp_path, tiny_coco):
    dataset = CocoKeypoints(tiny_coco(tmp_path, n=1))
    feeds = [
        CropFeed(dataset, InputSpec("exact", 32, 8), AUGMENTATIONS["strong"], FeedConfig(2, 0, rank=r, world=2))
        for r in (0, 1)
    ]
    first, second = (next(iter(f.batches(0, 0, torch.device("cpu")))) for f in feeds)
    assert first["weight"].sum() > 0 and len(second["images"]) == 1 and second["weight"].sum() == 0
