import logging
import os
import pickle
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from torch.utils.data import DataLoader

from zoopose.datasets.picture_decoding import TiffPages
from zoopose.datasets.picture_paths import picture_size
from zoopose.datasets.pictures import (
    Fault,
    FaultLog,
    PictureError,
    SafeDataset,
    is_cut_short,
    pages_of,
    read_page,
    read_rgb,
)
from zoopose.errors import DataError
from zoopose.files import shown_name

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


FORMATS = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".webp": "WEBP"}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format(tmp_path, suffix, orientation):
    exif, path = Image.Exif(), tmp_path / f"a{suffix}"
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(
        path, FORMATS[suffix], exif=exif, **({"quality": 95} if suffix in (".jpg", ".webp") else {})
    )
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    shown = read_rgb(path)
    assert shown.shape == upright.shape and np.abs(shown - upright).mean() < 8
    if orientation > 4:
        assert picture_size(path) == shown.shape[1::-1] == (40, 60)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("colour", [False, True])
def test_few_bits_in_16_are_neither_black_nor_stretched(tmp_path, suffix, bits, colour):
    deep = (np.arange(40 * 60).reshape(40, 60) * (2**bits - 1) // (40 * 60 - 1)).astype(np.uint16)
    expected = np.repeat((deep >> (bits - 8))[..., None], 3, -1)
    (tmp_path / f"a{suffix}").write_bytes(encoded(np.repeat(deep[..., None], 3, -1) if colour else deep, suffix))
    assert np.abs(read_rgb(tmp_path / f"a{suffix}") - expected.astype(int)).max() <= 1


def test_numbers_that_are_no_brightness_are_refused(tmp_path):
    (tmp_path / "a.tif").write_bytes(encoded(np.ones((8, 8), np.float32), ".tif"))
    with pytest.raises(PictureError, match="float32, not brightness"):
        read_rgb(tmp_path / "a.tif")


def smooth(size=200):
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX)


@pytest.mark.parametrize("damage", ["zeros", "cut", "noise", "ff", "markers"])
def test_a_jpeg_damaged_in_the_middle_is_told(tmp_path, damage):
    data = bytearray(encoded(smooth(), ".jpg"))
    middle = len(data) // 2
    noise = np.random.default_rng(1).integers(0, 256, 300, dtype=np.uint8).tobytes()
    if damage == "cut":
        del data[middle : middle + 500]
    else:
        filling = {"zeros": bytes(300), "noise": noise, "ff": b"\xff" * 300, "markers": b"\xff\xd9" * 150}
        data[middle : middle + 300] = filling[damage]
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(PictureError, match="damaged"):
        read_rgb(tmp_path / "a.jpg")


def test_whole_jpegs_of_every_kind_are_read_as_opencv_reads_them(tmp_path):
    flat = np.full((64, 640, 3), 200, np.uint8)  # long runs of one code
    padded = encoded(smooth(), ".jpg")
    padded = padded[:-2] + bytes(8) + padded[-2:]  # as some cameras write them
    pictures = [encoded(smooth(), ".jpg"), encoded(flat, ".jpg"), encoded(smooth()[..., 0], ".jpg"), padded]
    options = [(cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_OPTIMIZE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)]
    pictures += [cv2.imencode(".jpg", image, option)[1].tobytes() for option in options for image in (smooth(), flat)]
    for data in pictures:
        (tmp_path / "a.jpg").write_bytes(data)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg"), expected[..., ::-1])
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.jpg")
    assert read_rgb(tmp_path / "a.jpg").shape == RGB.shape


def test_pictures_that_are_too_large_are_named_before_they_are_decoded(tmp_path):
    header = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR"
    sizes = (16_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    png = header + sizes + zlib.crc32(b"IHDR" + sizes).to_bytes(4, "big")
    rows = zlib.compress(bytes(100))
    png += len(rows).to_bytes(4, "big") + b"IDAT" + rows + zlib.crc32(b"IDAT" + rows).to_bytes(4, "big")
    (tmp_path / "big.png").write_bytes(png + bytes(4) + b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big"))
    with pytest.raises(PictureError, match="big.png: too large, more than 179 megapixels"):
        read_rgb(tmp_path / "big.png")


def test_pages_of_a_tiff(tmp_path):
    pages = [Image.fromarray(np.full((10, 12), 40 * n, np.uint16) * 16) for n in range(4)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(PictureError, match="4 pages"):
        read_rgb(tmp_path / "stack.tif")
    assert pages_of(tmp_path / "stack.tif") == [0, 1, 2, 3]
    stack = TiffPages(tmp_path / "stack.tif", [0, 1, 2, 3])
    assert [int(read_page(stack, n)[0, 0, 0]) for n in range(4)] == [0, 40, 80, 120]  # one range for all
    Image.fromarray(RGB).save(tmp_path / "one.tif")
    assert pages_of(tmp_path / "one.tif") == [0] and read_rgb(tmp_path / "one.tif").shape == RGB.shape
    (tmp_path / "no.tif").write_text("no picture")
    assert pages_of(tmp_path / "no.tif") == pages_of(tmp_path / "none.tif") == [0]


def test_pipes_and_names_that_no_file_has_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="is a pipe"):
        read_rgb(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="is a device"):
        read_rgb("/dev/null")
    with pytest.raises(PictureError, match="no file can have this name"):
        read_rgb("a\0b.png")


def test_names_that_are_no_utf8_are_shown_readable(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/stall_\xe4.png")
    with pytest.raises(PictureError) as error:
        read_rgb(path)
    assert error.value.path.endswith("stall_\\xe4.png") and str(error.value).encode()
    assert shown_name("\ud800x") == "\\ud800x" and shown_name(Path("ä/b")) == "ä/b"


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
