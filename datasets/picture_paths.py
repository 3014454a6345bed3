"""Finds the pictures that an annotation file names, also where other tools or other machines wrote the names.

The rules are tried in this order, until one finds a file:

1. the name below the annotation file's folder, or `images/` in it; below the folder above, `images/` or `data/` in that; two
   folders up.
2. the name cleaned: `\\` is `/`; a drive (`C:`), a web address, and a leading `/` are removed; of Label Studio's
   `/data/local-files/?d=a/b.png` only `a/b.png` is left; `%20` is a space. Then the cleaned name without its first folder, without
   its first two, ...: `C:\\Users\\me\\set\\images\\1.png` is searched as `Users/me/set/images/1.png`, ..., `images/1.png`, `1.png`.
3. the same without the eight characters and the dash that Label Studio puts before the names of uploads.
4. where no name was found by rule 1: all folders below the file's folder, and below `images/` in it or next to it (CVAT:
   `images/Train/1.png`), are searched for the last part of the name, whatever its capitals and the spelling of its accents. Of
   several files the one whose last folders agree best with the name is taken, else the one in a folder that the annotation file is
   named after (`instances_Train.json`). Where two files are left, this is an error.

Where two names lead to one file, neither of those that were cleaned gets it. A name with `..` never leads further up than two
folders above the annotation file; an absolute path is used as it is.
"""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from ..errors import DataError
from ..files import plain
from .tree import missing_tree

SAMPLED_NAMES = 20  # names of which a file is looked for, to choose the folder
MOST_FILES = 300_000  # below the searched folders; more take minutes to list on a network disk, and rule 4 is left out
DEEPEST = 8  # levels of folders that are searched
_EXIF_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]*/?")
_DRIVE = re.compile(r"[A-Za-z]:[/]*")
_ODD = re.compile(r"[\\:?%]|^/|(^|/)\.\.?(/|$)|(^|/)upload/\d+/")


@dataclass
class PicturePaths:
    """Paths of pictures by their names.

    Attributes:
        folder: that most names start from.
        elsewhere: name in the file -> path below `folder` or absolute, of pictures that are not at folder/name.
    """

    folder: Path
    elsewhere: dict[str, str] = field(default_factory=dict)

    def path_of(self, name: str) -> Path:
        """The picture of a name, whether it is there or not."""
        return self.folder / self.elsewhere.get(name, name)


def folders_of(path: Path) -> list[Path]:
    """Folders that the names of an annotation file may start from, in the order in which they are tried."""
    here = path.absolute().parent
    above = here.parent
    return [here, here / "images", above, above / "images", above / "data", above.parent]


