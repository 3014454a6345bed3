"""Tiny data for tests that train: pictures with dots for joints, and the options of a network that learns in a second."""

from __future__ import annotations

import csv
import json
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pytest
import torch
from hypothesis import settings

from zoopose.pose.checkpoints import pack
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import Skeleton
from zoopose.progress import log

settings.register_profile("zoopose", max_examples=30, deadline=None, derandomize=True)
settings.load_profile("zoopose")

JOINTS = ("nose", "left_ear", "right_ear", "l_hip", "r_hip", "tail")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny networks gain nothing from more. $ZOOPOSE_TEST_THREADS sets another number: no test may depend on it."""
    torch.set_num_threads(int(os.environ.get("ZOOPOSE_TEST_THREADS", "1")))


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard():
    """A shell starts what runs in its background with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_coco() -> Callable[..., Path]:
    """(folder, n, seed, video, size) -> a COCO file of `n` pictures of `size` px, each with six dots at random joints.

    With `video` the pictures are the frames of two recordings, halves of the set.
    """

    def make(folder: Path, n: int = 12, seed: int = 0, video: bool = False, size: int = 64) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        images, annotations = [], []
        for i in range(n):
            picture = rng.integers(40, 120, (size, size, 3), dtype=np.uint8)
            xy = rng.uniform(10, size - 10, (len(JOINTS), 2))
            for x, y in xy:
                cv2.circle(picture, (round(x), round(y)), 3, tuple(int(v) for v in rng.integers(120, 255, 3)), -1)
            cv2.imwrite(str(folder / f"p{i:02d}.png"), picture)
            images.append({"id": i, "file_name": f"p{i:02d}.png", "width": size, "height": size})
            if video:
                images[-1] |= {"video_id": 2 * i // n, "frame_id": i}
            flags = rng.choice([0, 1, 2, 2, 2], len(JOINTS))
            flags[0] = 2
            keypoints = [float(v) for (x, y), flag in zip(xy, flags) for v in (x, y, flag)]
            box = [4, 4, size - 8, size - 8]
            annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": box, "keypoints": keypoints})
        category = {"id": 1, "name": "beast", "keypoints": list(JOINTS), "skeleton": [[1, 2], [1, 3]]}
        path = folder / "labels.json"
        path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
        return path

    return make


@pytest.fixture(scope="session")
def tiny_options() -> Callable[..., dict]:
    """(checkpoint folder, further options) -> options of a network of one narrow hourglass on 32 px."""

    def options(checkpoint: Path, **more) -> dict:
        tiny = {
            "stacks": 1,
            "width": 4,
            "depth": 1,
            "inp_res": 32,
            "train_batch": 4,
            "workers": 0,
            "accelerator": "cpu",
        }
        return {**tiny, "checkpoint": str(checkpoint), **more}

    return options


BITS = 8


def _numbered_picture(number: int, size_wh: tuple[int, int]) -> np.ndarray:
    w, h = size_wh
    picture = np.random.default_rng(number).integers(0, 60, (h // 8, w // 8, 3)).repeat(8, 0).repeat(8, 1)
    picture = picture.astype(np.uint8)
    for bit in range(BITS):
        picture[h // 4 : h // 2, bit * w // BITS : (bit + 1) * w // BITS] = 255 * (number >> bit & 1)
    return picture


@pytest.fixture(scope="session")
def numbered_video() -> Callable[..., Path]:
    """(path, n, codec, format, gop, b_frames, times, turned, size_wh, rate) -> a video whose frames show their number in bits.

    `times` gives the frame's times in ms (default: 40 ms steps), `turned` is (degrees, mirrored) of the display matrix.
    """

    def make(
        path: Path,
        n: int = 60,
        codec: str = "libx264",
        format: str | None = None,
        gop: int = 12,
        b_frames: int = 2,
        times: list[int] | None = None,
        turned: tuple[float, bool] | None = None,
        size_wh: tuple[int, int] = (64, 48),
        pictures: Callable[[int], np.ndarray] | None = None,
    ) -> Path:
        times = list(range(0, 40 * n, 40)) if times is None else times
        options = {"g": str(gop), "bf": str(b_frames)} | ({"x264-params": f"keyint={gop}"} if "264" in codec else {})
        with av.open(str(path), "w", format=format) as container:
            track = container.add_stream(codec, rate=25, options=options)
            track.width, track.height = size_wh
            track.pix_fmt = "yuv420p"
            if turned is not None:
                track.set_display_rotation(turned[0], hflip=turned[1])
            if times[-1] != 40 * (n - 1):
                track.time_base = track.codec_context.time_base = Fraction(1, 1000)
            for number in range(n):
                picture = pictures(number) if pictures else _numbered_picture(number, size_wh)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.time_base = track.codec_context.time_base or Fraction(1, 25)
                frame.pts = round(times[number] / 1000 / frame.time_base)
                container.mux(track.encode(frame))
            container.mux(track.encode())
        return path

    return make


@pytest.fixture(scope="session")
def number_in() -> Callable[[np.ndarray], int]:
    """(H, W, 3) picture of `numbered_video` -> the number that it shows."""

    def read(picture: np.ndarray) -> int:
        h, w = picture.shape[:2]
        bits = [
            picture[h // 4 + 2 : h // 2 - 2, b * w // BITS + 2 : (b + 1) * w // BITS - 2].mean() for b in range(BITS)
        ]
        return sum(int(bit > 128) << b for b, bit in enumerate(bits))

    return read


def _see_bright_spots(state: dict[str, torch.Tensor]) -> None:
    """Fill a stacked hourglass in place: every joint's map is the brightness of the picture, blurred, above its level.

    Residual branches add nothing, so that a picture's spots pass through unchanged: the stem blurs two mixtures of the colours,
    and joint k weighs these by its number. Peaks are far above rounding, whatever the processor, and stay there for some steps.
    """
    for key, tensor in state.items():
        tensor.fill_(1 if tensor.ndim == 1 and key.endswith(("weight", "running_var")) else 0)
    blur = torch.exp(-((torch.arange(7) - 3) ** 2) / 4)
    colours = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])
    stem = state["conv1.weight"]
    stem[:] = colours[torch.arange(len(stem)) % 2, :, None, None] * torch.outer(blur, blur) / blur.sum() ** 2
    for key, tensor in state.items():
        if key.endswith("downsample.0.weight") or (key.startswith("fc.") and tensor.ndim == 4):
            outputs, inputs = tensor.shape[:2]
            tensor[torch.arange(outputs), torch.arange(outputs) % inputs] = 1
        elif key.startswith("score.") and key.endswith("weight"):
            joints, features = tensor.shape[:2]
            share = torch.linspace(0.2, 0.8, joints)[:, None, None, None] / features
            tensor[:, 0::2], tensor[:, 1::2] = share, 1 / features - share


@pytest.fixture(scope="session")
def seeing() -> Callable[[Path], Path]:
    """(checkpoint of a stacked hourglass) -> the same file, its network now one that sees bright spots, whatever it learnt."""

    def fill(path: Path) -> Path:
        state = torch.load(path, weights_only=True)
        _see_bright_spots(state["state_dict"])
        torch.save(state, path)
        return path

    return fill


@pytest.fixture(scope="session")
def seeing_checkpoint() -> Callable[[Path], Path]:
    """(path) -> a checkpoint of a small network for `JOINTS` that sees bright spots, on pictures of 32 px; it was never trained."""

    def write(path: Path) -> Path:
        numbers = {"num_stacks": 1, "width": 4, "depth": 1}
        model = build_model("hg", len(JOINTS), **numbers)
        spec = InputSpec(size_hw=(32, 32), heatmap_hw=(8, 8))
        state = pack(model, "hg", numbers, Skeleton("beast", JOINTS, ((0, 1), (0, 2))), spec, 0, 0.0, None, {})
        _see_bright_spots(state["state_dict"])
        torch.save(state, path)
        return path

    return write


def _plain(value):
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _arrays(file: h5py.File) -> dict[str, np.ndarray]:
    """Every data set of an open file, those of its groups too, by path."""
    found = {}
    file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="session")
def run_state() -> Callable[[Path, str], dict]:
    """(folder, last checkpoint's name) -> all that a run comes to, without times and speeds; compare with ==."""

    def state(folder: Path, last: str) -> dict:
        found = {}
        for name in (last, "model_best.pth.tar"):
            checkpoint = torch.load(folder / name, weights_only=True)
            own = checkpoint["zoopose"]["run"]
            for key in ("state_dict", "optimizer", "epoch", "best_acc"):
                found[f"{name}/{key}"] = _plain(checkpoint[key])
            found[f"{name}/step"], found[f"{name}/meter"] = own["step"], own["meter"]
            found[f"{name}/best_epoch"], found[f"{name}/extra"] = own["best_epoch"], _plain(own["extra"])
        with open(folder / "log.csv", newline="") as file:
            found["log.csv"] = [{k: v for k, v in r.items() if k != "pictures_per_s"} for r in csv.DictReader(file)]
        for path in sorted(folder.glob("labels_round_*.h5")):
            with h5py.File(path) as file:
                found[path.name] = {k: repr(v.tolist()) for k, v in _arrays(file).items()} | {
                    "facts": file.attrs["facts"]
                }
        metrics = json.loads((folder / "metrics.json").read_text())
        found["metrics"] = metrics["mean"], metrics["joints"]
        return found

    return state


@pytest.fixture(scope="session")
def read_everything() -> Callable[[Path], int]:
    """(folder) -> how many files of a run there are; every one of them must be readable from end to end."""

    def read(folder: Path) -> int:
        count = 0
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name.startswith("."):
                continue  # a temporary file that a killed process has left
            count += 1
            if path.suffix == ".tar":
                torch.load(path, weights_only=True)
            elif path.suffix == ".h5":
                with h5py.File(path) as file:
                    assert _arrays(file)
            elif path.suffix == ".npz":
                with np.load(path) as file:
                    assert all(file[k] is not None for k in file.files)
            elif path.suffix == ".csv":
                with open(path, newline="") as file:
                    assert all(None not in row and None not in row.values() for row in csv.DictReader(file))
            elif path.suffix == ".json":
                json.loads(path.read_text())
        return count

    return read


@pytest.fixture(scope="session")
def killed() -> Callable[..., int]:
    """(function, at_file=n or after_s=t) -> exit code of a forked process that runs it and dies by SIGKILL.

    It dies when it is about to put its n-th file in place (with `done`: just after), or after t seconds; it may end before.
    A forked process can have one thread only, whose numbers are not those of several to the last bit.
    """
    if torch.get_num_threads() > 1:
        pytest.skip("forked processes compute with one thread; $ZOOPOSE_TEST_THREADS asks for more")

    def child(function, at_file: int | None, done: bool) -> None:
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        replace, count = os.replace, 0

        def counted(*places):
            nonlocal count
            count += 1
            if count == at_file and not done:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*places)
            if count == at_file:
                os.kill(os.getpid(), signal.SIGKILL)

        os.replace = counted
        function()

    def run(
        function: Callable[[], object], at_file: int | None = None, done: bool = False, after_s: float = 100.0
    ) -> int:
        process = multiprocessing.get_context("fork").Process(target=child, args=(function, at_file, done))
        process.start()
        process.join(after_s)
        process.kill()
        process.join()
        return process.exitcode

    return run


@pytest.fixture
def messages(monkeypatch):
    """What the program says, as the user would read it."""
    records = []

    class Kept(logging.Handler):
        def emit(self, record):
            records.append(record.getMessage())

    monkeypatch.setattr(log, "handlers", [Kept()])
    before = log.level
    log.setLevel(logging.INFO)
    yield records
    log.setLevel(before)
