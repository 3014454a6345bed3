"""Print where a data set comes from, and the commands to get it; or download it into the folders that zoopose reads.

Examples:

    zoopose data get coco_person

    zoopose data get coco_person --root ./animal_data/coco2017 --split valid --run

    zoopose data get animal_pose

    zoopose data get livestock --run

    zoopose data get livestock --from Livestock-keypoint-detection

Without --run nothing is downloaded. If a data set has no public address, the command prints whom to ask. livestock is the public
data of the adaptation benchmark and of `zoopose demo --real`: crops of horses and cattle, read as coco:FILE.
"""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from zoopose.commandline.flags import flag, positional
from zoopose.commandline.parsing import command, warn_of_idle
from zoopose.errors import OptionError
from zoopose.progress import log


@dataclass(frozen=True)
class GetOptions:
    """`zoopose data get`."""

    TITLE: ClassVar[str] = "Data set"

    data: Annotated[str, positional("NAME")]
    """the data set's name"""
    root: Annotated[str, flag(metavar="FOLDER")] = ""
    """folder for the data set; default: a folder of ./animal_data/ with its name"""
    split: Literal["train", "valid", "all"] = "all"
    """part whose pictures are downloaded, if the parts are separate files"""
    run: bool = False
    """download the data set; default: print the commands to get it"""
    keep: bool = False
    """keep the archives after unpacking"""
    from_folder: Annotated[str, flag("--from", metavar="FOLDER|ZIP")] = ""
    """copy of the published repository (for livestock); nothing is downloaded"""


@dataclass(frozen=True)
class Archive:
    """A file with a public address.

    Attributes:
        url: where it is.
        size: as its page states it.
        makes: what it adds to the tree, below ROOT; present means there is nothing to fetch.
        split: the part it belongs to; "" for all.
        sha256: as published; "" where none is.
    """

    url: str
    size: str
    makes: tuple[str, ...]
    split: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class DownloadSource:
    """How a data set is got.

    Attributes:
        folder: of ./animal_data/, where it goes by default; "" for the folder itself.
        page: where to read about it.
        archives: what can be fetched.
        by_hand: what cannot, and what to do.
    """

    folder: str
    page: str
    archives: tuple[Archive, ...] = ()
    by_hand: str = ""


LIVESTOCK = "livestock"  # fetched and cropped by `get_livestock`; its files are read as coco:FILE
_COCO = "http://images.cocodataset.org"
_COCO_SOURCE = DownloadSource(
    "coco2017",
    "https://cocodataset.org/#download",
    (
        Archive(
            f"{_COCO}/annotations/annotations_trainval2017.zip",
            "241 MB",
            tuple(f"annotations/{kind}_{part}2017.json" for kind in ("person_keypoints", "instances") for part in ("train", "val")),
        ),
        Archive(f"{_COCO}/zips/val2017.zip", "1 GB", ("val2017",), "valid"),
        Archive(f"{_COCO}/zips/train2017.zip", "18 GB", ("train2017",), "train"),
    ),
)  # fmt: skip
_TIGDOG_SOURCE = DownloadSource(
    "",
    "http://calvin-vision.net/datasets/tigdog/",
    by_hand="No address of its archive is known that can be fetched by a program: download it from its page, unpack it, and put\n"
    "behaviorDiscovery2.0 into ROOT. Where the page is gone ask its authors (L. Del Pero, V. Ferrari).",
)
_RENDERED_SOURCE = DownloadSource(
    "",
    "https://github.com/JitengMu/Learning-from-Synthetic-Animals",
    by_hand="The published links are reported dead: ask the authors (J. Mu, A. Yuille; issue 17 of that page).\n"
    "`zoopose data make` draws animals of our own into the same tree.",
)
DOWNLOAD_SOURCES: dict[str, DownloadSource] = {
    "coco_person": _COCO_SOURCE,
    "coco_animals": _COCO_SOURCE,
    "synthetic_animal_sp_multitask": _RENDERED_SOURCE,
    "synthetic_animal_multitask": _RENDERED_SOURCE,
    "mpii": DownloadSource(
        "mpii",
        "http://human-pose.mpi-inf.mpg.de",
        (
            Archive(
                "https://datasets.d2.mpi-inf.mpg.de/andriluka14cvpr/mpii_human_pose_v1.tar.gz", "12.9 GB", ("images",)
            ),
        ),
        "annot/train.json, annot/valid.json and annot/gt_valid.mat are those of SimpleBaseline: its page\n"
        "https://github.com/microsoft/human-pose-estimation.pytorch links to OneDrive and Google Drive. Download them in\n"
        "a browser, and put them into ROOT/annot/.",
    ),
    "animal_pose": DownloadSource(
        "animal_pose",
        "https://github.com/noahcao/animal-pose-dataset",
        by_hand="It is on Google Drive, and its page has the link. Download `Part I` in a browser, and put keypoints.json and\n"
        "images/ into ROOT. If the link does not work, ask the authors (J. Cao), as the page says.",
    ),
    "real_animal": _TIGDOG_SOURCE,
    "real_animal_sp": _TIGDOG_SOURCE,
    "real_animal_crop": DownloadSource(
        "",
        _TIGDOG_SOURCE.page,
        by_hand="It is cut from TigDog (zoopose data get real_animal):\n"
        "python -c \"from zoopose.datasets.tigdog import write_crops; write_crops('ROOT', 'horse')\"",
    ),
    "synthetic_animal": _RENDERED_SOURCE,
    "synthetic_animal_sp": _RENDERED_SOURCE,
}


