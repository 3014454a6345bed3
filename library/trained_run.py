"""The folder of a training or an adaptation, once it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import DataError
from ..evaluation.run_folder import RunFolder
from ..files import read_json
from ..pose.schema import Mismatch

if TYPE_CHECKING:  # torch is loaded when a network is asked for
    from ..evaluation.pose_model import PoseModel
    from ..train.verdict import Verdict
    from .scores import Scores


@dataclass(frozen=True)
class TrainedRun:
    """What `zoopose.train` and `zoopose.adapt` return.

    Attributes:
        folder: run folder: checkpoints, log.csv, report.html, pseudo-labels.
        best: checkpoint that is best on the validation data; of an adaptation that did not help, the network that it began with.
        last: checkpoint of the end.

    Example:
        >>> import zoopose
        >>> small = {"stacks": 1, "width": 4, "depth": 1, "inp_res": 32, "train_batch": 4, "workers": 0}
        >>> run = zoopose.train("coco:horses/labels.json", folder="runs/horses", epochs=1, quiet=True, **small)
        >>> run.best.is_file(), run.last.is_file(), run.report.name
        (True, True, 'report.html')
        >>> 0 <= run.metrics.mean <= 1
        True
    """

    folder: Path
    best: Path
    last: Path

    @property
    def metrics(self) -> Scores:
        """Scores of the best checkpoint on the validation data: metrics.json.

        Raises:
            DataError: the file is missing or damaged.
        """
        from .scores import read_scores

        return read_scores(RunFolder(self.folder).metrics)

    @property
    def report(self) -> Path:
        """The page with curves, tables and pictures; any browser shows it."""
        return RunFolder(self.folder).report

    @property
    def verdict(self) -> Verdict | None:
        """Whether the adaptation helped, as far as that can be seen without labels: `.answer` is "helped", "did not help" or
        "cannot tell", `.sentence` says why. None for a training.

        Raises:
            DataError: run.json is damaged.
        """
        from ..train.verdict import Verdict

        path = RunFolder(self.folder).run_json
        facts = read_json(path, "JSON that a run has written", "run it again") if path.is_file() else {}
        if not isinstance(facts, dict) or "verdict" not in facts:
            return None
        try:
            return Verdict.from_dict(facts["verdict"])
        except Mismatch as error:
            raise DataError(f"{path.name} as a run has written it", f"{path}: {error}", "run it again") from error

    def model(self, device: Literal["auto", "cpu", "cuda"] = "auto") -> PoseModel:
        """The network of the best checkpoint, ready to predict.

        Raises:
            WeightsError: the file cannot be read.
            OptionError: no such device.
        """
        from ..evaluation.pose_model import load

        return load(self.best, device=device)
