"""Shows files of the repository's root, and links to files outside `docs/`, on the site without copies of them in git."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
# page of the site -> file of the root
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files, config, **_):
    """Add a page for every file of `PAGES`."""
    for page, name in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page, files, **_) -> str:
    """Turn links to files that are no pages into plain code: on GitHub they work, on the site there is nothing to open."""
    uri = page.file.src_uri
    folder = ROOT if uri in PAGES else (ROOT / "docs" / uri).parent
    page_of = {name: page for page, name in PAGES.items()}

    def shown(match: re.Match) -> str:
        words, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        path = (folder / target).resolve()
        if not path.exists():
            return match.group(0)  # a dead link: the strict build names it
        place = path.relative_to(ROOT).as_posix()
        target_uri = page_of.get(place) or (place.removeprefix("docs/") if place.startswith("docs/") else "")
        if target_uri and files.get_file_from_path(target_uri) is not None:
            return f"[{words}]({posixpath.relpath(target_uri, posixpath.dirname(uri))}{anchor})"
        return words if place in words else f"{words} (`{place}`)"

    return LINK.sub(shown, markdown)
