"""Lets the API page read the sources: the root of the repository is the package, and has another name as a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mkdocs.plugins import event_priority

ROOT = Path(__file__).parents[2]
_folders: list[tempfile.TemporaryDirectory] = []


@event_priority(100)
def on_config(config, **_):
    """Make a folder `zoopose` with links to the modules of the package, before mkdocstrings starts."""
    folder = tempfile.TemporaryDirectory(prefix="zoopose_docs_")
    _folders.append(folder)
    package = Path(folder.name) / "zoopose"
    package.mkdir()
    for path in ROOT.iterdir():
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file()):
            (package / path.name).symlink_to(path)
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [folder.name]
    return config


def on_shutdown(**_) -> None:
    """Take the folders away."""
    while _folders:
        _folders.pop().cleanup()
