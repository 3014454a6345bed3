"""The house rules, checked on syntax trees: who may import whom, what is packaged, names, and silence."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import zoopose

ROOT = Path(zoopose.__file__).resolve().parent
OUTSIDE = {"tests", "benchmarks", "docs", "checkpoint", "examples"}
# each room may import itself and those of lower rank; rooms of the same rank do not know each other
RANK = {
    "": 0, "errors": 1, "files": 2, "progress": 3, "commandline": 4, "pose": 5, "datasets": 6, "synthetic": 7,
    "evaluation": 8, "train": 9, "ccssl": 10, "wscda": 10, "library": 11, "scripts": 11, "cli": 11,
}  # fmt: skip
# run by path or by name: they import the package by its name
COMMANDS = {
    "train/train.py",
    "train/train_multitask.py",
    "ccssl/CCSSL.py",
    "wscda/WSCDA.py",
    "wscda/PPLO.py",
    "evaluation/test.py",
    "evaluation/predict.py",
}
ROOT_MODULES = {"__init__", "cli", "errors", "files", "progress"}
# names of files in a run folder; `checkpoint.pth.tar` is left out where another name stands before it
RUN_FILE = re.compile(
    r"model_best\.pth\.tar|\blast\.pth\.tar|\bstart\.pth\.tar|\bcheckpoint\.pth\.tar|labels_round_|\bmetrics\.json|\brun\.json|"
    r"predictions\.(h5|csv|json)|checkpoints\.json|report\.html(?!\.j2)|\blog\.(csv|txt)|probe\.json|target_sample|preds_(best|valid)|before_after\.json|"
    r"keypoints_results|^pred\.mat$"
)
MAY_PRINT = {"commandline/parsing.py", "cli.py"}


def is_command(path: Path) -> bool:
    return str(path) in COMMANDS or (path.parts[0] == "scripts" and path.name != "__init__.py")


def modules() -> list[Path]:
    """Python files of the package, relative to its root."""
    found = (p.relative_to(ROOT) for p in ROOT.rglob("*.py"))
    return sorted(p for p in found if p.parts[0] not in OUTSIDE and not p.parts[0].startswith((".", "build", "dist")))


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def dotted(path: Path) -> tuple[str, ...]:
    """pose/models/blocks.py -> (pose, models, blocks); __init__.py stands for its folder."""
    return path.parts[:-1] if path.name == "__init__.py" else (*path.parts[:-1], path.stem)


def imports(path: Path) -> list[tuple[int, tuple[str, ...], bool]]:
    """Line, module below the package's root, and whether it was named absolutely, of every import of our own."""
    found = []
    package = path.parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            ours = [a.name.split(".")[1:] for a in node.names if a.name.split(".")[0] == "zoopose"]
            found += [(node.lineno, tuple(name), True) for name in ours]
        elif isinstance(node, ast.ImportFrom):
            parts = tuple((node.module or "").split(".")) if node.module else ()
            if node.level:
                base = package[: len(package) - node.level + 1]
                assert node.level <= len(package) + 1, f"{path}:{node.lineno} climbs out of the package"
                # `from . import a` names modules
                names = [(*base, *parts)] if parts else [(*base, alias.name) for alias in node.names]
                found += [(node.lineno, name, False) for name in names]
            elif parts[:1] == ("zoopose",):
                names = [parts[1:]] if parts[1:] else [(alias.name,) for alias in node.names]
                found += [(node.lineno, name, True) for name in names]
    return found


def room(module: tuple[str, ...]) -> str:
    return module[0] if module and not module[0].startswith("_") else ""


MODULES = modules()


