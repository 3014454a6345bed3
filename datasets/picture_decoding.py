"""Decodes the bytes of a picture file to pixels: upright, 8 bits, and a whole picture or an error.

Of pictures with more than 8 bits the top 8 bits in use are taken. In use are the fewest of 8, 10, 12, 14 and 16 bits that hold the
brightest value of the picture. So 12-bit pictures in 16-bit files are neither black nor stretched.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from ..errors import is_of_machine

# 179 megapixels, where Pillow refuses a picture: larger ones take gigabytes of memory, and no camera makes them
LARGEST_PX = 2 * (Image.MAX_IMAGE_PIXELS or 0)
_ORIENTATION = 0x0112
_REDUCED, _MASK = 1, 4  # bits of a TIFF page's NewSubfileType: a thumbnail, a transparency mask
_RANGES = (8, 10, 12, 14, 16)
_PADDING = 16  # bytes that some cameras leave before the end of a JPEG
_ZEROS = 64  # bytes; a longer run of zeros in a scan is damage, see `_JpegHead`. Chosen
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


class Undecodable(Exception):
    """The bytes are no whole picture; the text is the reason."""


def decode_rgb(data: bytes, turn: bool = True) -> np.ndarray:
    """The bytes of a picture file as (H, W, 3) uint8 RGB.

    Args:
        data: jpg, png, bmp, tif or webp.
        turn: turn the picture as its EXIF orientation says.

    Raises:
        Undecodable: the bytes are no picture, or one that is cut short, damaged or too large; values are no brightness; there are
            several pages.
    """
    orientation = _head(data)
    if data[:2] == b"\xff\xd8":
        image = _jpeg(data)
    else:
        flags = cv2.IMREAD_COLOR if turn else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        raw = _opencv(data, cv2.IMREAD_UNCHANGED) if _is_deep(data) else None
        if raw is not None and raw.dtype != np.uint8 and bits_of(raw) < 16:
            image = _eight_bits(raw, bits_of(raw))
        else:
            image = _opencv(data, flags)
            orientation = orientation if data[:4] == b"RIFF" else 1  # OpenCV turns all but WebP
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _turned(image, orientation if turn else 1)


def page_numbers(file: str | os.PathLike[str] | bytes) -> list[int]:
    """Numbers of the pages of a file that are pictures, neither thumbnails nor masks; [0] where they are not known."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    if not int(getattr(image, "tag_v2", {}).get(254) or 0) & (_REDUCED | _MASK):
                        found.append(number)
        except Exception:  # Pillow cannot read some TIFF files, and fails in many ways on damaged ones; OpenCV decides
            return found or [0]
    return found or [0]


def _head(data: bytes) -> int:
    """EXIF orientation, 1 to 8, from the head of a file; checks the picture's size."""
    tiff = data[:2] in (b"II", b"MM")
    pages = len(page_numbers(data)) if tiff else 1
    if pages > 1:
        raise Undecodable(f"holds {pages} pages; write each to a file of its own, or give the folder: images:FOLDER")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                (w, h), orientation = image.size, 1
                exif = data[:4] == b"RIFF" or data[:2] == b"\xff\xd8" or tiff or b"eXIf" in data
                if exif and w * h <= LARGEST_PX:
                    orientation = image.getexif().get(_ORIENTATION, 1)
        except Image.DecompressionBombError as error:
            raise Undecodable(f"too large, more than {LARGEST_PX / 1e6:.0f} megapixels ({error})") from None
        except Exception:  # what Pillow cannot read OpenCV may
            return 1
    if w * h > LARGEST_PX:
        raise Undecodable(f"{w} x {h} px are too large, more than {LARGEST_PX / 1e6:.0f} megapixels")
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _jpeg(data: bytes) -> np.ndarray:
    """Decodes a JPEG strictly: libjpeg continues after damage and fills the rest with grey."""
    head = _JpegHead.of(data)
    if head.marker not in (0xC0, 0xC1, 0xC2) or head.bits != 8 or head.channels not in (1, 3):
        # CMYK, arithmetic coding and others that simplejpeg has no use for
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.cvtColor(_opencv(data, flags), cv2.COLOR_BGR2RGB)
    if head.marker != 0xC2 and any(head.first_symbols) and data.find(bytes(_ZEROS), head.scan) >= 0:
        raise Undecodable("damaged: a part of the file is zeros")
    try:
        return _simplejpeg(data, strict=True)
    except ValueError as error:
        padding = _EXTRANEOUS.search(str(error))
        if padding and _is_padding(data, int(padding[1])):
            return _simplejpeg(data, strict=False)
        raise Undecodable(f"damaged ({error})") from None


def _simplejpeg(data: bytes, strict: bool) -> np.ndarray:
    image: np.ndarray = simplejpeg.decode_jpeg(data, "RGB", strict=strict)
    return image


