"""Predict the joints of an animal in a video, write a table, draw one frame, and plot one joint over time.

    python examples/predict_a_video.py cows.mp4 runs/cows/last.pth.tar --joint nose --out cows

writes cows/poses.csv, cows/frame.png and cows/nose.png. The charts need matplotlib: `uv sync --extra examples`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import zoopose


def parse() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", help="video file, one animal in it")
    parser.add_argument("checkpoint", help="network of zoopose train, ccssl, wscda or pplo: a file .pth.tar")
    parser.add_argument("--joint", help="joint to plot; default: the first one of the network")
    parser.add_argument(
        "--least-score", type=float, default=0.2, help="joints with a lower score are left out of pictures and charts"
    )
    parser.add_argument("--out", type=Path, default=Path("poses"), help="folder for the results")
    return parser.parse_args()


def plot_joint(table: pd.DataFrame, joint: str, least_score: float, path: Path) -> None:
    """Plot x and y of one joint over time; gaps are frames where the joint is not sure.

    Args:
        table: of `Poses.to_pandas`: a row for each joint in each frame.
        joint: name of the joint.
        least_score: lower scores make a gap.
        path: picture to write.
    """
    rows = table[table["joint"] == joint]
    sure = rows["score"] >= least_score
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for axis in ("x", "y"):
        axes.plot(rows["time_s"], rows[axis].where(sure), label=axis)
    axes.set(xlabel="time, s", ylabel="position, px", title=f"{joint}: sure in {sure.mean():.0%} of {len(rows)} frames")
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Predict, and write what came out."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)

    model = zoopose.load(options.checkpoint)
    print(model)
    poses = model.predict(options.video)
    print(poses)

    table = poses.to_pandas()
    table.to_csv(options.out / "poses.csv", index=False)
    print(table.groupby("joint", sort=False)["score"].mean().round(2).to_string())

    middle = len(poses) // 2
    picture = zoopose.open_data(f"video:{options.video}")[middle].image
    plt.imsave(options.out / "frame.png", poses.draw(picture, index=middle, least_score=options.least_score))

    joint = options.joint or model.joints[0]
    if joint not in model.joints:
        raise SystemExit(f"no joint {joint!r}; the network has {', '.join(model.joints)}")
    plot_joint(table, joint, options.least_score, options.out / f"{joint}.png")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
