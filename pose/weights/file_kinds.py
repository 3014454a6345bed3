"""Recognise files that are not checkpoints: a failed download, another format, an archive with a checkpoint inside."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

HEAD = 1024  # bytes from the start of a file that are looked at
_LEGACY = (
    b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number at the start of files of torch.save before it wrote zip archives
)
_WEIGHTS = (".pth", ".pt", ".tar", ".bin", ".ckpt", ".pkl")
# torch.save compresses nothing: an archive that unpacks to more than this many times its size is damaged or another program's
_MOST_EXPANSION = 100


@dataclass(frozen=True)
class Kind:
    """A kind of file that is not a checkpoint: what it is, and what the user can do."""

    what: str
    remedy: str


_DOWNLOAD = "download the file itself: a link to a page, or one that asks for a login, gives a page"
_NAME_INSIDE = "and name the checkpoint inside"
# first bytes -> kind
_BEGINNINGS: dict[bytes, Kind] = {
    b"version https://git-lfs": Kind(
        "a Git LFS pointer, not the file that it stands for",
        "git lfs install && git lfs pull, in the repository it is from",
    ),
    b"\x89HDF\r\n\x1a\n": Kind("an HDF5 file (Keras, MATLAB or data)", "export the weights as a PyTorch state dict"),
    b"\x1f\x8b": Kind("a gzip archive", f"unpack it (tar xzf FILE, or gunzip FILE) {_NAME_INSIDE}"),
    b"BZh": Kind("a bzip2 archive", f"unpack it (tar xjf FILE) {_NAME_INSIDE}"),
    b"\xfd7zXZ\0": Kind("an xz archive", f"unpack it (tar xJf FILE) {_NAME_INSIDE}"),
    b"\x28\xb5\x2f\xfd": Kind("a zstd archive", f"unpack it (tar --zstd -xf FILE) {_NAME_INSIDE}"),
    b"7z\xbc\xaf\x27\x1c": Kind("a 7z archive", f"unpack it {_NAME_INSIDE}"),
    b"Rar!": Kind("a RAR archive", f"unpack it {_NAME_INSIDE}"),
    b"\x93NUMPY": Kind("a NumPy array (.npy)", "name the checkpoint"),
    b"\x89PNG": Kind("a PNG picture", "name the checkpoint"),
    b"\xff\xd8\xff": Kind("a JPEG picture", "name the checkpoint"),
    b"%PDF": Kind("a PDF document", _DOWNLOAD),
}


def kind_of(path: Path) -> Kind | None:
    """The kind of a file; None where it may be a checkpoint (an archive or a pickle of torch.save, perhaps damaged)."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if not head:
        return Kind("empty: 0 bytes", "download or copy it again")
    if not head.strip(b"\0"):
        return Kind("full of zero bytes, as an interrupted download leaves it", "download or copy it again")
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    if head.startswith(b"PK"):
        return _kind_of_archive(path)
    if head[257:262] == b"ustar":
        return Kind("a tar archive", "unpack it (tar xf FILE) and name the checkpoint inside")
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= size - 8:
        convert = "from safetensors.torch import load_file; torch.save(load_file('FILE'), 'FILE.pth')"
        return Kind("a safetensors file", f'python -c "import torch; {convert}", then name FILE.pth')
    if head.startswith(b"\x80"):
        if _LEGACY in head[:64]:
            return None
        remedy = "load it with the program that wrote it, and save the tensors: torch.save(state_dict, 'FILE.pth')"
        return Kind("a pickle that torch.save did not write", remedy)
    unknown = f"no file of torch.save: it begins with the bytes {head[:8].hex(' ')}"
    return _kind_of_text(head) or Kind(unknown, "download or copy it again")


def _kind_of_archive(path: Path) -> Kind | None:
    """None for an archive of torch.save, and for one that cannot be opened (see `archive_fault`)."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises several errors for a damaged directory
        return None
    inner = [name.split("/", 1)[-1] for name in names]
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return Kind(
            "a TorchScript program", "save its tensors: torch.save(torch.jit.load('FILE').state_dict(), 'FILE.pth')"
        )
    if "data.pkl" in inner:
        return None
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    remedy = f"unzip it and name {weights[0]}" if weights else "name the checkpoint"
    shown = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else "nothing"
    return Kind(f"a zip archive of another kind, with {shown} in it", remedy)


def _kind_of_text(head: bytes) -> Kind | None:
    """The kind of a text; None where the bytes are not text."""
    try:
        text = head.decode("utf-8-sig", errors="strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    if any(ord(c) < 32 and c not in "\t\r\n\f" for c in text):
        return None
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return Kind("a web page (HTML), as a failed download leaves it", _DOWNLOAD)
    if start.startswith("<"):
        return Kind("an XML text, as a failed download leaves it", _DOWNLOAD)
    if start.startswith(("{", "[")):
        return Kind(
            "a JSON text", "name the checkpoint; a JSON text in its place may be the answer of a failed download"
        )
    line = next(iter(text.strip().splitlines()), "")[:40]
    return Kind(f"a text that begins with {line!r}", "name the checkpoint, or download it again")


def archive_fault(path: Path) -> str:
    """Say where an archive of torch.save is damaged, by the checksum of each of its parts. torch.load does not check these.

    Returns:
        A sentence. An empty text where nothing is wrong, where the file is not an archive, or where it was saved without
        checksums (all of them are 0).
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return ""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if sum(part.file_size for part in parts) > _MOST_EXPANSION * path.stat().st_size + 2**20:
                return "its parts claim to be larger than they can be"
            if not any(part.CRC for part in parts):
                return ""
            bad = archive.testzip()
    except MemoryError:
        raise
    except Exception as error:  # zipfile raises several errors for a damaged directory
        return f"it is cut short, or its table of contents is broken ({error or type(error).__name__})"
    return f"the bytes of {bad} in it are not those that were written" if bad else ""
