"""A training step of `hg` as `zoopose train` takes it, beside the same network in plain NCHW float32 eager form.

python benchmarks/training_step.py                        # plain and ours, 4 stacks, 256 px, 6 pictures
python benchmarks/training_step.py --compile              # and ours with --compile (a minute or more to compile)
python benchmarks/training_step.py --stacks 1 --repeats 5 --no-pipeline

All forms begin with the same weights and see the same batch, in turns, so that a machine that slows down slows all of them. Ends
with exit code 1 when they do not compute the same.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import torch
from input_pipeline import report as report_pipeline
from torch import nn

from zoopose.pose.fresh_weights import FreshWeights
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import TIGDOG18
from zoopose.train import loop
from zoopose.train.devices import open_fabric
from zoopose.train.network import fresh_start
from zoopose.train.options import TrainOptions
from zoopose.train.run import open_run
from zoopose.train.supervised import LOSSES, SupervisedStep, stage_loss

# Only what the common weights give is held to a tolerance; after RMSprop's first step, as large for a tiny gradient as for a large
# one, rounding decides signs and the losses drift apart. The tolerance of the gradient (of the output layers) is wide since a fresh
# hourglass is chaotic: noise of 1e-7 on the input moves its gradients by per cents. tests/pose/test_conv3x3.py compares in float64.
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-3, 0.2
LOSS = "balanced"

Form = tuple[nn.Module, Callable[[], float]]


def plain_form(options: TrainOptions, weights: dict, batch: dict) -> Form:
    """Textbook training: contiguous NCHW tensors, eager, the same loss and optimiser."""
    model = build_model("hg", len(TIGDOG18), num_stacks=options.stacks)
    model.load_state_dict(weights)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=options.lr)

    def step() -> float:
        total = stage_loss(model(batch["images"]), batch["target"], batch["weight"], LOSSES[LOSS])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return total.item()

    return model, step


def our_form(options: TrainOptions, weights: dict, batch: dict) -> Form:
    """What `zoopose train` runs: the run that it opens, its supervised step, its loop's optimiser step with the log's means."""
    fabric = open_fabric(options)
    spec = InputSpec("exact", options.inp_res, options.inp_res // 4)
    network = fresh_start(replace(options, arch="hg"), TIGDOG18, spec, FreshWeights(options.seed))
    network.model.load_state_dict(weights)
    run = open_run(options, fabric, "train", network, epochs=options.epochs)
    run.model.train()
    feed = SimpleNamespace(batch_size=options.train_batch, steps=1)
    supervised = SupervisedStep(feed, fabric, LOSS)
    batch = {**batch, "images": batch["images"].contiguous(memory_format=torch.channels_last)}

    def step() -> float:
        before = run.meter.sums.get("total", 0.0)
        loop._optimise(run, supervised, batch)
        return run.meter.sums["total"] - before

    return network.model, step


def gradients(model: nn.Module) -> torch.Tensor:
    """Of the output layers of all stages, in one row."""
    return torch.cat([p.grad.flatten() for p in model.score.parameters()])


def main(args: argparse.Namespace) -> int:
    """Print the table; returns the exit code."""
    torch.set_num_threads(args.threads or torch.get_num_threads())
    folder = Path(tempfile.gettempdir()) / "zoopose_benchmark_run"  # named, not made: nothing is saved
    options = TrainOptions(checkpoint=str(folder), stacks=args.stacks, inp_res=args.size, train_batch=args.batch,
                           accelerator="cpu", precision=args.precision)  # fmt: skip
    torch.manual_seed(0)
    weights = {k: v.clone() for k, v in build_model("hg", len(TIGDOG18), num_stacks=args.stacks).state_dict().items()}
    cells = args.size // 4
    batch = {
        "images": torch.randn(args.batch, 3, args.size, args.size),
        "target": torch.rand(args.batch, len(TIGDOG18), cells, cells) ** 8,
        "weight": (torch.rand(args.batch, len(TIGDOG18)) < 0.8).float(),
    }
    forms = {
        "plain NCHW, eager": plain_form(options, weights, batch),
        "zoopose train": our_form(options, weights, batch),
    }
    if args.compile:
        options.compile = True
        forms["zoopose train --compile"] = our_form(options, weights, batch)
    print(f"{args.stacks} stacks, {args.size} px, {args.batch} pictures, {torch.get_num_threads()} threads, "
          f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {args.precision}")  # fmt: skip

    code, (reference, *_) = 0, forms
    first, wall, cpu = {}, {name: [] for name in forms}, {name: [] for name in forms}
    for name, (
        _,
        step,
    ) in forms.items():  # the first step of each warms up (and compiles), and shows whether they agree
        start = time.perf_counter()
        first[name] = step()
        print(f"  first step {time.perf_counter() - start:6.1f} s  loss {first[name]:.6f}  {name}", flush=True)
    base = gradients(forms[reference][0])
    for name in list(forms)[1:]:
        loss_off = abs(first[name] / first[reference] - 1)
        gradient_off = float((gradients(forms[name][0]) - base).norm() / base.norm())
        agree = args.precision != "32" or (loss_off <= LOSS_TOLERANCE and gradient_off <= GRADIENT_TOLERANCE)
        code |= not agree
        print(f"  {'agrees' if agree else 'DISAGREES'}: loss off by {loss_off:.1e} (at most {LOSS_TOLERANCE:.0e}), "
              f"gradient by {gradient_off:.1e} (at most {GRADIENT_TOLERANCE:.0e})  {name}")  # fmt: skip
    for _ in range(args.repeats):
        for name, (_, step) in forms.items():
            started, used = time.perf_counter(), time.process_time()
            step()
            wall[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - used)
    print(f"{'':<26}{'s/step':>8}{'fastest':>9}{'cpu s':>8}{'pictures/s':>12}{'x plain':>9}{'x, cpu s':>10}")
    for name in forms:
        seconds, used = statistics.median(wall[name]), statistics.median(cpu[name])
        ratio = statistics.median(a / b for a, b in zip(wall[reference], wall[name]))
        cpu_ratio = statistics.median(a / b for a, b in zip(cpu[reference], cpu[name]))
        print(f"{name:<26}{seconds:>8.2f}{min(wall[name]):>9.2f}{used:>8.2f}{args.batch / seconds:>12.2f}"
              f"{ratio:>9.2f}{cpu_ratio:>10.2f}")  # fmt: skip
    if args.pipeline:
        report_pipeline(args.size, args.batch)
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=4)
    parser.add_argument("--size", type=int, default=256, help="side of the input, px")
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=4, help="timed steps of every form")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch takes by itself")
    parser.add_argument(
        "--precision", default="32", choices=("32", "bf16-mixed"), help="of ours; plain is always float32"
    )
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument(
        "--pipeline", action=argparse.BooleanOptionalAction, default=True, help="the input pipeline as well"
    )
    sys.exit(main(parser.parse_args()))