def test_there_is_a_house():
    assert {"pose/heatmap/__init__.py", "train/loop.py", "ccssl/step.py"} <= {str(p) for p in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_downwards(path):
    own = room(dotted(path))
    assert own in RANK, f"{path}: give its room a rank here and in the design"
    for line, module, _ in imports(path):
        other = room(module)
        assert other in RANK, f"{path}:{line} imports {other}"
        lower = RANK[other] < RANK[own] or other == own or (own == "cli" and other == "scripts")
        assert lower or own == "", f"{path}:{line}: {own} must not import {other}"


def test_models_and_losses_do_not_know_each_other():
    for path in MODULES:
        named = {".".join(module) for _, module, _ in imports(path)}
        if path.parts[:2] == ("pose", "models"):
            assert not any(n.startswith("pose.losses") for n in named), path
        if str(path) == "pose/losses.py":
            assert not any(n.startswith("pose.models") for n in named), path


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_command_files_name_the_package(path):
    absolute = [line for line, _, named in imports(path) if named]
    assert not absolute or is_command(path), f"{path}:{absolute[0]}: write it relative"
    if is_command(path):
        relative = [line for line, _, named in imports(path) if not named]
        assert not relative, f"{path}:{relative[0]}: run by path it has no package to be relative to"


def test_the_packages_that_are_shipped_are_those_that_are_there():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {".".join(("zoopose", *p.parts[:-1])) for p in MODULES if p.name == "__init__.py"}
    assert set(settings["packages"]) == folders
    assert len(settings["packages"]) == len(set(settings["packages"]))
    homeless = [str(p) for p in MODULES if not (ROOT / p.parent / "__init__.py").is_file()]
    assert homeless == []


def test_the_version_is_written_once():
    """And in the citation, which other programs read."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "zoopose.__version__"}
    assert f"\nversion: {zoopose.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_data_files_of_the_package_are_shipped():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for package, patterns in settings.items():
        folder = ROOT.joinpath(*package.split(".")[1:])
        for pattern in patterns:
            assert list(folder.glob(pattern)), f"{package}: nothing matches {pattern}"


def test_no_module_of_a_commands_folder_hides_one_of_the_standard_library():
    folders = {str(path.parent) for path in MODULES if is_command(path)}
    hiding = [str(p) for p in MODULES if str(p.parent) in folders and p.stem in sys.stdlib_module_names]
    assert hiding == []


def test_the_root_holds_the_package_and_its_foundations_alone():
    assert {path.stem for path in ROOT.glob("*.py")} == ROOT_MODULES


def test_the_package_itself_imports_nothing():
    """But in `if TYPE_CHECKING:`, and where a public name is asked for."""
    assert [n for n in tree(Path("__init__.py")).body if isinstance(n, ast.Import | ast.ImportFrom)] == []
    assert not [n for n in tree(Path("__init__.py")).body if isinstance(n, ast.With | ast.Try)]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_nothing_but_the_command_line_prints(path):
    if str(path) in MAY_PRINT:
        return
    calls = [
        n.lineno
        for n in ast.walk(tree(path))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print"
    ]
    assert not calls, f"{path}:{calls[0]}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_says_what_it_is_for(path):
    source = (ROOT / path).read_text().strip()
    assert not source or ast.get_docstring(tree(path)), path


def test_the_first_page_is_there_without_torch():
    program = (
        "import sys, zoopose.cli\n"
        "assert zoopose.cli.main([]) == 0\n"
        "heavy = {'torch', 'cv2', 'h5py', 'pandas', 'matplotlib', 'tyro'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "zoopose train" in done.stdout or "train" in done.stdout


def test_every_command_of_the_table_has_its_module_and_options():
    from zoopose.cli import COMMANDS as TABLE

    for name, (module, options, _) in TABLE.items():
        for where in (module, options.partition(":")[0]):
            path = ROOT.joinpath(*where.split("."))
            assert path.with_suffix(".py").is_file(), f"{name}: no {where}"
        path, _, wanted = options.partition(":")
        classes = {n.name for n in tree(Path(*path.split(".")).with_suffix(".py")).body if isinstance(n, ast.ClassDef)}
        assert wanted in classes, f"{name}: no {options}"


def literals(path: Path) -> list[tuple[int, str]]:
    """Line and text of every string that is no docstring, the plain parts of f-strings among them."""
    nodes = list(ast.walk(tree(path)))
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_files_of_a_run_are_named_in_run_folder_alone(path):
    if str(path) == "evaluation/run_folder.py":
        return
    found = [(line, text) for line, text in literals(path) if RUN_FILE.search(text)]
    assert not found, f"{path}:{found[0][0]}: {found[0][1]!r}: take the name from evaluation.run_folder.RunFolder"