def find_pictures(path: Path, names: Sequence[str], needed: bool) -> PicturePaths:
    """Finds the pictures that an annotation file names.

    Args:
        path: the annotation file.
        names: of its pictures.
        needed: the pictures must be there.

    Raises:
        DataError: no picture is there, or a name may mean several pictures.
    """
    folders, names = folders_of(path), list(dict.fromkeys(names))
    some = names[:: max(1, len(names) // SAMPLED_NAMES)]
    odd = any(_ODD.search(name) or not name.isascii() for name in names)
    for folder in folders:
        there = [is_file(folder / name) and not _leaves(folder / name, folders) for name in some]
        if all(there) and not odd:
            return PicturePaths(folder)
        if any(there):
            break
    else:
        folder = folders[0]
    paths, found = _search(path, folder, folders, names)
    if found or not needed:
        return paths
    entries = [(path.name, True), *((plain(name), False) for name in names[:3]), ("...", None)]
    others = ", ".join(str(folder) for folder in folders[1:])
    remedy = f"put the pictures into the file's folder, with the names used there (also searched: {others}), or correct file_name"
    reason = _reason(names[0])
    raise missing_tree(f"the pictures of {path}", folders[0], entries, f"{reason}; {remedy}" if reason else remedy)


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for names that a file cannot have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture as it is read, px, from its header; None where there is no file, or no picture."""
    if not is_file(path):
        return None
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            w, h = image.size
            if isinstance(image, TiffImageFile):  # some versions of Pillow turn these when they open them
                w, h = image.tag_v2[256], image.tag_v2[257]
            return (h, w) if image.getexif().get(_EXIF_ORIENTATION) in _TURNED else (w, h)
    except Exception:  # a damaged header fails in Pillow in many ways; reading the picture names it
        return None


def cleaned(name: str) -> str:
    """The name that another tool or machine wrote, as a path with `/`, without drive, address, query and `..`."""
    query = re.search(r"[?&]d=([^&]*)", name)
    text = query[1] if query else re.sub(r"[?#].*", "", name, flags=re.DOTALL) if _SCHEME.match(name) else name
    text = text.replace("\\", "/")
    text = _DRIVE.sub("", _SCHEME.sub("", text), count=1)
    if "%" in text:
        text = unquote(text, errors="strict") if _decodes(text) else text
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    return "/".join(parts)


def _decodes(text: str) -> bool:
    try:
        return "\0" not in unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False


def candidates(name: str) -> Iterator[str]:
    """Paths that a name may mean: the longest first; at the end those without Label Studio's eight characters."""
    parts = cleaned(name).split("/")
    for last in dict.fromkeys((parts[-1], _UPLOAD.sub("", parts[-1], count=1))):
        for start in range(len(parts)):
            yield "/".join([*parts[start:-1], last])


def _leaves(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a path with `..` in it leads further up than the highest of the folders."""
    if ".." not in path.parts:
        return False
    return not Path(os.path.normpath(path)).is_relative_to(folders[-1])


def _search(path: Path, folder: Path, folders: list[Path], names: Sequence[str]) -> tuple[PicturePaths, bool]:
    paths = PicturePaths(folder)
    missing: list[str] = []
    exact: set[Path] = set()
    for name in names:
        if is_file(folder / name) and not _leaves(folder / name, folders):
            exact.add(folder / name)
            continue
        found = _candidate(name, folders) if _ODD.search(name) else _composed_otherwise(name, folder)
        if found is not None:
            paths.elsewhere[name] = str(found)
        else:
            missing.append(name)
    if missing and not exact and not paths.elsewhere:
        _search_below(path, folders, missing, paths)
    uses = Counter([*map(str, exact), *paths.elsewhere.values()])
    for name in names:
        if uses[paths.elsewhere.get(name, "")] > 1:
            del paths.elsewhere[name]
        if name not in paths.elsewhere and _leaves(folder / name, folders):
            paths.elsewhere[name] = cleaned(name) or "unnamed"  # not there, and never outside
    return paths, bool(exact) or any(map(is_file, map(paths.path_of, paths.elsewhere)))


def _search_below(path: Path, folders: list[Path], names: Sequence[str], paths: PicturePaths) -> None:
    """Rule 4, for names that no other rule found.

    Raises:
        DataError: a name may mean several files.
    """
    index, doubtful = _index(dict.fromkeys((folders[0], folders[3]))), []
    words = {_spelling(word) for word in re.split(r"[_\W]+", path.stem)}
    for name in names:
        found = _by_last_part(name, index)
        if len(found) > 1:
            named = [place for place in found if _spelling(place.parent.name) in words]
            found = named if len(named) == 1 else found
        if len(found) == 1:
            paths.elsewhere[name] = str(found[0])
        elif found:
            doubtful.append((name, found))
    if doubtful:
        name, found = doubtful[0]
        shown = " and ".join(str(place) for place in found[:2])
        raise DataError(
            f"one picture for every file_name of {path}",
            f"{len(doubtful)} of {len(names)} names may mean several pictures, the first: {plain(name)} may be {shown}",
            "write the folder into file_name, or take the other pictures away",
        )


def _composed_otherwise(name: str, folder: Path) -> Path | None:
    """The file whose name differs in the spelling of accents: macOS writes letter and accent as two characters."""
    if name.isascii():
        return None
    spellings = (folder / unicodedata.normalize(spec, name) for spec in ("NFC", "NFD"))
    return next((path for path in spellings if is_file(path)), None)


def _candidate(name: str, folders: Sequence[Path]) -> Path | None:
    for text in candidates(name):
        for folder in folders:
            if text and is_file(folder / text):
                return folder / text
    return None


def _index(roots: Iterable[Path]) -> dict[str, list[Path]]:
    """Last part of the name, in a common spelling -> files below the roots."""
    found: dict[str, list[Path]] = defaultdict(list)
    count = 0
    seen: set[Path] = set()
    for root in roots:
        depth = len(root.parts)
        for folder, inside, files in os.walk(root):
            here = Path(folder)
            inside[:] = sorted(d for d in inside if not d.startswith(".")) if len(here.parts) - depth < DEEPEST else []
            if here in seen:
                continue
            seen.add(here)
            for file in files:
                found[_spelling(file)].append(here / file)
            count += len(files)
            if count > MOST_FILES:
                return {}
    return found


def _by_last_part(name: str, index: dict[str, list[Path]]) -> list[Path]:
    parts = [_spelling(part) for part in cleaned(name).split("/")]
    found: list[Path] = []
    for last in dict.fromkeys((parts[-1], _UPLOAD.sub("", parts[-1], count=1))):
        found = index.get(last, [])
        if found:
            break
    shared = [_shared(path, parts) for path in found]
    # only folders of another machine may differ
    most = max(shared, default=0)
    if most < len(parts) - 1 and not _ODD.search(name):
        return []
    return [path for path, count in zip(found, shared) if count == most]


def _shared(path: Path, parts: Sequence[str]) -> int:
    folders = [_spelling(part) for part in path.parts[:-1]]
    count = 0
    for a, b in zip(reversed(folders), reversed(parts[:-1])):
        if a != b:
            break
        count += 1
    return count


def _spelling(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _reason(name: str) -> str:
    """Why a name was cleaned, for the error; "" where it was not."""
    if re.search(r"[?&]d=", name) or _SCHEME.match(name) or name.startswith("/data/upload/"):
        kind = "a Label Studio or web address"
    elif _DRIVE.match(name.replace("\\", "/")) or "\\" in name:
        kind = "a path of a Windows machine"
    elif name.startswith("/"):
        kind = "a path of another machine"
    elif ".." in name.split("/"):
        kind = "a path with `..`"
    else:
        return ""
    return f"file_name is {kind}, looked for as {plain(cleaned(name))} and less its first folders"
