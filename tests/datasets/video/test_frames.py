"""Frames of videos: each is the right one, whatever the container, the damage, and the order in which they are asked for."""

import gc
import logging
import os
import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from torch.utils.data import DataLoader

from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import PoseDataset, reading_processes
from zoopose.datasets.video.frames import VideoFile
from zoopose.datasets.video.reader import FrameReader
from zoopose.datasets.views import Subset, Unlabelled
from zoopose.errors import DataError, OptionError

FRAMES = 60
# name, and how it is written; the last ones have no times, no index, no key frames, or a header that does not count
KINDS = {
    "plain.mp4": {},
    "irregular.mp4": {"times": "irregular"},
    "irregular.mkv": {"times": "irregular"},
    "no_reordering.mp4": {"b_frames": 0},
    "hevc.mp4": {"codec": "libx265"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "vp9.webm": {"codec": "libvpx-vp9", "b_frames": 0},
    "recorder.webm": {"codec": "libvpx", "b_frames": 0},
    "x.ts": {"format": "mpegts"},
    "x.h264": {"format": "h264"},
    "x.mpg": {"codec": "mpeg2video", "format": "mpeg"},
    "dvd.vob": {"codec": "mpeg2video", "format": "vob"},
    "mpeg1.mpg": {"codec": "mpeg1video", "format": "mpeg"},
}


def irregular(n):
    """Times in ms with steps of 20 to 400 ms."""
    return np.random.default_rng(1).choice([20, 40, 40, 80, 400], n).cumsum().tolist()


@pytest.fixture(scope="module")
def video_of(tmp_path_factory, numbered_video):
    """name out of KINDS -> the video, made once."""
    folder, made = tmp_path_factory.mktemp("videos"), {}

    def find(name):
        if name not in made:
            own = dict(KINDS[name])
            if own.get("times") == "irregular":
                own["times"] = irregular(FRAMES)
            made[name] = numbered_video(folder / name, FRAMES, **own)
        return made[name]

    return find


@pytest.fixture
def video(video_of):
    return video_of("plain.mp4")


def images_of(data, order):
    """Pictures of these items; None for those that cannot be read."""
    found = []
    for i in order:
        try:
            found.append(data[int(i)].image)
        except PictureError:
            found.append(None)
    return found


def same(a, b):
    return all((x is None) == (y is None) and (x is None or np.array_equal(x, y)) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_there_and_the_same_in_every_order(video_of, number_in, name, caplog):
    data = VideoFile(video_of(name))
    in_order = images_of(data, range(len(data)))
    assert [number_in(image) for image in in_order] == list(range(FRAMES)) and not caplog.records
    order = np.random.default_rng(0).permutation(FRAMES)[:20]
    assert same(images_of(VideoFile(video_of(name)), order), [in_order[i] for i in order])
    last_first = VideoFile(video_of(name))
    assert same(images_of(last_first, [FRAMES - 1, 0]), [in_order[-1], in_order[0]])


@pytest.mark.parametrize(
    "name", ["irregular.mp4", "irregular.mkv", "plain.mp4", "x.ts", "x.mpg", "mpeg4.avi", "x.h264"]
)
def test_times_are_those_of_presentation(video_of, name):
    data = VideoFile(video_of(name))
    times = np.array(irregular(FRAMES) if "irregular" in name else range(0, 40 * FRAMES, 40)) / 1000
    found = np.array([data.meta_of(i)["time_s"] for i in range(FRAMES)])
    # the containers' clocks begin where they like; players show their start as 0
    np.testing.assert_allclose(found, times - times[0], atol=2e-3)
    assert data[7].meta["frame"] == 7 and data[7].meta["time_s"] == data.meta_of(7)["time_s"]


CORNER = np.zeros((48, 64, 3), np.uint8)
CORNER[:12, :16, 0], CORNER[36:, :16, 1], CORNER[:, 48:, 2] = (
    255,
    255,
    255,
)  # top left red, bottom left green, right blue


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_frames_are_turned_as_the_file_says(tmp_path, numbered_video, degrees, mirrored):
    path = numbered_video(tmp_path / "t.mp4", 3, turned=(degrees, mirrored), pictures=lambda n: CORNER)
    shown = VideoFile(path)[1].image
    expected = np.rot90(CORNER, {0: 0, 90: 1, 180: 2, -90: 3}[degrees] * -_sense(tmp_path, numbered_video))
    if mirrored:
        options = [expected[:, ::-1], expected[::-1]]
        expected = min(options, key=lambda e: np.abs(e.astype(int) - shown).mean() if e.shape == shown.shape else 999)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 25


def _sense(folder, numbered_video):
    """-1: PyAV's degrees count against the clock, as its `rotation` does when reading."""
    path = numbered_video(folder / "sense.mp4", 3, turned=(90, False))
    with av.open(str(path)) as file:
        return -1 if next(file.decode(video=0)).rotation == 90 else 1


def holed(path, fill=True, first=26, after=29, inside=0):
    """A copy with the bytes of some packets, counted in the order of the file, zeroed or taken out."""
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    if None in places or len(set(places)) < len(places) or -1 in places:
        size = path.stat().st_size
        places = [size * i // len(places) for i in range(len(places))]
    data, (begin, end) = path.read_bytes(), (places[first] + inside, places[after])
    copy = path.with_name(f"holed_{fill}_{path.name}")
    copy.write_bytes(data[:begin] + bytes(end - begin) * fill + data[end:])
    return copy


@pytest.mark.parametrize(
    "name, fill",
    [
        ("plain.mp4", True), ("hevc.mp4", True), ("mpeg4.avi", True), ("x.ts", True), ("x.ts", False), ("x.mpg", True),
        ("x.mpg", False), ("vp9.webm", True), ("vp9.webm", False), ("recorder.webm", False), ("recorder.webm", True),
    ],
)  # fmt: skip
def test_a_hole_in_the_stream_shifts_no_frame(video_of, number_in, name, fill):
    path = holed(video_of(name), fill)
    data = VideoFile(path)
    images = images_of(data, range(len(data)))
    wrong = [i for i, image in enumerate(images) if image is not None and number_in(image) != i]
    lost = [i for i, image in enumerate(images) if image is None]
    assert len(data) == FRAMES and not wrong
    assert lost and lost[0] >= 20 and len(lost) < 40  # up to the next key frame; in MPEG-PS up to the second
    order = np.random.default_rng(0).permutation(FRAMES)[:20]
    assert same(images_of(VideoFile(path), order), [images[i] for i in order])


def test_a_hole_that_cannot_be_counted_is_said(video_of, number_in, caplog):
    with caplog.at_level(logging.WARNING):
        data = VideoFile(holed(video_of("x.h264"), inside=30))
    assert "how many are lost is not known" in caplog.text
    images = images_of(data, range(len(data)))
    assert sum(image is not None for image in images) > FRAMES / 2


def test_an_end_that_is_missing_is_said(video_of, number_in, tmp_path, caplog):
    whole = video_of("mpeg4.avi").read_bytes()
    with av.open(str(video_of("mpeg4.avi"))) as file:
        end = [packet.pos for packet in file.demux(video=0)][40]
    (tmp_path / "cut.avi").write_bytes(whole[:end])
    with caplog.at_level(logging.WARNING):
        data = VideoFile(tmp_path / "cut.avi")
    assert 20 < len(data) < FRAMES and f"its header says {FRAMES} frames" in caplog.text
    found = images_of(data, range(len(data)))
    assert [number_in(x) for x in found if x is not None] == [i for i, x in enumerate(found) if x is not None]


def test_reading_in_order_never_begins_anew(video, number_in, monkeypatch):
    data, starts = VideoFile(video, start=5), []
    for name in ("_begin", "_begin_at"):
        begin = getattr(FrameReader, name)
        monkeypatch.setattr(FrameReader, name, lambda s, *a, n=name, b=begin: (starts.append(n), b(s, *a))[1])
    for i in range(20):
        assert number_in(data[i].image) == i + 5 and number_in(data[max(i - 1, 0)].image) == max(i - 1, 0) + 5
    assert starts == ["_begin"]
    assert number_in(data[54].image) == 59 and starts[1:] == ["_begin_at"]


def test_stride_start_and_stop(video, number_in):
    data = VideoFile(video, stride=10, start=3, stop=40)
    assert list(data.frames) == [3, 13, 23, 33] and [number_in(data[i].image) for i in range(4)] == [3, 13, 23, 33]
    assert data.ids[1] == "plain.mp4#000013" and set(data.shots) == {"plain.mp4"} and data.fps == 25
    assert data[1].box_xywh.tolist() == [0, 0, 64, 48]
    assert len(VideoFile(video, stop=10**6)) == FRAMES
    with pytest.raises(DataError, match="60 frames"):
        VideoFile(video, start=60)
    for wrong in ({"stride": 0}, {"start": -1}):
        with pytest.raises(OptionError):
            VideoFile(video, **wrong)


def test_written_to_frames_do_not_come_back(video, number_in):
    data = VideoFile(video)
    data[4].image[:] = 0
    assert number_in(data[4].image) == 4


def test_one_process_reads_a_video(video):
    data = VideoFile(video)
    assert reading_processes(data, 4) == reading_processes(Unlabelled(Subset(data, [1, 2])), 4) == 1
    assert reading_processes(data, 0) == 0 and reading_processes(PoseDataset(), 4) == 4


def collect_garbage(worker):
    gc.collect()


def test_video_in_workers_forked_and_pickled(video, number_in):
    data = VideoFile(video)
    _ = data[7]
    assert number_in(pickle.loads(pickle.dumps(data))[9].image) == 9
    gc.collect()
    lost = [VideoFile(video)]
    _ = lost[0][3]
    lost.append(lost)
    # an open decoder of the parent, thrown away by a worker, must not stop the worker
    gc.disable()
    try:
        del lost
        loader = DataLoader(
            data, None, num_workers=2, collate_fn=lambda sample: number_in(sample.image), multiprocessing_context="fork",
            timeout=60, worker_init_fn=collect_garbage,
        )  # fmt: skip
        assert list(loader) == list(range(FRAMES))
    finally:
        gc.enable()
    assert number_in(data[8].image) == 8


def test_videos_that_cannot_be_read(tmp_path, video):
    with pytest.raises(DataError, match="does not exist"):
        VideoFile(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match="no video FFmpeg can open"):
        VideoFile(tmp_path / "text.mp4")
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:2000])
    with pytest.raises(DataError, match="cut short"):
        VideoFile(tmp_path / "cut.mp4")
    with pytest.raises(DataError, match="holds"):
        VideoFile(tmp_path)
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match="a video file"):
        VideoFile(tmp_path / "pipe.mp4")


def test_names_that_are_no_utf8_and_names_with_colons(tmp_path, video, number_in):
    for name in (b"st\xe4ll.mp4", b"http:a%03d.mp4"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(video.read_bytes())
        assert number_in(VideoFile(path)[30].image) == 30


def test_a_frame_that_cannot_be_decoded_is_a_fault_and_the_next_is_read(video, number_in):
    data = VideoFile(video)
    data.frames = [5, 5000, 6]
    assert number_in(data[0].image) == 5
    with pytest.raises(PictureError, match="frame 5000"):
        data[1]
    assert number_in(data[2].image) == 6


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
