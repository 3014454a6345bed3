"""The files of a run: every name that a command gives to a file in its run folder stands here, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path


class RunFolder:
    """Paths of the files in a run folder, the folder that `--checkpoint` names. Nothing is created or checked.

    A `RunFolder` is a path too: `str(folder)` and `open` take it, `folder / "name"` is a `Path`.

    Args:
        path: the folder, which need not exist.

    Attributes:
        path: the folder.
    """

    BEST = "model_best.pth.tar"  # checkpoint with the best validation score
    LAST = "last.pth.tar"  # checkpoint of the last epoch
    LAST_OF_TRAINING = "checkpoint.pth.tar"  # the same of supervised training, whose published code names it so
    START = "start.pth.tar"  # network that an adaptation started from
    METRICS = "metrics.json"
    RUN_JSON = "run.json"
    PREDICTIONS = "predictions.h5"
    REPORT = "report.html"
    CHECKPOINTS = "*.pth.tar"  # pattern of all checkpoints that a run writes

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    # checkpoints

    @property
    def best(self) -> Path:
        """Checkpoint with the best validation score."""
        return self.path / self.BEST

    @property
    def last(self) -> Path:
        """Checkpoint of the last epoch, of every method."""
        return self.path / self.LAST

    @property
    def start(self) -> Path:
        """Network that an adaptation started from."""
        return self.path / self.START

    def resumable(self, last_name: str) -> Path | None:
        """The last checkpoint that is there: `last_name` first, then the names that other methods give it; None without any."""
        paths = (self.path / name for name in (last_name, self.LAST, self.LAST_OF_TRAINING))
        return next((path for path in paths if path.is_file()), None)

    def checkpoints(self) -> list[Path]:
        """All checkpoints, by name."""
        return sorted(self.path.glob(self.CHECKPOINTS))

    @staticmethod
    def epoch_name(epoch: int) -> str:
        """File name of the checkpoint that `--snapshot` keeps of an epoch."""
        return f"checkpoint_{epoch}.pth.tar"

    # options, log and scores

    @property
    def run_json(self) -> Path:
        """Options, command and versions of the run."""
        return self.path / self.RUN_JSON

    @property
    def log_csv(self) -> Path:
        """Log, one row an epoch, all columns."""
        return self.path / "log.csv"

    @property
    def log_text(self) -> Path:
        """Log with the columns of the published code."""
        return self.path / "log.txt"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def metrics(self) -> Path:
        """Scores."""
        return self.path / self.METRICS

    @property
    def checkpoint_scores(self) -> Path:
        """Scores of all checkpoints of a folder, of `zoopose test --resume FOLDER`."""
        return self.path / "checkpoints.json"

    @property
    def report(self) -> Path:
        """The report, one HTML page."""
        return self.path / self.REPORT

    @property
    def sheets(self) -> Path:
        """Folder of the pictures that `train --debug` draws of the first batches."""
        return self.path / "debug"

    @property
    def test(self) -> Path:
        """Folder of scores and report of `zoopose test`, where none is named."""
        return self.path / "test"

    # predictions

    @property
    def predictions(self) -> Path:
        """Predictions and scores, from which a report is made again."""
        return self.path / self.PREDICTIONS

    @property
    def predictions_csv(self) -> Path:
        """Joints of `zoopose predict`, one row a picture."""
        return self.path / "predictions.csv"

    @property
    def predictions_json(self) -> Path:
        """Joints of `zoopose predict` as COCO keypoint results."""
        return self.path / "predictions.json"

    @property
    def keypoint_results(self) -> Path:
        """COCO keypoint results that a test has scored with OKS."""
        return self.path / "keypoints_results.json"

    @property
    def mpii_preds(self) -> Path:
        """Predictions of MPII's people that a test has scored with PCKh."""
        return self.path / "pred.mat"

    @property
    def preds_best(self) -> Path:
        """Joints predicted by the best checkpoint of a run, as MATLAB file."""
        return self.path / "preds_best.mat"

    @property
    def preds_valid(self) -> Path:
        """Joints that a test has scored, as MATLAB file."""
        return self.path / "preds_valid.mat"

    @property
    def overlays(self) -> Path:
        """Folder of pictures with drawn joints."""
        return self.path / "overlays"

    # pseudo-labels and domains

    def labels(self, round_: int) -> Path:
        """Pseudo-labels of a round, counted from 0."""
        return self.path / f"labels_round_{round_:02d}.h5"

    def label_files(self) -> list[Path]:
        """Pseudo-labels of all rounds, in their order."""
        return sorted(self.path.glob("labels_round_*.h5"))

    def remove_labels_after(self, round_: int) -> None:
        """Remove pseudo-labels of later rounds, finished or not: an earlier run has left them."""
        for path in self.path.glob("labels_round_*"):
            if path.name > f"labels_round_{round_:02d}~":
                path.unlink()

    def unfinished_labels(self, round_: int) -> Path:
        """What a labelling has done so far; other ranks put their number before the suffix."""
        return self.labels(round_).with_suffix(".partial.npz")

    def remove_unfinished_labels(self, round_: int) -> None:
        """Remove what an interrupted labelling of a round has left, of all ranks."""
        for path in self.path.glob(f"{self.labels(round_).stem}.partial*"):
            path.unlink()

    @property
    def probe(self) -> Path:
        """How well domains can be told apart by the features, of `wscda --probe`."""
        return self.path / "probe.json"

    @property
    def before_after(self) -> Path:
        """Joints of some target pictures by the start network and by the best network of an adaptation."""
        return self.path / "before_after.json"

    @property
    def target_sample(self) -> Path:
        """What the best network of WS-CDA predicts on some pictures of the target."""
        return self.path / "target_sample.json"
