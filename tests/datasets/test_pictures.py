import logging
import pickle

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from zoopose.datasets.pictures import Fault, FaultLog, PictureError, SafeDataset, is_cut_short, read_rgb
from zoopose.errors import DataError

RGB = np.zeros((40, 60, 3), np.uint8)
RGB[:, :20, 0], RGB[:, 20:40, 1], RGB[:20, 40:, 2] = 250, 120, 60


def encoded(image, suffix=".png"):
    return cv2.imencode(suffix, image)[1].tobytes()


def with_orientation(jpeg, orientation, thumbnail=b""):
    """The JPEG with an EXIF block before everything else."""
    entry = (0x0112).to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00" + bytes([orientation, 0, 0, 0])
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + b"\x00\x00\x00\x00" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".jpg", ".webp"])
def test_colours_are_rgb_in_every_format(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(RGB[..., ::-1], suffix))
    image = read_rgb(path)
    assert image.shape == (40, 60, 3) and image.dtype == np.uint8
    for y, x in ((30, 8), (30, 30), (8, 52)):
        assert image[y, x].astype(int) == pytest.approx(RGB[y, x].astype(int), abs=12)


def test_grey_transparent_and_16_bit(tmp_path):
    grey = RGB[..., 1]
    for name, image, expected in (
        ("grey", grey, np.repeat(grey[..., None], 3, -1)),
        ("alpha", np.dstack([RGB[..., ::-1], np.full((40, 60), 7, np.uint8)]), RGB),
        ("deep", (RGB[..., ::-1].astype(np.uint16) * 257), RGB),
        ("deep_grey", grey.astype(np.uint16) * 257, np.repeat(grey[..., None], 3, -1)),
    ):
        (tmp_path / f"{name}.png").write_bytes(encoded(image))
        assert np.array_equal(read_rgb(tmp_path / f"{name}.png"), expected), name


def test_exif_orientation_is_heeded_unless_told_not_to(tmp_path):
    path = tmp_path / "turned.jpg"
    path.write_bytes(with_orientation(encoded(RGB[..., ::-1], ".jpg"), 6))
    assert read_rgb(path).shape == (60, 40, 3) and read_rgb(path, turn=False).shape == (40, 60, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_file_cut_short_is_told(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    data = encoded(noise, suffix)
    assert not is_cut_short(data) and not is_cut_short(data + b"\x00" * 9)
    for size in (len(data) // 2, len(data) - 40):
        (tmp_path / "a").write_bytes(data[:size])
        with pytest.raises(PictureError, match="cut short"):
            read_rgb(tmp_path / "a")


def test_a_thumbnails_end_is_not_the_pictures_end():
    small = encoded(RGB[:8, :8], ".jpg")
    data = with_orientation(encoded(RGB, ".jpg"), 1, thumbnail=small)
    assert not is_cut_short(data)
    assert is_cut_short(data[:-2]) and is_cut_short(data[: 40 + len(small) + 20])


def test_files_that_are_no_pictures(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        read_rgb(tmp_path / "none.jpg")
    with pytest.raises(PictureError, match="directory"):
        read_rgb(tmp_path)
    for content, reason in ((b"", "empty"), (b"<!DOCTYPE html>", "begins with b'<!DOCTYPE"), (b"\xff\xd8\xff", "cut")):
        (tmp_path / "x.jpg").write_bytes(content)
        with pytest.raises(PictureError, match=reason) as error:
            read_rgb(tmp_path / "x.jpg")
        assert error.value.path == str(tmp_path / "x.jpg") and "x.jpg" in str(error.value)


def test_picture_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(PictureError("a.jpg", "cut short")))
    assert (error.path, error.reason) == ("a.jpg", "cut short") and isinstance(error, DataError)


class Some:
    """Items whose numbers are in `broken` cannot be read."""

    def __init__(self, count, broken):
        self.count, self.broken = count, set(broken)

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if i in self.broken:
            raise PictureError(f"{i}.jpg", "cut short")
        return i


def note(log, data):
    items = [data[i] for i in range(len(data))]
    log.note([i for i in items if not isinstance(i, Fault)], [i for i in items if isinstance(i, Fault)])


def test_faults_are_named_once_and_counted(caplog):
    log, data = FaultLog(), SafeDataset(Some(30, [3, 7]))
    assert data[3] == Fault(3, "3.jpg", "cut short") and data[4] == 4 and len(data) == 30
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            note(log, data)
    assert len(log) == 2 and [r.getMessage() for r in caplog.records] == [
        "left out 3.jpg: cut short",
        "left out 7.jpg: cut short",
    ]
    log.check()
    assert log.summary() == "2 pictures could not be read and were left out, the first: 3.jpg"
    assert FaultLog().summary() == ""


def test_mostly_faulty_data_stop_the_run():
    with pytest.raises(DataError, match="16 of the 30"):
        note(FaultLog(), SafeDataset(Some(30, range(16))))
    note(FaultLog(), SafeDataset(Some(30, range(15))))


def test_few_items_are_judged_at_the_end_of_the_pass():
    log = FaultLog()
    note(log, SafeDataset(Some(3, [0, 1, 2])))
    with pytest.raises(DataError, match="3 of the 3"):
        log.check()


def test_strict_stops_at_the_first_fault_with_its_own_error():
    data = SafeDataset(Some(30, [5]), strict=True)
    loader = DataLoader(data, batch_size=None, num_workers=1, multiprocessing_context="fork")
    with pytest.raises(PictureError, match="5.jpg: cut short"):
        note(FaultLog(), list(loader))


def test_other_errors_are_not_swallowed():
    class Wrong(Some):
        def __getitem__(self, i):
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        SafeDataset(Wrong(1, []))[0]
