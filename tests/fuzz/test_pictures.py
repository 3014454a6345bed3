"""Damaged picture files: a picture, or an error that names the file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from zoopose.datasets.images import ImageFolder
from zoopose.datasets.pictures import read_rgb


def originals(folder):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    smooth, exif = cv2.GaussianBlur(noise, (0, 0), 3), Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png", "a.webp", "a.tif", "a.bmp"):
        Image.fromarray(smooth).save(folder / name, **({} if name == "a.bmp" else {"exif": exif}))
    Image.fromarray(smooth).save(folder / "p.jpg", progressive=True)
    cv2.imwrite(str(folder / "deep.png"), smooth.astype(np.uint16) * 16)
    cv2.imwrite(str(folder / "deep.tif"), smooth[..., 0].astype(np.uint16) * 16)
    pages = [Image.fromarray(smooth[..., k]) for k in range(3)]
    pages[0].save(folder / "stack.tif", save_all=True, append_images=pages[1:])
    return sorted(folder.iterdir())


@pytest.mark.parametrize("count", [7, pytest.param(60, marks=pytest.mark.slow)])
def test_damaged_pictures(tmp_path, mutations, outcomes, count):
    (tmp_path / "whole").mkdir()
    paths = []
    for number, original in enumerate(originals(tmp_path / "whole")):
        for k, data in enumerate(mutations(original.read_bytes(), count, number)):
            folder = tmp_path / f"{number}_{k}"
            folder.mkdir()
            paths.append(folder / original.name)
            paths[-1].write_bytes(data)

    def read(path):
        data = ImageFolder(path.parent)
        images = [data[i].image for i in range(min(len(data), 8))]
        assert all(image.dtype == np.uint8 and image.shape[2] == 3 for image in images)
        if len(data) == 1:
            read_rgb(path, turn=False)

    counts = outcomes(read, paths)
    assert counts["value"] + counts["refused"] == 9 * count and counts["refused"] > count
