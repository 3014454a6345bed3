"""Makes the page "Command line" from the dataclasses of options when the site is built; `mkdocs.yml` names it as a hook."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import listing

MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, page, **_) -> str:
    """Put the tables in place of the mark. Other pages stay as they are."""
    if page.file.src_uri != "command_line.md":
        return markdown
    if MARK not in markdown:
        raise ValueError(f"docs/command_line.md: no {MARK}")
    commands = listing.commands()
    overview = ["| command | what it does |", "|---|---|"]
    overview += [f"| [`zoopose {c.name}`](#zoopose-{c.name.replace(' ', '-')}) | {c.line} |" for c in commands]
    return markdown.replace(MARK, "\n".join([*overview, *(line for c in commands for line in section(c))]))


def section(command: listing.Command) -> list[str]:
    """A command's heading, its docstring and a table for every group of its options."""
    lines = ["", f"## zoopose {command.name}", "", *text_of(command.text), ""]
    shown = sorted((f for f in command.flags if not f.ignored), key=lambda f: not f.positional)
    groups = dict.fromkeys(f.group for f in command.flags if not f.ignored)
    for group in groups:
        lines += [f"**{group}**", "", "| option | default | meaning |", "|---|---|---|"]
        lines += [row(flag) for flag in shown if flag.group == group] + [""]
    ignored = [f"`{name}`" for flag in command.flags if flag.ignored for name in flag.names]
    if ignored:
        lines += [
            f"Accepted and ignored, so that published commands run as they are written: {', '.join(ignored)}.",
            "",
        ]
    return lines


def row(flag: listing.Flag) -> str:
    """A line of the table."""
    names = ", ".join(f"`{name}`" for name in flag.names)
    meaning = flag.help + (f" ({', '.join(f'`{word}`' for word in flag.choices)})" if flag.choices else "")
    cells = (names, f"`{flag.default}`" if flag.default else "", meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def text_of(docstring: str) -> list[str]:
    """A docstring as Markdown: indented lines are code already, and each example becomes lines that a shell takes as one."""
    lines: list[str] = []
    for block in inspect.cleandoc(docstring).split("\n\n"):
        code = block.startswith(" ")
        lines += [
            "    " + line.strip() + (" \\" if code and place < block.count("\n") else "") if code else line
            for place, line in enumerate(block.splitlines())
        ] + [""]
    return lines[:-1]
