"""What `zoopose COMMAND --help` and `--help-all` print."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator

from .flags import Flag, flags

COLUMN = 27  # where the help of a flag begins
NARROWEST, WIDEST = 60, 110


def help_page(options: type, prog: str, description: str, every: bool = False) -> str:
    """The page of a command: what it does, examples, and its flags by concern.

    Args:
        options: dataclass of its options.
        prog: what is typed to run it.
        description: its docstring: a paragraph, `Examples:`, and what else is to know.
        every: also the flags that are for experts.
    """
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    live = [flag for flag in flags(options) if not flag.ignored]
    shown = [flag for flag in live if every or not flag.typing.expert]
    words = [f"{flag.names[0]} " for flag in live if flag.positional]
    lines = [f"usage: {prog} {''.join(words)}[options]", "", *_described(description, width)]
    groups = list(dict.fromkeys(flag.group for flag in shown))
    for group in _in_order(options, groups):
        lines += ["", f"{group}:"]
        lines += [line for flag in shown if flag.group == group for line in _flag(flag, width, every)]
    hidden = len(live) - len(shown)
    if hidden:
        lines += ["", f"Options for experts, {hidden} more: {prog} --help-all"]
    return "\n".join(lines)


def examples(description: str) -> list[str]:
    """The examples in a docstring, each in one line."""
    return [text for kind, text in _parts(description) if kind == "example"]


def _in_order(options: type, groups: list[str]) -> list[str]:
    """Headings: those of `FIRST`, the command's own, and then those of its base classes in their order."""
    titles = [*getattr(options, "FIRST", ())]
    titles += [str(vars(kind)["TITLE"]) for kind in options.__mro__ if "TITLE" in vars(kind)]
    return [title for title in dict.fromkeys(titles + groups) if title in groups]


def _parts(description: str) -> Iterator[tuple[str, str]]:
    """("text", paragraph) and ("example", command line) in turn; an indented block is an example, its lines joined."""
    for block in re.split(r"\n\s*\n", inspect.cleandoc(description)):
        kind = "example" if block.startswith(" ") else "text"
        yield kind, " ".join(line.strip().removesuffix("\\").strip() for line in block.splitlines())


def _described(description: str, width: int) -> list[str]:
    lines: list[str] = []
    before = ""
    for kind, text in _parts(description):
        if lines and not (kind == "example" and before == "example"):
            lines += [] if before == "heading" else [""]
        if kind == "example":
            lines += command_lines(text, width)
        else:
            lines += textwrap.wrap(text, width, break_on_hyphens=False)
        before = "heading" if kind == "text" and text.endswith(":") else kind
    return lines


def command_lines(text: str, width: int) -> list[str]:
    """A command line over several lines that a shell takes as one."""
    whole = re.sub(r" (?!-)", "\0", text)  # a flag stays with its value
    lines = textwrap.wrap(whole, width - 8, break_long_words=False, break_on_hyphens=False)
    lines = [line.replace("\0", " ") for line in lines]
    return [f"  {line}" if not place else f"      {line}" for place, line in enumerate(_continued(lines))]


def _continued(lines: list[str]) -> list[str]:
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _flag(flag: Flag, width: int, every: bool) -> list[str]:
    """The lines of one flag; of its other names only the short one, unless all are wanted."""
    names = [name for place, name in enumerate(flag.names) if every or not place or not name.startswith("--")]
    text, metavar = flag.help + (f" [{flag.default}]" if flag.default else ""), flag.metavar
    head = "  " + ", ".join(names) + (f" {metavar}" if metavar and not flag.positional else "")
    if flag.choices and len(head) > COLUMN - 2:
        head, text = "  " + ", ".join(names) + " WORD", f"{metavar}: {text}"
    lines = textwrap.wrap(text, width - COLUMN, break_on_hyphens=False, break_long_words=False)
    if len(head) <= COLUMN - 2 and lines:
        head = head.ljust(COLUMN) + lines.pop(0)
    return [head, *(" " * COLUMN + line for line in lines)]
