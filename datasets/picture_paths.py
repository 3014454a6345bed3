"""Where the pictures of an annotation file lie: as the file names them, or as other tools and other machines name them.

The rule, first to last; a name is taken as soon as a file is found:

1. the name below the annotation file's folder, or `images/` in it; below the folder above, `images/` or `data/` in that; two
   folders up.
2. the name cleaned: `\\` is `/`; a drive (`C:`), a web address, and a leading `/` are taken off; of Label Studio's
   `/data/local-files/?d=a/b.png` only `a/b.png` is left; `%20` is a space. Then the cleaned name less its first folders, one by
   one: `C:\\Users\\me\\set\\images\\1.png` is looked for as `Users/me/set/images/1.png`, ..., `images/1.png`, `1.png`.
3. the same without the eight characters and the dash that Label Studio puts before the names of uploads.
4. where none of the names was found as it is: in all folders below the file's folder and below `images/` beside it (CVAT:
   `images/Train/1.png`), by the last part of the name, whatever its capitals and however its accents are composed. Of several files
   the one that shares most last folders with the name is meant, then the one in a folder that the annotation file is named after
   (`instances_Train.json`); where two are left, nothing is guessed.

A file that two names lead to is given to neither of those that were cleaned. A name with `..` never leads further up than two
folders above the annotation file; an absolute path is taken as it is.
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

from ..errors import DataError
from ..files import plain
from .tree import missing_tree

LOOKED_FOR = 20
MOST_FILES = 300_000  # below the searched folders
DEEPEST = 8  # folders
_EXIF_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]*/?")
_DRIVE = re.compile(r"[A-Za-z]:[/]*")
_ODD = re.compile(r"[\\:?%]|^/|(^|/)\.\.?(/|$)|(^|/)upload/\d+/")


@dataclass
class PicturePaths:
    """Where pictures lie.

    Attributes:
        folder: that most names start from.
        moved: name in the file -> path below `folder` or absolute, of those that lie elsewhere than folder/name.
    """

    folder: Path
    moved: dict[str, str] = field(default_factory=dict)

    def path_of(self, name: str) -> Path:
        """The picture of a name, whether it is there or not."""
        return self.folder / self.moved.get(name, name)


def folders_of(path: Path) -> list[Path]:
    """Where the names of an annotation file may start from, first to last."""
    here = path.absolute().parent
    above = here.parent
    return [here, here / "images", above, above / "images", above / "data", above.parent]


def find_pictures(path: Path, names: Sequence[str], needed: bool) -> PicturePaths:
    """Where the pictures lie that an annotation file names.

    Args:
        path: the annotation file.
        names: of its pictures.
        needed: False for a file that may come without them.

    Raises:
        DataError: none of some names, evenly spread, is there, or names that several pictures may be meant by.
    """
    folders, names = folders_of(path), list(dict.fromkeys(names))
    some = names[:: max(1, len(names) // LOOKED_FOR)]
    odd = any(_ODD.search(name) or not name.isascii() for name in names)
    for folder in folders:
        there = [is_file(folder / name) and not _leaves(folder / name, folders) for name in some]
        if all(there) and not odd:
            return PicturePaths(folder)
        if any(there):
            break
    else:
        folder = folders[0]
    places, found = _search(path, folder, folders, names)
    if found or not needed:
        return places
    entries = [(path.name, True), *((plain(name), False) for name in names[:3]), ("...", None)]
    others = ", ".join(str(folder) for folder in folders[1:])
    remedy = f"put the pictures beside the file as named in it (also looked in {others}), or correct file_name"
    reason = _reason(names[0])
    raise missing_tree(f"the pictures of {path}", folders[0], entries, f"{reason}; {remedy}" if reason else remedy)


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture as it is read, from its first bytes; None where there is none, or no picture."""
    if not is_file(path):
        return None
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            w, h = image.size
            if image.format == "TIFF":  # which some versions of Pillow have turned already
                w, h = image.tag_v2[256], image.tag_v2[257]
            return (h, w) if image.getexif().get(_EXIF_ORIENTATION) in _TURNED else (w, h)
    except (
        Exception
    ):  # a damaged header fails in Pillow's plugins with errors of many types; reading the picture names it
        return None


def cleaned(name: str) -> str:
    """A name as tools of other machines write it -> a path with / and without drive, address, query and `..`."""
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
    """Paths that a name may mean, the longest first, then those without Label Studio's eight characters."""
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
    places, lost, own = PicturePaths(folder), [], set()
    for name in names:
        if is_file(folder / name) and not _leaves(folder / name, folders):
            own.add(folder / name)
            continue
        found = _candidate(name, folders) if _ODD.search(name) else _composed_otherwise(name, folder)
        if found is not None:
            places.moved[name] = str(found)
        else:
            lost.append(name)
    if lost and not own and not places.moved:
        _search_below(path, folders, lost, places)
    twice = Counter([*map(str, own), *places.moved.values()])
    for name in names:
        if twice[places.moved.get(name, "")] > 1:
            del places.moved[name]
        if name not in places.moved and _leaves(folder / name, folders):
            places.moved[name] = cleaned(name) or "unnamed"  # not there, and never outside
    return places, bool(own) or any(map(is_file, map(places.path_of, places.moved)))


def _search_below(path: Path, folders: list[Path], names: Sequence[str], places: PicturePaths) -> None:
    """Rule 4, for names that no other rule has found.

    Raises:
        DataError: a name that may mean several files.
    """
    index, doubtful = _index(dict.fromkeys((folders[0], folders[3]))), []
    words = {_spelling(word) for word in re.split(r"[_\W]+", path.stem)}
    for name in names:
        found = _by_last_part(name, index)
        if len(found) > 1:
            named = [place for place in found if _spelling(place.parent.name) in words]
            found = named if len(named) == 1 else found
        if len(found) == 1:
            places.moved[name] = str(found[0])
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
    """The file whose name differs by how accents are composed: macOS takes them apart, others do not."""
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
    """Last part of the name in one spelling -> files below the roots."""
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
    own = [_spelling(part) for part in path.parts[:-1]]
    count = 0
    for a, b in zip(reversed(own), reversed(parts[:-1])):
        if a != b:
            break
        count += 1
    return count


def _spelling(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _reason(name: str) -> str:
    """What is odd about a name, in words."""
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
