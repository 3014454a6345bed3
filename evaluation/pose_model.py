"""A trained network for Python programs: `zoopose.load(path).predict(...)`, with the engine of `zoopose predict`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..datasets.catalogue import SOURCES
from ..datasets.images import SUFFIXES
from ..datasets.open import check_joints, has_splits
from ..datasets.python_pictures import GivenPictures, Picture
from ..datasets.sample import PoseDataset
from ..datasets.views import Unlabelled
from ..errors import OptionError
from ..pose.checkpoints import Loaded
from .data import open_with_options
from .inference import PredictConfig, Predictions, predict
from .mirroring import flips
from .network import compute_device, load_network
from .options import NetworkUseOptions
from .poses import Poses
from .prediction_files import metas_of

Boxes = np.ndarray | Sequence[Any]
Images = Picture | Sequence[Picture] | PoseDataset


class PoseModel:
    """A network that finds the joints of animals, ready to predict. `zoopose.load` makes one from a checkpoint.

    Attributes:
        path: the checkpoint.
        trained_on: data that the network was trained on, as given to `load`; empty where the checkpoint says it.
        skeleton: joints, left/right pairs, limbs.
        device: where it computes.

    Example:
        >>> import zoopose
        >>> model = zoopose.load("model_best.pth.tar", device="cpu")
        >>> print(model)
        model_best.pth.tar: hg, 6 joints (nose, left_ear, right_ear, l_hip, r_hip, tail), crops of 32 x 32 px, on cpu
        >>> model.input_size
        (32, 32)
    """

    def __init__(
        self, path: Path, network: Loaded, device: torch.device, options: NetworkUseOptions, trained_on: str = ""
    ):
        self.path, self.skeleton, self.device, self.trained_on = path, network.skeleton, device, trained_on
        self._network, self._options = network, options
        network.model.to(device)

    @property
    def joints(self) -> tuple[str, ...]:
        """K names of joints, in the order of `Poses.xy`."""
        return self.skeleton.joints

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the crops that the network takes, px. Pictures may have any size."""
        return self._network.spec.size_hw

    @property
    def facts(self) -> dict[str, str]:
        """Arguments of `load` that say what the checkpoint does not, as options of the commands that read it again."""
        given = {name: getattr(self._options, name) for name in ("animal", "joints", "partners")}
        return {name: value for name, value in given.items() if value}

    def __str__(self) -> str:
        names = ", ".join(self.joints[:6]) + (", ..." if len(self.joints) > 6 else "")
        h, w = self.input_size
        what = f"{self._network.arch}, {len(self.joints)} joints ({names}), crops of {h} x {w} px, on {self.device}"
        return f"{self.path}: {what}"

    def __repr__(self) -> str:
        return f"PoseModel({self})"

    def predict(
        self,
        images: Images,
        boxes: Boxes | None = None,
        *,
        flip: bool = False,
        batch_size: int = 16,
        workers: int = 0,
        strict: bool = False,
    ) -> Poses:
        """Find the joints of the animals in pictures or in a video.

        The numbers are those of `zoopose predict`. A picture that cannot be read becomes a row of nan, and a warning names it.

        Args:
            images: one of

                - a picture file, an array (H, W, 3) of uint8, RGB, or a picture of Pillow;
                - a list of files and arrays, or an array (P, H, W, 3);
                - a folder: all pictures in it, at any depth, in natural order;
                - a video file: all of its frames;
                - data as on the command line: "coco:FILE.json", "video:FILE", "images:FOLDER", ...;
                - a data set of `zoopose.open_data`.
            boxes: where the animals are: left, top, width, height in px, from the left upper corner of the picture. None: an animal
                fills each picture. For one picture (M, 4), M animals. For P pictures (P, 4), one animal in each, or a list of P
                arrays (M, 4). Only for files and arrays: other data have boxes of their own.
            flip: average with the prediction for the mirrored picture; takes twice as long.
            batch_size: pictures that go through the network at once; no number depends on it but in the last digits.
            workers: processes that read pictures; 0: none.
            strict: raise an error at the first picture that cannot be read.

        Raises:
            OptionError: images or boxes of another kind.
            DataError: no picture, data with other joints, or more than half of the pictures cannot be read.
            PictureError: with `strict`, a picture that cannot be read.

        Example:
            >>> import zoopose
            >>> model = zoopose.load("model_best.pth.tar")
            >>> model.predict("cows.mp4")
            Poses(20 poses of 6 joints in 20 pictures)
            >>> two = model.predict("photos/cow.png", boxes=[[2, 2, 30, 40], [30, 10, 30, 40]])
            >>> two.individual
            array([0, 1])
            >>> import numpy
            >>> picture = numpy.zeros((48, 64, 3), "uint8")
            >>> model.predict([picture, "photos/cow.png"]).pictures
            ('000000', 'cow.png')
        """
        dataset = self._opened(images, boxes)
        if not len(dataset):  # boxes were given, and all are empty
            return self._poses(dataset, None)
        mirrored = flips(replace(self._options, flip=flip), dataset.skeleton)
        found = predict(
            self._network.model,
            dataset,
            self._network.spec,
            self.device,
            PredictConfig(batch_size, workers, mirrored, strict=strict),
        )
        return self._poses(dataset, found)

    def _opened(self, images: Images, boxes: Boxes | None) -> PoseDataset:
        """What was given, as a data set with the network's joints."""
        if isinstance(images, str | Path):
            text = _named(images)
            if not text:
                return GivenPictures([images], _boxes_of_one(boxes), self.skeleton)
            _refuse_boxes(boxes, text)
            split = "valid" if has_splits(text) else "all"
            dataset = open_with_options(text, split, self._options, labelled=False, skeleton=self.skeleton)
            check_joints(dataset, self.skeleton, text)
            return dataset
        if hasattr(images, "__array_interface__"):  # Pillow's pictures too
            images = np.asarray(images)
        if isinstance(images, np.ndarray) and images.ndim != 4:
            return GivenPictures([images], _boxes_of_one(boxes), self.skeleton)
        if isinstance(images, np.ndarray | list | tuple):
            return GivenPictures(list(images), None if boxes is None else list(boxes), self.skeleton)
        if not isinstance(images, PoseDataset):
            expected = "a picture file, an array (H, W, 3) of uint8, a list of either, a folder, a video, NAME:PATH or a data set"
            raise OptionError(expected, type(images).__name__)
        _refuse_boxes(boxes, "a data set")
        check_joints(images, self.skeleton, str(images.describe().get("name", "the data set")))
        if images.labels is not None:
            return Unlabelled(images, self.skeleton)
        return images if images.skeleton.joints else images.with_skeleton(self.skeleton)

    def _poses(self, dataset: PoseDataset, found: Predictions | None) -> Poses:
        n, k = len(dataset), len(self.skeleton)
        metas = metas_of(dataset)
        pictures = tuple(str(meta.get("file_name", name)) for meta, name in zip(metas, dataset.ids))
        order = {name: i for i, name in enumerate(dict.fromkeys(pictures))}
        frame = [_number(meta, order[name]) for meta, name in zip(metas, pictures)]
        times = [np.nan if meta.get("time_s") is None else meta["time_s"] for meta in metas]
        return Poses(
            xy=np.zeros((n, k, 2), np.float32) if found is None else found.xy_px,
            score=np.zeros((n, k), np.float32) if found is None else found.score,
            frame=np.array(frame, np.int64),
            individual=np.array(_individuals(pictures), np.int64),
            pictures=pictures,
            ids=tuple(dataset.ids),
            time_s=np.array(times, np.float64),
            box_xywh=np.zeros((n, 4), np.float32) if found is None else found.box_xywh,
            skeleton=self.skeleton,
        )


