"""The examples run, on a drawn video of a bright spot and a network that sees bright spots."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import zoopose

pytest.importorskip("matplotlib")
EXAMPLES = Path(zoopose.__file__).parent / "examples"
FRAMES, SIZE = 12, 64


def spot(number: int) -> tuple[int, int]:
    """x, y of the spot in a frame, px."""
    return 14 + 3 * number, 40 - 2 * number


def drawn(number: int) -> np.ndarray:
    return cv2.circle(np.full((SIZE, SIZE, 3), 40, np.uint8), spot(number), 5, (230, 230, 230), -1)


@pytest.fixture
def folder(tmp_path, monkeypatch, numbered_video, seeing_checkpoint) -> Path:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    numbered_video(tmp_path / "cows.mp4", FRAMES, size_wh=(SIZE, SIZE), pictures=drawn)
    seeing_checkpoint(tmp_path / "network.pth.tar")
    return tmp_path


def check(table: pd.DataFrame) -> None:
    """The joints follow the spot: a cell of the network's maps is 8 px."""
    nose = table[table["joint"] == "nose"]
    np.testing.assert_allclose(nose[["x", "y"]], [spot(n) for n in range(FRAMES)], atol=6)
    np.testing.assert_allclose(nose["time_s"], np.arange(FRAMES) / 25, atol=1e-3)


def test_the_script(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "cows.mp4", "network.pth.tar", "--joint", "tail", "--out", "cows"])
    runpy.run_path(str(EXAMPLES / "predict_a_video.py"), run_name="__main__")
    check(pd.read_csv(folder / "cows/poses.csv"))
    assert cv2.imread(str(folder / "cows/frame.png")).shape == (SIZE, SIZE, 3)
    assert cv2.imread(str(folder / "cows/tail.png")).std() > 1
    assert f"Poses({FRAMES} poses of 6 joints in {FRAMES} pictures)" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["x", "cows.mp4", "network.pth.tar", "--joint", "horn"])
    with pytest.raises(SystemExit, match="nose, left_ear"):
        runpy.run_path(str(EXAMPLES / "predict_a_video.py"), run_name="__main__")


def test_the_notebook(folder, capsys):
    cells = json.loads((EXAMPLES / "predict_a_video.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = [("".join(cell["source"]), cell) for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for _, cell in sources)
    space: dict = {}
    for source, cell in sources:
        exec(compile(source, f"cell {cell['id']}", "exec"), space)
        if "parameters" in cell["metadata"].get("tags", ()):
            space |= {"CHECKPOINT": "network.pth.tar", "VIDEO": "cows.mp4"}
    check(space["table"])
    check(pd.read_csv(folder / "poses.csv"))
    assert len(space["axes"].lines) == 2
