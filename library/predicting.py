"""Prediction in one call, for Python programs."""

from __future__ import annotations

from pathlib import Path

from ..evaluation.pose_model import Boxes, Images, PoseModel, load
from ..evaluation.poses import Poses


def predict(
    model: str | Path | PoseModel,
    images: Images,
    boxes: Boxes | None = None,
    *,
    flip: bool = False,
    batch_size: int = 16,
    workers: int = 0,
    strict: bool = False,
) -> Poses:
    """Find the joints of the animals in pictures or in a video: `load` and `PoseModel.predict` in one call.

    Load a network once with `load` if you predict more than once.

    Args:
        model: a checkpoint, or a network from `load`.
        images, boxes, flip, batch_size, workers, strict: see `PoseModel.predict`.

    Raises:
        WeightsError: the file is not a checkpoint, or is damaged.
        OptionError: images or boxes of another kind.
        DataError: no picture, data with other joints, or more than half of the pictures cannot be read.
        PictureError: with `strict`, a picture that cannot be read.

    Example:
        >>> import zoopose
        >>> zoopose.predict("model_best.pth.tar", "cows.mp4")
        Poses(20 poses of 6 joints in 20 pictures)
    """
    network = model if isinstance(model, PoseModel) else load(model)
    return network.predict(images, boxes, flip=flip, batch_size=batch_size, workers=workers, strict=strict)
