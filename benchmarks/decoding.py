"""Decoding maps and drawing targets, beside the published form: a Python loop over joints in NumPy and OpenCV.

python benchmarks/decoding.py                             # 2,000 persons x 17 maps of 64 x 48, 1 and 2 threads
python benchmarks/decoding.py --persons 200 --threads 1   # a quick look

Decoding is maps to picture px: highest cell, sub-pixel step, inverse affine. Both forms see the same maps, in turns; the published
one gets them 50 persons at a time, which suits its cache, zoopose all at once. Times are the shortest of the turns. *Reading* is
the sum of the same float32 maps (of the discs where there are offsets): no decoder can be faster than that. Ends with exit code 1
when a form that repeats published numbers does not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import published_codecs as published
import torch

from zoopose.pose import heatmap
from zoopose.pose.person_frames import transform_preds

H, W, SIGMA, BATCH = 64, 48, 2.0, 50
TOLERANCE_PX = 0.05  # of a place in the picture; a cell is 4 px here
# published form, its frame, what zoopose calls its number-for-number form, and zoopose's own where that is another
DECODERS = {
    "quarter shift": (published.quarter, "msra", "msra", "quarter"),
    "DARK": (published.dark, "dark", "darkpose", "dark"),
    "UDP Gaussian": (published.udp_gaussian, "udp", "udp_pose", "udp_gaussian"),
    "UDP Gaussian, mmpose": (published.udp_mmpose, "udp", "udp_mmpose", None),
    "UDP offsets": (published.udp_offset, "udp", "udp_offset", None),
}


def shortest(forms: dict[str, Callable], repeats: int) -> tuple[dict[str, float], dict]:
    """Seconds of each form's fastest turn, and what each gave in the last."""
    times, results = {name: float("inf") for name in forms}, {}
    for _ in range(repeats):
        for name, spec in forms.items():
            start = time.perf_counter()
            results[name] = spec()
            times[name] = min(times[name], time.perf_counter() - start)
    return times, results


def noisy_maps(persons: int, joints: int, offsets: bool, rng: np.random.Generator) -> torch.Tensor:
    """What a good network gives: targets of joints inside the map, with noise of 1 %."""
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 30)))
    maps = torch.empty(persons, joints * (3 if offsets else 1), H, W)
    for i in range(0, persons, BATCH):
        part = maps[i : i + BATCH]
        xy = torch.rand(len(part), joints, 2, generator=generator) * torch.tensor([W - 9.0, H - 9.0]) + 4
        shown = torch.ones(xy.shape[:2])
        clean = (
            heatmap.encode_offsets(xy, shown, (H, W), 3.5, 3.5) if offsets else heatmap.encode(xy, shown, (H, W), SIGMA)
        )
        part.copy_(clean).add_(torch.randn(part.shape, generator=generator), alpha=0.01)
    return maps


def in_batches(decoder: Callable, maps: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    parts = (slice(i, i + BATCH) for i in range(0, len(maps), BATCH))
    return np.concatenate([decoder(maps[p], centre[p], scale[p]) for p in parts])


def ours(kind: str, frame: str, maps: torch.Tensor, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    settings = {"modulate_sigma": SIGMA} if kind == "dark" else {}
    xy, _ = heatmap.decode(maps, kind, **settings)
    return transform_preds(frame, xy, centre, scale, (W, H)).numpy()


def report_decoding(persons: int, joints: int, repeats: int) -> int:
    """Print the table of decoders; returns 1 when one disagrees."""
    rng, code = np.random.default_rng(0), 0
    size = rng.uniform(0.7, 1.5, (persons, 1)).astype(np.float32)
    box = rng.uniform(100, 400, (persons, 2)).astype(np.float32), size * np.array([W / H, 1], np.float32)
    maps = {False: noisy_maps(persons, joints, False, rng), True: noisy_maps(persons, joints, True, rng)}
    print(f"{'':<22}{'reading':>9}{'published':>11}{'same numbers':>24}{'own form':>24}")
    for name, (loop, frame, same, own) in DECODERS.items():
        given = maps[name == "UDP offsets"]
        read = given[:, ::3] if name == "UDP offsets" else given  # of the offsets only a few cells are needed
        forms = {
            "reading": read.sum,
            "published": partial(in_batches, loop, given.numpy(), *box),
            "same": partial(ours, same, frame, given, *box),
        }
        if own:
            forms["own"] = partial(ours, own, frame, given, *box)
        times, results = shortest(forms, repeats)
        off = np.abs(results["same"] - results["published"]).max()
        agrees = off <= TOLERANCE_PX
        code |= not agrees
        columns = [
            f"{times[spec] * 1e3:>10.0f} ms {times['published'] / times[spec]:>5.1f} x" if spec in times else " " * 20
            for spec in ("same", "own")
        ]
        print(f"{name:<22}{times['reading'] * 1e3:>6.0f} ms{times['published'] * 1e3:>8.0f} ms{columns[0]:>24}{columns[1]:>24}"
              f"   {'' if agrees else f'DISAGREES by {off:.3f} px'}")  # fmt: skip
    return code


def report_targets(samples: int, joints: int, repeats: int) -> int:
    """Print the table of targets; returns 1 when one disagrees."""
    rng, code = np.random.default_rng(1), 0
    xy = rng.uniform(0, [W - 1, H - 1], (samples, joints, 2))
    given, shown = torch.from_numpy(xy), torch.ones(samples, joints)
    kinds = {
        "windows (SimpleBaseline)": (published.targets, "msra"),
        "windows (UDP)": (partial(published.targets, unbiased=True), "udp_gaussian"),
        "whole maps (DARK)": (published.whole_targets, "gaussian"),
    }
    for name, (loop, kind) in kinds.items():
        forms = {
            "published": lambda loop=loop: np.stack([loop(one, (H, W), SIGMA) for one in xy]),
            "ours": partial(heatmap.encode, given, shown, (H, W), SIGMA, kind),
        }
        times, results = shortest(forms, repeats)
        off = np.abs(results["ours"].numpy() - results["published"]).max()
        agrees = off <= 1e-6
        code |= not agrees
        print(f"{name:<31}{times['published'] * 1e3:>8.1f} ms{times['ours'] * 1e3:>15.1f} ms"
              f"{times['published'] / times['ours']:>6.1f} x   {'' if agrees else f'DISAGREES by {off:.1e}'}")  # fmt: skip
    return code


def main(args: argparse.Namespace) -> int:
    """Print the tables; returns the exit code."""
    code = 0
    for threads in args.threads:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        print(f"\n{threads} thread(s), {args.persons} persons x {args.joints} maps of {H} x {W}, torch {torch.__version__}, "
              f"{torch.backends.cpu.get_cpu_capability()}")  # fmt: skip
        with torch.no_grad():
            code |= report_decoding(args.persons, args.joints, args.repeats)
            print(f"\ntargets of {args.samples} samples: published loop, zoopose")
            code |= report_targets(args.samples, args.joints, args.repeats)
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=2000)
    parser.add_argument("--joints", type=int, default=17)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3, help="timed turns of every form")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    sys.exit(main(parser.parse_args()))
