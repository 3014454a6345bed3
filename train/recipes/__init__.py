"""Published trainings as data: one flat TOML file each under recipes/, nothing inherited, nothing implied.

`load_recipe("coco/hrnet_w32_256x192")` reads recipes/coco/hrnet_w32_256x192.toml; a path that ends in .toml reads that file. Every
file says with which data, network, input form, augmentation, optimiser, schedule and loss a figure was published, and where.
"""

from __future__ import annotations

import difflib
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any

from ...errors import OptionError
from ...evaluation.published_results import PublishedResult
from ...pose.codecs import CODECS
from ...pose.heatmap import DECODERS
from ...pose.input_spec import KINDS, InputSpec
from ...pose.models import MODELS, options_of
from ...pose.person_augment import PersonAugmentation
from ..options import FitOptions, TrainOptions
from ..schedules import Schedule

FOLDER = Path(__file__).parent
DATA = ("coco_person", "mpii")
SOLVERS = ("adam", "rms")
STRIDE = 4  # input px per cell, of all these networks


@dataclass(frozen=True)
class Recipe:
    """A published training.

    Attributes:
        data: the data set's name, "coco_person" or "mpii".
        arch: network, a name of `MODELS`. options: of its builder, where not the defaults.
        trunk: what its first layers were trained on before; "" : nothing. A reminder to give --trunk.
        frame: kind of the input form. codec: how maps mean joints. sigma: width of the target peaks, cells.
        inp_res: rows and columns of the input, px; the maps have a quarter of it.
        bgr, mean, std: as in `InputSpec`.
        padding: enlargement of the box in width and height, in the test, and in training where the augmentation has no other.
        solver: "adam" or "rms". momentum: of RMSprop. weight_decay: L2 penalty. decay_norms: it acts on norms and biases too.
        lr, shape, milestones, gamma, epochs, iterations, warmup, warmup_factor, stages: see `Schedule`. The rate is that of the
            whole published batch, batch x gpus.
        batch: pictures of a batch on each device. gpus: devices.
        loss: "auto": the codec's own; or a name of --loss.
        joint_weights: HRNet's weights of limbs' ends, see `person_augment.joint_weights`.
        decoder, decoder_taps: how the published test reads the maps, see `InputSpec`.
        flip_test: the published figures average over the mirrored picture.
        augmentation: ranges of the draws.
        results: the published figures, and ours where the recipe has been run to its end; none where no figure is published.
        name: of the recipe.
    """

    data: str
    arch: str
    trunk: str
    frame: str
    codec: str
    sigma: float
    inp_res: tuple[int, int]
    bgr: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    padding: tuple[float, float]
    solver: str
    lr: float
    weight_decay: float
    batch: int
    gpus: int
    loss: str
    flip_test: bool
    augmentation: PersonAugmentation
    options: Mapping[str, Any] = field(default_factory=dict)
    decay_norms: bool = True
    momentum: float = 0.0
    shape: str = "step"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    epochs: int = 0
    iterations: int = 0
    warmup: int = 0
    warmup_factor: float = 0.0
    stages: int = 1
    joint_weights: bool = False
    decoder: str = ""
    decoder_taps: int = 0
    results: tuple[PublishedResult, ...] = ()
    name: str = ""

    @property
    def schedule(self) -> Schedule:
        """The learning rate over time."""
        return Schedule(**{f.name: getattr(self, f.name) for f in fields(Schedule)})

    @property
    def nms(self) -> bool:
        """Whether the published test thins out poses that are alike (CPN, MSPN and RSN keep all)."""
        return self.frame != "megvii"

    @property
    def spec(self) -> InputSpec:
        """How pictures become the network's input, and its maps joints."""
        h, w = self.inp_res
        return InputSpec(
            self.frame, self.inp_res, (h // STRIDE, w // STRIDE), self.mean, self.std, self.bgr, self.codec, self.sigma,
            self.padding, self.decoder, self.decoder_taps,
        )  # fmt: skip


def recipes() -> list[str]:
    """Names of all recipes that come along, sorted."""
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.toml"))


def load_recipe(name: str) -> Recipe:
    """A recipe by its name, or from a file whose path ends in .toml.

    Raises:
        OptionError: no such recipe, a file that is not TOML, a key or a value there is not.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file() or (not name.endswith(".toml") and name not in recipes()):
        known = recipes()
        near = [n for n in known if name and name in n] or difflib.get_close_matches(name, known, 3, 0.3) or known
        raise OptionError(
            f"one of the {len(known)} recipes of {FOLDER}, or a file.toml",
            repr(name),
            f"--recipe {', or '.join(near[:3])}",
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError("a recipe in TOML", f"{path}: {error}", f"begin from {FOLDER / 'coco'}") from error
    data.pop("name", None)
    augmentation, results = data.pop("augmentation", {}), data.pop("results", [])
    found = _fields(Recipe, data | {"augmentation": None}, str(path), skip=("augmentation", "results", "name"))
    found["augmentation"] = _made(
        PersonAugmentation, _fields(PersonAugmentation, augmentation, f"{path}, [augmentation]"), path
    )
    found["results"] = _results(results, path)
    recipe: Recipe = _made(Recipe, found | {"name": name.removesuffix(".toml")}, path)
    _check(recipe, path)
    return recipe


def recipe_results(options: FitOptions) -> tuple[PublishedResult, ...]:
    """The published figures of the recipe that a command's options name; none without a recipe."""
    name = options.recipe if isinstance(options, TrainOptions) else ""
    return load_recipe(name).results if name else ()


def _results(data: Any, path: Path) -> tuple[PublishedResult, ...]:
    """The figures of the tables [[results]].

    Raises:
        OptionError: no list of tables, a missing or unknown key, a value that a figure cannot have.
    """
    where = f"{path}, [[results]]"
    if not isinstance(data, list):
        raise OptionError("tables of figures, [[results]]", f"{where}: {data!r}", "[[results]]")
    return tuple(_made(PublishedResult, _fields(PublishedResult, row, where), path) for row in data)


def _fields(kind: type, data: Any, where: str, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of a dataclass out of plain data, each of its field's type."""
    if not isinstance(data, dict):
        raise OptionError("a table of keys and values", f"{where}: {data!r}")
    known = {f.name: f for f in fields(kind) if f.name not in skip}
    hints = typing.get_type_hints(kind)
    for key in data.keys() - known.keys() - set(skip):
        raise OptionError(f"keys out of {', '.join(known)}", f"{where}: {key!r}", f"{_near(key, known)} = ...")
    missing = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING and n not in data]
    if missing:
        raise OptionError(f"a value for {', '.join(missing)}", f"{where}: none", f"{missing[0]} = ...")
    return {key: _typed(value, hints[key], f"{where}: {key}") for key, value in data.items() if key in known}


def _typed(value: Any, hint: Any, where: str) -> Any:
    """A value of TOML as what a field wants: lists become tuples, whole numbers may stand for floats."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if NoneType in parts:
        return _typed(value, parts[0], where)
    if origin is tuple:
        many = len(parts) == 2 and parts[1] is Ellipsis
        if isinstance(value, list) and (many or len(value) == len(parts)):
            return tuple(_typed(v, parts[0] if many else p, where) for v, p in zip(value, parts * len(value)))
        size = "" if many else f"{len(parts)} "
        raise OptionError(f"a list of {size}{parts[0].__name__} values for {where}", repr(value))
    wanted: Any = {float: (int, float), Mapping: dict}.get(origin or hint, origin or hint)
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise OptionError(f"{getattr(hint, '__name__', 'a table')} for {where}", repr(value))
    if hint is float:
        return float(value)
    return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()} if wanted is dict else value


def _made(kind: type, values: Mapping[str, Any], path: Path) -> Any:
    try:
        return kind(**values)
    except ValueError as error:
        raise OptionError(f"values that {kind.__name__} can have", f"{path}: {error}") from error


def _check(recipe: Recipe, path: Path) -> None:
    """Refuses values that name nothing, or cannot work together."""
    choices = {"data": DATA, "frame": KINDS, "codec": tuple(CODECS), "solver": SOLVERS, "arch": tuple(MODELS)}
    for key, known in choices.items():
        value = getattr(recipe, key)
        if value not in known:
            raise OptionError(
                f"{key} out of {', '.join(known)}", f"{path}: {value!r}", f'{key} = "{_near(value, known)}"'
            )
    if recipe.decoder and recipe.decoder not in DECODERS:
        remedy = f'decoder = "{_near(recipe.decoder, DECODERS)}"'
        raise OptionError(f"decoder out of {', '.join(DECODERS)}", f"{path}: {recipe.decoder!r}", remedy)
    options = options_of(recipe.arch)
    for key in recipe.options.keys() - options.keys():
        remedy = f"{_near(key, options)} = ..." if options else "leave [options] out"
        raise OptionError(f"[options] of {recipe.arch}: {', '.join(options) or 'none'}", f"{path}: {key!r}", remedy)
    _made(Schedule, {f.name: getattr(recipe, f.name) for f in fields(Schedule)}, path)
    positive = {"lr": recipe.lr, "sigma": recipe.sigma, "batch": recipe.batch, "gpus": recipe.gpus}
    positive |= {"inp_res": min(recipe.inp_res), "padding": min(recipe.padding), "std": min(recipe.std)}
    for key, value in positive.items():
        if value <= 0:
            raise OptionError(f"{key} above 0", f"{path}: {value}")
    if any(side % STRIDE for side in recipe.inp_res):
        raise OptionError(f"inp_res in multiples of {STRIDE} px", f"{path}: {recipe.inp_res}")


def _near(word: str, known: typing.Iterable[str]) -> str:
    known = list(known)
    return (difflib.get_close_matches(word, known, 1, 0.3) or known)[0]