def run(options: GetOptions) -> list[Path]:
    """Print the way to a data set, or go it; returns the folders and files that are new.

    Raises:
        OptionError: a set that is not known, or --run where nothing can be fetched.
        DataError: see `download`.
    """
    name, _, path = options.data.partition(":")
    known = [*DOWNLOAD_SOURCES, LIVESTOCK]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        expected = f"a data set out of {', '.join(known)} (coco, images and video are your own)"
        raise OptionError(expected, repr(options.data), f"zoopose data get {near[0]}" if near else "")
    folder = LIVESTOCK if name == LIVESTOCK else DOWNLOAD_SOURCES[name].folder
    root = Path(options.root or path or Path("animal_data") / folder).expanduser()
    if options.root and path and Path(options.root) != Path(path):
        raise OptionError(
            "one folder", f"--root {options.root} and {options.data}", f"zoopose data get {name} --root {path}"
        )
    if name == LIVESTOCK:
        from zoopose.scripts.get_livestock import get_livestock

        return get_livestock(options, root)
    return _get_source(options, name, root)


def _get_source(options: GetOptions, name: str, root: Path) -> list[Path]:
    """Print the way to a data set of the table, or go it; returns the folders and files that are new."""
    source = DOWNLOAD_SOURCES[name]
    rules = [
        ("split", lambda o: not any(a.split for a in source.archives), f"with {name}: its parts do not come apart"),
        ("keep", lambda o: not o.run, "without --run: nothing is fetched"),
        ("from_folder", lambda o: True, f"with {name}: only livestock is made from a copy"),
    ]
    warn_of_idle(options, rules)
    wanted = [a for a in source.archives if options.split == "all" or a.split in ("", options.split)]
    missing = [a for a in wanted if not all((root / entry).exists() for entry in a.makes)]
    log.info("%s: %s", name, source.page)
    for archive in wanted:
        if archive not in missing:
            log.info("there:  %s", ", ".join(str(root / entry) for entry in archive.makes))
    if options.run and not source.archives:
        raise OptionError("a data set with a public address", f"{name} has none", source.by_hand)
    new = [path for archive in missing for path in _get(archive, root, options.keep)] if options.run else []
    if missing and not options.run:
        _print_commands(missing, root, name, options.split)
    if source.by_hand:
        log.info("by hand, with ROOT %s:\n%s", root, source.by_hand)
    log.info("then:   zoopose data check %s:%s", name, root)
    return new


def _print_commands(archives: list[Archive], root: Path, name: str, split: str) -> None:
    log.info("to fetch %s:", " and ".join(archive.size for archive in archives))
    log.info("        zoopose data get %s --root %s --split %s --run", name, root, split)
    log.info("or      mkdir -p %s && cd %s", root, root)
    for archive in archives:
        file_name = archive.url.rpartition("/")[2]
        tool = "unzip -q" if file_name.endswith(".zip") else "tar xf"
        log.info("        curl -fLO %s && %s %s && rm %s", archive.url, tool, file_name, file_name)
        log.info("        %s", f"SHA-256 {archive.sha256}" if archive.sha256 else "(no checksum is published)")


def _get(archive: Archive, root: Path, keep: bool) -> list[Path]:
    from zoopose.scripts.download import fetch, unpack

    root.mkdir(parents=True, exist_ok=True)
    file_name = archive.url.rpartition("/")[2]
    log.info("fetching %s (%s)", archive.url, archive.size)
    fetched = fetch(archive.url, root / file_name, archive.sha256)
    checked = "as published" if archive.sha256 else "no checksum is published to compare it with"
    log.info("%s: %d bytes, SHA-256 %s, %s", fetched.path, fetched.size, fetched.sha256, checked)
    count = unpack(fetched.path, root)
    log.info("%d files unpacked into %s", count, root)
    if not keep:
        fetched.path.unlink()
    return [root / entry for entry in archive.makes]


if __name__ == "__main__":
    sys.exit(command(run, GetOptions, "get_data.py", __doc__))
