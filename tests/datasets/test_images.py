import gc
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from zoopose.datasets.images import ImageFolder, VideoFile, natural_key
from zoopose.datasets.pictures import PictureError
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import ANIMAL_POSE20


@pytest.fixture
def folder(tmp_path):
    for name in ("b/frame10.png", "b/frame2.png", "a.JPG", ".hidden/x.png", "notes.txt", "c.webp", "d.tif", "e.bmp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            cv2.imwrite(str(path), np.full((30, 50, 3), 90, np.uint8))
    return tmp_path


FRAMES = 90


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Frame n shows its number as black and white bars, which survive compression."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    if not writer.isOpened():
        pytest.skip("this build of OpenCV cannot write mp4")
    for n in range(FRAMES):
        bars = np.repeat([n >> bit & 1 for bit in range(8)], 8).astype(np.uint8) * 255
        writer.write(np.repeat(np.tile(bars, (48, 1))[..., None], 3, -1))
    writer.release()
    return path


def number_of(sample):
    bars = sample.image.mean((0, 2)).reshape(8, 8).mean(-1) > 127
    return int(sum(bar << bit for bit, bar in enumerate(bars.tolist())))


def test_pictures_in_natural_order(folder):
    data = ImageFolder(folder)
    assert data.ids == ["a.JPG", "b/frame2.png", "b/frame10.png", "c.webp", "d.tif", "e.bmp"]
    sample = data[2]
    assert sample.image.shape == (30, 50, 3) and sample.box_xywh.tolist() == [0, 0, 50, 30]
    assert sample.meta == {"id": "b/frame10.png", "path": str(folder / "b/frame10.png")}
    assert data.labels is None and data.crop_factor == 1.0 and set(data.shots) == {""}
    assert data.describe()["items"] == 6


def test_natural_order_of_odd_names():
    names = ["a", "a/b", "a.jpg/x", "A.jpg", "01", "1/z", "10", "2", "x1y"]
    assert sorted(names, key=natural_key) == ["01", "1/z", "2", "10", "a", "a/b", "A.jpg", "a.jpg/x", "x1y"]


def test_skeleton_given_later(folder):
    data = ImageFolder(folder)
    assert data.skeleton is None and data[0].xy_px.shape == (0, 2)
    other = data.with_skeleton(ANIMAL_POSE20)
    assert other[0].visible.tolist() == [0] * 20 and data.skeleton is None


def test_empty_and_missing_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="✗ \\*.jpg"):
        ImageFolder(tmp_path / "empty")
    with pytest.raises(DataError, match="does not exist"):
        ImageFolder(tmp_path / "nowhere")


def test_video_in_order_and_at_random(video):
    data = VideoFile(video)
    assert len(data) == FRAMES and data.fps == 25 and set(data.shots) == {"clip.mp4"}
    assert data.ids[3] == "clip.mp4#000003" and len(set(data.ids)) == FRAMES
    assert [number_of(data[i]) for i in range(FRAMES)] == list(range(FRAMES))
    order = np.random.default_rng(0).permutation(FRAMES)
    assert [number_of(data[int(i)]) for i in order] == order.tolist()
    sample = data[50]
    assert sample.meta["frame"] == 50 and sample.meta["time_s"] == 2.0
    assert sample.image.shape == (48, 64, 3) and sample.box_xywh.tolist() == [0, 0, 64, 48]


def test_reading_in_order_never_seeks(video, monkeypatch):
    data, seeks = VideoFile(video, start=5), []
    seek = VideoFile._seek
    monkeypatch.setattr(VideoFile, "_seek", lambda self, frame: (seeks.append(frame), seek(self, frame)))
    for i in range(20):
        assert number_of(data[i]) == i + 5 and number_of(data[max(i - 1, 0)]) == max(i - 1, 0) + 5
    assert not seeks
    assert number_of(data[70]) == 75 and number_of(data[1]) == 6 and seeks == [75, 6]


def test_stride_start_and_stop(video):
    data = VideoFile(video, stride=10, start=3, stop=40)
    assert list(data.frames) == [3, 13, 23, 33] and [number_of(data[i]) for i in range(4)] == [3, 13, 23, 33]
    assert len(VideoFile(video, stop=10**6)) == FRAMES
    with pytest.raises(DataError, match="90 frames"):
        VideoFile(video, start=90)
    for wrong in ({"stride": 0}, {"start": -1}):
        with pytest.raises(OptionError):
            VideoFile(video, **wrong)


def test_written_to_frames_do_not_come_back(video):
    data = VideoFile(video)
    data[4].image[:] = 0
    assert number_of(data[4]) == 4


def collect_garbage(worker):
    gc.collect()


def test_video_in_workers_forked_and_pickled(video):
    data = VideoFile(video)
    _ = data[7]
    assert number_of(pickle.loads(pickle.dumps(data))[9]) == 9
    gc.collect()
    lost = [VideoFile(video)]
    _ = lost[0][3]
    lost.append(lost)
    # an open decoder of the parent, thrown away by a worker, must not stop the worker
    gc.disable()
    try:
        del lost
        loader = DataLoader(
            data, None, num_workers=2, collate_fn=number_of, multiprocessing_context="fork", timeout=60,
            worker_init_fn=collect_garbage,
        )  # fmt: skip
        assert list(loader) == list(range(FRAMES))
    finally:
        gc.enable()
    assert number_of(data[8]) == 8


def test_videos_that_cannot_be_read(tmp_path, video):
    with pytest.raises(DataError, match="does not exist"):
        VideoFile(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match="no video OpenCV can open"):
        VideoFile(tmp_path / "text.mp4")
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:2000])
    with pytest.raises(DataError, match="cut short"):
        VideoFile(tmp_path / "cut.mp4")


def test_a_frame_that_cannot_be_decoded_is_a_fault_and_the_next_is_read(video):
    data = VideoFile(video)
    data.frames = [5, 5000, 6]
    assert number_of(data[0]) == 5
    with pytest.raises(PictureError, match="frame 5000"):
        data[1]
    assert number_of(data[2]) == 6


DATA = os.environ.get("ZOOPOSE_DATA")


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="ZOOPOSE_DATA does not name the folder with the sample videos")
def test_a_compressed_video_gives_the_same_frame_however_it_is_reached():
    path = Path(DATA) / "samples/mirror_mouse/data/mirror-mouse-example/videos/test_vid.mp4"
    data = VideoFile(path, stop=130)
    assert len(VideoFile(path)) == 994
    in_order = [data[i].image for i in range(len(data))]
    for i in (120, 3, 64, 63, 129):
        assert np.array_equal(data[i].image, in_order[i])
