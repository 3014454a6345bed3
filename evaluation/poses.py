"""Predicted poses: what `PoseModel.predict` returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..datasets.pictures import read_rgb
from ..errors import OptionError
from ..pose.draw import draw_pose
from ..pose.skeleton import Skeleton
from .prediction_files import wide_table

if TYPE_CHECKING:
    import pandas as pd

Rows = int | slice | Sequence[int] | np.ndarray


@dataclass(frozen=True, eq=False)
class Poses:
    """N predicted poses of K joints, one row for each animal in each picture. Slices and masks give `Poses` again.

    Attributes:
        xy: (N, K, 2) float32, x and y of the joints in px of the picture, pixel centres at integers; nan where the picture could
            not be read.
        score: (N, K) float32, height of the peaks in the network's maps: about 1 for a sure joint, near 0 for a guess.
        frame: (N,) int64, number of the frame in a video, else number of the picture in what was given; from 0.
        individual: (N,) int64, number of the animal within its picture, from 0.
        pictures: N names of pictures: of a video `cows.mp4#000012`; of arrays their number, `000012`.
        ids: N names of animals in pictures, unique, the same in every prediction.
        time_s: (N,) float64, time of the frame from the start of the video in s; nan for pictures.
        box_xywh: (N, 4) float32, left, top, width and height of the box that the animal was cut out with, px.
        skeleton: the joints, with left/right pairs and limbs.

    Example:
        >>> import zoopose
        >>> poses = zoopose.load("model_best.pth.tar").predict("cows.mp4")
        >>> poses
        Poses(20 poses of 6 joints in 20 pictures)
        >>> poses.xy.shape, poses.score.shape
        ((20, 6, 2), (20, 6))
        >>> sure = poses[poses.score.min(1) > 0.1]
        >>> nose = poses.joints.index("nose")
        >>> x = poses.xy[:, nose, 0]
    """

    xy: np.ndarray
    score: np.ndarray
    frame: np.ndarray
    individual: np.ndarray
    pictures: tuple[str, ...]
    ids: tuple[str, ...]
    time_s: np.ndarray
    box_xywh: np.ndarray
    skeleton: Skeleton

    @property
    def joints(self) -> tuple[str, ...]:
        """K names of joints."""
        return self.skeleton.joints

    def __len__(self) -> int:
        return len(self.xy)

    def __getitem__(self, rows: Rows) -> Poses:
        """Some rows: a number, a slice, numbers, or a mask (N,) of booleans."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        pictures, ids = (tuple(names[i] for i in chosen) for names in (self.pictures, self.ids))
        parts = (self.xy, self.score, self.frame, self.individual, self.time_s, self.box_xywh)
        xy, score, frame, individual, time_s, box = (part[chosen] for part in parts)
        return Poses(xy, score, frame, individual, pictures, ids, time_s, box, self.skeleton)

    def __iter__(self) -> Iterator[Poses]:
        """One row after another, each as `Poses`."""
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Poses({len(self)} poses of {len(self.joints)} joints in {len(set(self.pictures))} pictures)"

    def to_pandas(self, layout: Literal["long", "wide"] = "long") -> pd.DataFrame:
        """The poses as a table of pandas.

        Args:
            layout: "long": a row for each joint of each animal in each picture, with the columns picture, frame, time_s (only of a
                video), individual, joint, x, y (px) and score. "wide": a row for each animal in each picture and two levels of
                columns, (joint, x | y | score), as in predictions.csv.

        Raises:
            OptionError: another layout.

        Example:
            >>> import zoopose
            >>> poses = zoopose.load("model_best.pth.tar").predict("cows.mp4")
            >>> table = poses.to_pandas()
            >>> list(table.columns)
            ['picture', 'frame', 'time_s', 'individual', 'joint', 'x', 'y', 'score']
            >>> nose = table[table["joint"] == "nose"].set_index("frame")
            >>> nose["y"].shape
            (20,)
            >>> poses.to_pandas("wide")[("nose", "x")].shape
            (20,)
        """
        import pandas as pd

        if layout == "wide":
            times = self.time_s if np.isfinite(self.time_s).any() else None
            return wide_table(self.pictures, self.joints, self.xy, self.score, self.frame, times)
        if layout != "long":
            raise OptionError("layout 'long' or 'wide'", repr(layout))
        n, k = len(self), len(self.joints)
        columns = {
            "picture": np.repeat(np.array(self.pictures, object), k),
            "frame": np.repeat(self.frame, k),
            "time_s": np.repeat(self.time_s, k),
            "individual": np.repeat(self.individual, k),
            "joint": np.tile(np.array(self.joints, object), n),
            "x": self.xy[..., 0].ravel(),
            "y": self.xy[..., 1].ravel(),
            "score": self.score.ravel(),
        }
        if not np.isfinite(self.time_s).any():
            del columns["time_s"]
        return pd.DataFrame(columns)

    def draw(self, image: np.ndarray | str | Path, index: Rows | None = None, least_score: float = 0.0) -> np.ndarray:
        """A copy of a picture with joints and limbs drawn in: left orange, right blue, what has no side pink.

        Args:
            image: (H, W, 3) uint8 RGB, or a picture file: the picture that the poses are of.
            index: which rows to draw; None: all, which must be of one picture.
            least_score: joints with a lower score are not drawn.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            OptionError: no rows are named, and there are several pictures; or `image` is no RGB picture.
            PictureError: the file cannot be read.

        Example:
            >>> import zoopose
            >>> poses = zoopose.load("model_best.pth.tar").predict("photos/cow.png")
            >>> picture = poses.draw("photos/cow.png")
            >>> picture.shape, str(picture.dtype)
            ((64, 64, 3), 'uint8')
        """
        shown = self if index is None else self[index]
        if len(set(shown.pictures)) > 1:
            found = f"poses of {len(set(shown.pictures))} pictures"
            raise OptionError("the rows of one picture to draw", found, "draw(image, index=0)")
        picture = read_rgb(image) if isinstance(image, str | Path) else np.asarray(image)
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise OptionError("a picture (H, W, 3) uint8 RGB", f"{picture.dtype} of shape {picture.shape}")
        for xy, score in zip(shown.xy, shown.score):
            picture = draw_pose(picture, xy, self.skeleton, score >= least_score)
        return picture.copy() if not len(shown) else picture