def _is_padding(data: bytes, count: int) -> bool:
    end = data.rfind(b"\xff\xd9")
    return count <= _PADDING or not set(data[end - count : end]) - {0x00, 0xFF}


class _JpegHead(NamedTuple):
    """The head of a JPEG, before its first scan.

    Attributes:
        marker: of the frame: 0xC0 and 0xC1 sequential, 0xC2 progressive; 0 where there is no frame.
        bits, channels: of the frame.
        first_symbols: of every AC table. Only the first code of a table consists of zeros, and symbol 0 is the end of a block. So a
            long run of zeros in a scan is a picture only where all first symbols are 0; else it is damage.
        scan: start of the first scan, bytes.
    """

    marker: int
    bits: int
    channels: int
    first_symbols: list[int]
    scan: int

    @classmethod
    def of(cls, data: bytes) -> _JpegHead:
        """Reads the head, up to the first scan or the first fault."""
        at, frame, firsts = 2, (0, 0, 0), []
        while at + 4 <= len(data) and data[at] == 0xFF:
            marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            body = data[at + 4 : at + 2 + length]
            if marker == 0xDA or length < 2:
                break
            if marker == 0xC4:
                firsts += _first_symbols(body)
            elif 0xC0 <= marker <= 0xCF and marker not in (0xC8, 0xCC) and len(body) > 5:
                frame = marker, body[0], body[5]
            at += 1 if marker == 0xFF else 2 + length
        return cls(*frame, firsts, at)


def _first_symbols(tables: bytes) -> list[int]:
    """The first symbol of every AC table of a Huffman segment: 0 is the end of a block."""
    found, at = [], 0
    while at + 17 < len(tables):
        count = sum(tables[at + 1 : at + 17])
        if tables[at] >> 4 == 1 and count:
            found.append(tables[at + 17])
        at += 17 + count
    return found


def _is_deep(data: bytes) -> bool:
    """Whether a file may have more than 8 bits a channel."""
    return data[:2] in (b"II", b"MM") or (data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10")


def _opencv(data: bytes | np.ndarray, flags: int, page: int | None = None) -> np.ndarray:
    raw = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    image: np.ndarray | None
    try:
        if page is None:
            image = cv2.imdecode(raw, flags)
        else:
            done, images = cv2.imdecodemulti(raw, flags, range=(page, page + 1))
            image = images[0] if done and len(images) else None
    except cv2.error as error:
        if is_of_machine(error):
            raise
        raise Undecodable(f"OpenCV cannot decode it: {error.err}") from error
    if image is None:
        raise Undecodable(f"not a picture, or a broken one; it begins with {bytes(data[:12])!r}")
    return image


def bits_of(image: np.ndarray) -> int:
    """Bits in use: 8, 10, 12, 14 or 16.

    Raises:
        Undecodable: the values are no brightness.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise Undecodable(f"holds numbers of type {image.dtype}, not brightness in 8 or 16 bits: convert it")
    return next(bits for bits in _RANGES if int(image.max(initial=0)) < 1 << bits)


def _eight_bits(image: np.ndarray, bits: int) -> np.ndarray:
    """(H, W, 3) uint8 BGR of a picture as OpenCV decodes it unchanged."""
    if image.dtype == np.uint16:
        image = (image >> (bits - 8)).astype(np.uint8)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels not in (1, 3, 4):
        raise Undecodable(f"has {channels} channels, not grey or colours: convert it")
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if channels == 1 else np.ascontiguousarray(image[..., :3])


class TiffPages:
    """Pages of one TIFF file, read one by one. All use the same range of brightness, so that a recording does not flicker.

    Args:
        path: the file.
        pages: numbers of its pages, from 0.
    """

    def __init__(self, path: str | os.PathLike[str], pages: list[int]):
        self.path, self.pages = path, pages
        self._bits = 0

    def read(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB of a page, by its place among `pages`.

        Raises:
            Undecodable: the page is damaged or too large, or its values are no brightness.
            OSError: the file cannot be read.
        """
        data = np.memmap(self.path, np.uint8, "r")  # a stack may be larger than memory
        image = self._page(data, number)
        if image.dtype == np.uint16 and not self._bits:
            self._bits = max(bits_of(self._page(data, i)) for i in range(len(self.pages)))
        bits_of(image)
        return cv2.cvtColor(_eight_bits(image, self._bits or 8), cv2.COLOR_BGR2RGB)

    def _page(self, data: np.ndarray, number: int) -> np.ndarray:
        image = _opencv(data, cv2.IMREAD_UNCHANGED, self.pages[number])
        if image.shape[0] * image.shape[1] > LARGEST_PX:
            raise Undecodable(f"page {number} is too large, more than {LARGEST_PX / 1e6:.0f} megapixels")
        return image


def _turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """A picture brought upright from an EXIF orientation."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
