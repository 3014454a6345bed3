"""zoopose: pose of animals nobody has labelled.

Everything here is loaded at its first use: `import zoopose` alone takes no time.

Example:
    >>> import zoopose
    >>> model = zoopose.load("model_best.pth.tar")
    >>> poses = model.predict("cows.mp4")
    >>> table = poses.to_pandas()
"""

__version__ = "0.1.0"
__all__ = [
    "PoseModel",
    "Poses",
    "Scores",
    "TrainedRun",
    "ZooposeError",
    "adapt",
    "load",
    "open_data",
    "pck",
    "predict",
    "score",
    "train",
]

# public name -> the module that holds it
_MODULES = {
    "load": ".evaluation.pose_model",
    "PoseModel": ".evaluation.pose_model",
    "Poses": ".evaluation.poses",
    "predict": ".library.predicting",
    "open_data": ".datasets.open",
    "train": ".library.training",
    "adapt": ".library.adapting",
    "TrainedRun": ".library.trained_run",
    "score": ".library.scoring",
    "Scores": ".library.scores",
    "pck": ".evaluation.metrics",
    "ZooposeError": ".errors",
}

TYPE_CHECKING = False  # type checkers read it as True; importing `typing` for it would cost milliseconds
if TYPE_CHECKING:
    from typing import Any

    from .datasets.open import open_data as open_data
    from .errors import ZooposeError as ZooposeError
    from .evaluation.metrics import pck as pck
    from .evaluation.pose_model import PoseModel as PoseModel
    from .evaluation.pose_model import load as load
    from .evaluation.poses import Poses as Poses
    from .library.adapting import adapt as adapt
    from .library.predicting import predict as predict
    from .library.scores import Scores as Scores
    from .library.scoring import score as score
    from .library.trained_run import TrainedRun as TrainedRun
    from .library.training import train as train


def _public(name: str) -> "Any":
    """The function or class of a public name."""
    from importlib import import_module

    return getattr(import_module(_MODULES[name], __name__), name)


if not TYPE_CHECKING:  # so that type checkers find misspelt names

    def __getattr__(name: str) -> object:
        """Loads a public name at its first use.

        `train` is a package too. Python binds that name to the package as soon as a module of it is imported. So `zoopose.train` is
        always the package, and a call of the package calls the function (see `train/__init__.py`).
        """
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "train":
            from importlib import import_module

            return import_module(".train", __name__)
        value = globals()[name] = _public(name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
