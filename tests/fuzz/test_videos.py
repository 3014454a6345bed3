"""Damaged videos: frames, or an error that names the file. Every frame that is given is one that the file has."""

from __future__ import annotations

import pytest

from zoopose.datasets.pictures import PictureError
from zoopose.datasets.video.frames import VideoFile

KINDS = {
    "a.mp4": {},
    "a.mkv": {},
    "a.avi": {"codec": "mpeg4"},
    "a.webm": {"codec": "libvpx", "b_frames": 0},
    "a.ts": {"format": "mpegts"},
    "a.mpg": {"codec": "mpeg2video", "format": "mpeg"},
    "a.h264": {"format": "h264"},
    "hevc.mp4": {"codec": "libx265"},
}


@pytest.mark.parametrize("count", [7, pytest.param(63, marks=pytest.mark.slow)])
def test_damaged_videos(tmp_path, mutations, outcomes, numbered_video, number_in, count):
    paths = []
    for number, (name, how) in enumerate(KINDS.items()):
        data = numbered_video(tmp_path / name, 24, gop=6, **how).read_bytes()
        for k, damaged in enumerate(mutations(data, count, number)):
            paths.append(tmp_path / f"{k}_{name}")
            paths[-1].write_bytes(damaged)

    def read(path):
        data = VideoFile(path)
        for i in (*range(min(len(data), 40)), 0, len(data) - 1):
            try:
                assert data[i].image.shape[2] == 3
            except PictureError:
                continue

    counts = outcomes(read, paths)
    assert counts["value"] + counts["refused"] == 8 * count and counts["value"] > count