def load(
    path: str | Path,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    trained_on: str = "",
    animal: str = "horse",
    joints: Sequence[str] | None = None,
    partners: Sequence[tuple[str, str]] | None = None,
) -> PoseModel:
    """Load a network from a checkpoint: of `zoopose train`, `ccssl`, `wscda` or `pplo`, or a file of the published code.

    Args:
        path: the file, such as runs/horse/model_best.pth.tar.
        device: "auto" takes a GPU where there is one.
        trained_on: for files of the published code, which do not say it: "real_animal", or "" for renderings.
        animal: species, for such files and for data that hold several.
        joints: K names of the joints of a file that does not name them, in its order.
        partners: (left, right) pairs of joint names, in place of those of the checkpoint.

    Returns:
        The network, in evaluation mode, on its device.

    Raises:
        WeightsError: the file cannot be read, or holds no network that zoopose knows.
        OptionError: another device, no GPU for "cuda", or joint names that do not fit.

    Example:
        >>> import zoopose
        >>> model = zoopose.load("model_best.pth.tar")
        >>> model.joints
        ('nose', 'left_ear', 'right_ear', 'l_hip', 'r_hip', 'tail')
        >>> zoopose.load("model_worst.pth.tar")
        Traceback (most recent call last):
        ...
        zoopose.errors.WeightsError: ...
    """
    if device not in ("auto", "cpu", "cuda"):
        raise OptionError("device 'auto', 'cpu' or 'cuda'", repr(device))
    options = NetworkUseOptions(
        accelerator=device,
        animal=animal,
        joints=",".join(joints or ()),
        partners=",".join(f"{left}:{right}" for left, right in partners or ()),
    )
    network = load_network(str(path), trained_on, options)
    return PoseModel(Path(path), network, compute_device(device), options, trained_on)


def _named(path: str | Path) -> str:
    """NAME:PATH of what a text or a path means; empty for a picture file."""
    text = str(path)
    if text.partition(":")[0] in SOURCES and (":" in text or not Path(text).exists()):
        return text
    place = Path(path).expanduser()
    if place.is_dir():
        return f"images:{place}"
    return "" if place.suffix.lower() in SUFFIXES else f"video:{place}"


def _boxes_of_one(boxes: Boxes | None) -> list[np.ndarray] | None:
    """Boxes (M, 4) of one picture, as a list of one."""
    return None if boxes is None else [np.asarray(boxes, np.float32)]


def _refuse_boxes(boxes: Boxes | None, what: str) -> None:
    """Raises OptionError where boxes are given for data that have their own."""
    if boxes is not None:
        remedy = "leave the boxes out; or read the pictures yourself, and give them as arrays with their boxes"
        raise OptionError("boxes with picture files or arrays only", f"boxes with {what}", remedy)


def _number(meta: Mapping[str, Any], order: int) -> int:
    """Number of the frame in its video, of a given picture, or else the picture's place in the data."""
    return int(meta["frame"] if "time_s" in meta else meta.get("picture", order))


def _individuals(pictures: Sequence[str]) -> list[int]:
    """Number of every animal within its picture."""
    counted: Counter[str] = Counter()
    found = []
    for name in pictures:
        found.append(counted[name])
        counted[name] += 1
    return found
