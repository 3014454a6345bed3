"""Labelling frames from 5 views each, beside a loop as in the published code: one frame, one view at a time, OpenCV for the maps.

python benchmarks/labelling.py                          # hg 4 stacks, 256 px, 4 frames, 3 turns
python benchmarks/labelling.py --frames 32 --no-network # only what is outside the network, for a whole chunk of frames
python benchmarks/labelling.py --stacks 1 --frames 8 --repeats 5 --device cuda

All forms see the same crops and the same weights, in turns, so that a machine that slows down slows all of them. *Loop* is
`ccssl.original.labels.prediction_check`; its views are turned and scaled only. *Loop, recoloured* also changes colour,
contrast, gamma, blur and noise of its views, as zoopose's views do.
Times are of the calling process; *forward* is what passes inside the network.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import nn

from zoopose.ccssl.consistency import Views, label_views
from zoopose.ccssl.original import labels as published
from zoopose.pose.augment import photometric
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.original.augment import draw_views, views
from zoopose.pose.random_draws import generator_for
from zoopose.pose.skeleton import TIGDOG18
from zoopose.train.feeds.crops import margin_px

VIEWS = Views()
Clock = tuple[float, float]  # wall, processor


def now(device: torch.device) -> Clock:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter(), time.process_time()


class Timed(nn.Module):
    """A network that adds up the time spent in it."""

    def __init__(self, network: nn.Module, device: torch.device):
        super().__init__()
        self.network, self.device, self.spent = network, device, [0.0, 0.0]

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        before = now(self.device)
        outputs = self.network(images)
        for i, (a, b) in enumerate(zip(before, now(self.device))):
            self.spent[i] += b - a
        return outputs


class Noise(nn.Module):
    """In place of a network: the same maps for every picture, at once."""

    def __init__(self, spec: InputSpec):
        super().__init__()
        self.register_buffer("maps", torch.rand(64, len(TIGDOG18), spec.heatmap_size, spec.heatmap_size))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [self.maps[: len(images)].clone()]


def loop(network: Timed, crops: torch.Tensor, spec: InputSpec, recoloured: bool) -> None:
    """The published labelling of every frame's inner square, a view at a time."""
    pad, mean = (crops.shape[-1] - spec.size) // 2, np.array(spec.mean, np.float32)
    rng = np.random.default_rng(0)
    for i, crop in enumerate(crops):
        inner = crop[:, pad : pad + spec.size, pad : pad + spec.size].numpy().astype(np.float32) / 255

        def predict(seen: np.ndarray, i: int = i) -> np.ndarray:
            maps = []
            for v, view in enumerate(seen):
                image = torch.from_numpy(view[None])
                if recoloured and v:
                    image = photometric(image.clamp(0, 1), VIEWS.invariance.photometric(), generator_for(i, v))
                with torch.no_grad():
                    maps.append(network(image.to(network.device))[-1].cpu().numpy())
            return np.concatenate(maps)

        scale, turn = views(draw_views(rng, VIEWS.count))
        published.prediction_check(predict, inner - mean[:, None, None], mean, scale, turn)


def ours(network: Timed, crops: torch.Tensor, spec: InputSpec) -> None:
    """What `Labeller` does of a chunk of frames."""
    margin = crops.shape[-1] / spec.size
    label_views(network, crops.to(network.device), margin, spec, VIEWS, TIGDOG18.flip_order, generator_for(0))


def measure(work: Callable[[], None], network: Timed) -> dict[str, Clock]:
    network.spent = [0.0, 0.0]
    before = now(network.device)
    work()
    whole = [b - a for a, b in zip(before, now(network.device))]
    return {
        "whole": whole,
        "forward": network.spent,
        "outside": [w - s for w, s in zip(whole, network.spent)],
    }


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    device, spec = torch.device(args.device), InputSpec("exact", args.size, args.size // 4)
    torch.manual_seed(0)
    network, other = (
        (Noise(spec) if args.no_network else build_model("hg", len(TIGDOG18), num_stacks=args.stacks)).eval().to(device)
        for _ in range(2)
    )
    other.load_state_dict(network.state_dict())
    plain, fast = Timed(network, device), Timed(other.to(memory_format=torch.channels_last), device)
    side = args.size + 2 * margin_px(args.size)
    noise = np.random.default_rng(0).integers(0, 256, (args.frames, 24, 24, 3), np.uint8)
    crops = np.stack([cv2.resize(n, (side, side), interpolation=cv2.INTER_CUBIC) for n in noise])
    crops = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))
    forms = {
        "loop": (lambda: loop(plain, crops, spec, False), plain),
        "loop, recoloured": (lambda: loop(plain, crops, spec, True), plain),
        "zoopose": (lambda: ours(fast, crops, spec), fast),
    }
    found: dict[str, list[dict[str, Clock]]] = {name: [] for name in forms}
    for turn in range(args.repeats + 1):
        for name, (work, timed) in forms.items():
            row = measure(work, timed)
            if turn:  # the first turn warms up
                found[name].append(row)
    name = "no network" if args.no_network else f"hg {args.stacks} stacks"
    print(f"{name}, {args.size} px, {args.frames} frames x {1 + VIEWS.count} views, {device}, "
          f"{args.threads} thread(s), medians of {args.repeats} turns; ms a frame, wall / processor")  # fmt: skip
    mid = {
        name: {part: [statistics.median(r[part][i] for r in rows) for i in (0, 1)] for part in rows[0]}
        for name, rows in found.items()
    }
    for name, parts in mid.items():
        shown = [
            f"{part} {1e3 * w / args.frames:8.1f} / {1e3 * p / args.frames:8.1f}" for part, (w, p) in parts.items()
        ]
        ratios = [f"{part} x {parts[part][1] / mid['zoopose'][part][1]:.2f}" for part in parts]
        print(f"{name:18s} {'   '.join(shown)}   of zoopose's processor time: {', '.join(ratios)}")
    spread = [max(r["whole"][1] for r in rows) / min(r["whole"][1] for r in rows) for rows in found.values()]
    print(f"slowest turn over the fastest, processor time: {max(spread):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=4)
    parser.add_argument("--size", type=int, default=256, help="side of the input, px")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-network", action="store_true", help="maps of noise in place of the network's")
    parser.add_argument("--device", default="cpu")
    main(parser.parse_args())
