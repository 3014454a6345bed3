"""Frames per second of the synthetic quadruped on one core.

python benchmarks/render.py
python benchmarks/render.py 200        # frames per line
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time

import cv2

from zoopose.synthetic.plans import ANIMALS
from zoopose.synthetic.source import render_source
from zoopose.synthetic.target import TargetShot


def main(count: int = 60) -> None:
    """Print wall-clock and processor-time rates of both domains at 256 and 128 pixels."""
    cv2.setNumThreads(1)
    sys.stdout.write(f"{'animal':<8}{'domain':<8}{'px':>5}{'frames/s':>10}{'per cpu s':>11}\n")
    for animal in ANIMALS:
        for size in (256, 128):
            shot = TargetShot(animal, 0, 1, (size, size))
            for domain, frame in (
                ("source", lambda i, a=animal, s=size: render_source(a, 0, i, (s, s))),
                ("target", shot.__getitem__),
            ):
                for i in range(3):
                    frame(i)
                wall, cpu = time.perf_counter(), time.process_time()
                for i in range(count):
                    frame(i)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                sys.stdout.write(f"{animal:<8}{domain:<8}{size:>5}{count / wall:>10.1f}{count / cpu:>11.1f}\n")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
