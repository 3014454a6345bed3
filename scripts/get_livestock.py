"""LivestockKeypoints: fetch the published repository, or take a copy of it, and make the crops that zoopose reads."""

from __future__ import annotations

import zipfile
from pathlib import Path

from zoopose.commandline.parsing import warn_of_idle
from zoopose.datasets import livestock
from zoopose.errors import DataError
from zoopose.progress import log
from zoopose.scripts.download import fetch
from zoopose.scripts.get_data import GetOptions

URL = f"{livestock.PAGE}/archive/{livestock.COMMIT}.zip"


def get_livestock(options: GetOptions, root: Path) -> list[Path]:
    """Print the way to the crops, or make them; returns the files that are new.

    Args:
        options: of the command.
        root: folder for the crops.

    Raises:
        DataError: no connection, an archive of another commit, or a copy without the pictures.
    """
    warn_of_idle(
        options,
        [
            ("split", lambda o: True, "with livestock: it has no parts to choose"),
            ("run", lambda o: bool(o.from_folder), "with --from: nothing is fetched"),
            ("keep", lambda o: not o.run or bool(o.from_folder), "without --run: nothing is fetched"),
        ],
    )
    log.info("livestock: %s, commit %s, CC BY 4.0", livestock.PAGE, livestock.COMMIT[:7])
    new: list[Path] = []
    if livestock.made(root):
        log.info("there:  %s", ", ".join(str(root / name) for name in livestock.PARTS))
    elif options.from_folder:
        new = livestock.make_livestock(Path(options.from_folder).expanduser(), root)
        for difference in livestock.differences(root):
            log.warning("not the pictures of commit %s: %s", livestock.COMMIT[:7], difference)
    elif options.run:
        new = _fetch_and_make(root, options.keep)
    else:
        log.info("to fetch and crop it:  %s --root %s", livestock.GET, root)
        log.info("or, from a copy:       git clone %s", livestock.PAGE)
        log.info(
            "                       zoopose data get livestock --root %s --from Livestock-keypoint-detection", root
        )
    if livestock.made(root):
        log.info("%s", livestock.NOTICE.splitlines()[0])
        log.info("then:   zoopose demo --real %s, or zoopose data check coco:%s", root, root / "horse/train.json")
    return new


def _fetch_and_make(root: Path, keep: bool) -> list[Path]:
    root.mkdir(parents=True, exist_ok=True)
    archive = root / f"Livestock-keypoint-detection-{livestock.COMMIT[:7]}.zip"
    if not archive.is_file():
        log.info("fetching %s", URL)
        try:
            fetched = fetch(URL, archive, resume=True)
        except DataError as error:
            remedy = (
                f"{livestock.GET} --root {root} again: it goes on where it stopped; without a connection: clone the "
                "repository elsewhere, and zoopose data get livestock --from FOLDER"
            )
            raise DataError(error.expected, error.found, remedy) from error
        log.info("%d bytes, SHA-256 %s; no checksum is published", fetched.size, fetched.sha256)
    _check_commit(archive)
    new = livestock.make_livestock(archive, root)
    if found := livestock.differences(root):
        raise DataError(f"the pictures of commit {livestock.COMMIT[:7]}", "; ".join(found), f"see {livestock.PAGE}")
    log.info("recordings and joints of the crops are those of commit %s", livestock.COMMIT[:7])
    if not keep:
        archive.unlink()
    return new


def _check_commit(archive: Path) -> None:
    """Check that an archive made by Git is of the commit: Git writes the commit into the comment of a zip file.

    Raises:
        DataError: it is broken, or of another commit.
    """
    remedy = f"delete {archive} and type the command again"
    try:
        with zipfile.ZipFile(archive) as file:
            comment = file.comment.decode("ascii", "replace")
    except zipfile.BadZipFile as error:
        raise DataError("a zip archive that is whole", f"{archive}: {error}", remedy) from error
    if comment and comment != livestock.COMMIT:
        raise DataError(f"an archive of commit {livestock.COMMIT}", f"{archive} is of {comment}", remedy)
