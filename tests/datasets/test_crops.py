import pickle

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from zoopose.datasets.crops import CropCache, CropDataset, collate, crop_image
from zoopose.datasets.pictures import Fault, FaultLog, PictureError, SafeDataset
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.errors import DataError
from zoopose.pose import geometry
from zoopose.pose.skeleton import Skeleton


def dot_picture(xy, size_wh=(400, 300), sigma=4.0):
    """A bright round dot whose centre of mass is `xy`, in px with centres at integers."""
    x, y = np.meshgrid(np.arange(size_wh[0]), np.arange(size_wh[1]))
    dot = 255 * np.exp(-((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / (2 * sigma**2))
    return np.repeat(dot[..., None], 3, -1).round().astype(np.uint8)


def centre_of_mass(image):
    weight = image[..., 0].astype(np.float64)
    y, x = np.indices(weight.shape)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


class Dots(PoseDataset):
    """Pictures with one dot at the one joint; item 2 is broken when asked."""

    skeleton = Skeleton("dots", ("nose", "left_eye"))
    crop_factor = 1.25
    shots = [""] * 5
    ids = [str(i) for i in range(5)]
    labels = None

    def __init__(self, broken=()):
        self.broken, self.read = set(broken), 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        if index in self.broken:
            raise PictureError(f"/pictures/{index}.jpg", "cut short")
        self.read += 1
        xy = np.array([[150.3 + 10 * index, 140.7], [np.nan, 0]], np.float32)
        box = np.array([100, 80, 150, 110], np.float32)
        return PoseSample(dot_picture(xy[0]), xy, np.array([2, 0], np.uint8), box, {"id": str(index)})


@pytest.mark.parametrize("side", [40.0, 100.0, 150.3, 260.0, 333.3, 700.0])
@pytest.mark.parametrize("size", [64, 96])
def test_a_dot_lands_where_the_matrix_says(side, size):
    xy = np.array([201.37, 148.81])
    sigma = max(4.0, side / size * 2)
    image = dot_picture(xy, (900, 700), sigma) if side > 300 else dot_picture(xy, sigma=min(sigma, side / 16))
    square = np.array([xy[0] - 0.47 * side, xy[1] - 0.52 * side, side])
    crop = crop_image(image, square, size)
    expected = geometry.apply(geometry.crop_matrix(square, size), xy[None])[0]
    assert crop.shape == (size, size, 3) and crop.dtype == np.uint8
    # OpenCV 4 samples on a grid of 1/32 px of the source
    assert centre_of_mass(crop) == pytest.approx(expected, abs=0.06)


def test_the_mapping_is_the_documented_one():
    item = CropDataset(Dots(), 64, margin=1.2)[1]
    side = 1.25 * 1.2 * 150
    left, top = 100 + 75 - side / 2, 80 + 55 - side / 2
    expected = (np.array([160.3, 140.7]) + 0.5 - [left, top]) * 64 / side - 0.5
    assert item["xy_crop"][0].numpy() == pytest.approx(expected, abs=1e-4)
    assert centre_of_mass(item["crop"].numpy().transpose(1, 2, 0)) == pytest.approx(expected, abs=0.06)
    assert item["crop"].dtype == torch.uint8 and item["xy_crop"].dtype == torch.float32
    assert item["crop_from_image"].dtype == torch.float64 and item["crop_from_image"].shape == (2, 3)
    assert item["visible"].tolist() == [2, 0] and item["xy_crop"][1].tolist() == [0, 0]
    assert item["box_side_px"] == 150


def test_shrinking_averages_instead_of_skipping():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::4] = 200
    crop = crop_image(stripes, np.array([0.0, 0.0, 512.0]), 64)
    assert crop[8:-8, 8:-8].mean() == pytest.approx(50, abs=2)
    assert crop[8:-8, 8:-8].std() < 2


def test_same_size_crop_at_whole_pixels_copies_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    assert np.array_equal(crop_image(image, np.array([20.0, 10.0, 64.0]), 64), image[10:74, 20:84])


@pytest.mark.parametrize("side", [64.0, 400.0])
def test_outside_the_picture_is_black(side):
    image = np.full((100, 100, 3), 200, np.uint8)
    assert crop_image(image, np.array([300.0, 300.0, side]), 64).max() == 0
    assert crop_image(image, np.array([-900.0, 0.0, side]), 64).max() == 0
    half = crop_image(image, np.array([-side / 2, 0.0, side]), 64)
    assert half[:6, :30].max() == 0 and half[:6, 36 : 32 + int(60 * 64 / side)].min() == 200


def test_cache_gives_the_same_and_reads_once():
    source = Dots()
    plain, cache = CropDataset(Dots(), 32, 1.0), CropCache(source, 32, 1.0, limit_bytes=10**7)
    assert cache.place == "memory"
    for _ in range(2):
        for i in range(5):
            a, b = plain[i], cache[i]
            assert a.keys() == b.keys()
            for key in a:
                assert np.array_equal(a[key], b[key]) and type(a[key]) is type(b[key])
    assert source.read == 5 and cache.filled() == 5


def test_cached_items_can_be_written_to_without_harm():
    cache = CropCache(Dots(), 32, 1.0, limit_bytes=10**7)
    first = cache[0]["crop"].clone()
    cache[0]["crop"].zero_()
    assert torch.equal(cache[0]["crop"], first)


def test_cache_in_a_file_and_nowhere(tmp_path):
    on_disk = CropCache(Dots(), 32, 1.0, limit_bytes=10, folder=tmp_path / "cache")
    assert on_disk.place == "file" and torch.equal(on_disk[3]["crop"], CropDataset(Dots(), 32)[3]["crop"])
    assert on_disk.filled() == 1 and not list((tmp_path / "cache").iterdir())
    nowhere = CropCache(Dots(), 32, 1.0, limit_bytes=10)
    assert nowhere.place == "nowhere" and nowhere[0]["index"] == 0 and nowhere.filled() == 0


def test_cache_says_when_the_disk_is_too_small(tmp_path):
    class Many(Dots):
        def __len__(self):
            return 10**9

    with pytest.raises(DataError, match="GiB free"):
        CropCache(Many(), 256, 1.0, limit_bytes=10, folder=tmp_path)


def test_cache_filled_by_workers_is_there_in_the_next_epoch():
    cache = CropCache(Dots(), 32, 1.0, limit_bytes=10**7)
    loader = DataLoader(cache, batch_size=2, num_workers=1, collate_fn=collate, multiprocessing_context="fork")
    assert [b["index"].tolist() for b in loader] == [[0, 1], [2, 3], [4]]
    assert cache.filled() == 5


def test_cache_travels_empty():
    cache = CropCache(Dots(), 32, 1.0, limit_bytes=10**7)
    _ = cache[0]
    other = pickle.loads(pickle.dumps(cache))
    assert other.filled() == 0 and torch.equal(other[0]["crop"], cache[0]["crop"])


def test_collate_drops_faults_and_reports_them():
    data = SafeDataset(CropDataset(Dots(broken=[2]), 32))
    batch = collate([data[i] for i in range(4)])
    assert batch["index"].tolist() == [0, 1, 3] and batch["crop"].shape == (3, 3, 32, 32)
    assert batch["box_side_px"].shape == (3,)
    assert batch["faults"] == [Fault(2, "/pictures/2.jpg", "cut short")]
    log = FaultLog()
    assert log.take(batch)["index"].tolist() == [0, 1, 3] and "faults" not in batch and len(log) == 1
    assert log.take(collate([data[2]])) is None


def test_one_resampling_is_close_to_opencv_area_when_shrinking():
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8), (0, 0), 3)
    ours = crop_image(image, np.array([0.0, 0.0, 512.0]), 128)
    assert np.array_equal(ours[2:-2, 2:-2], cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)[2:-2, 2:-2])
