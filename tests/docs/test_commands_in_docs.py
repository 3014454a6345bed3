"""What the documentation tells to type and where it points: commands, options, files, modules and links, against what is there."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from zoopose.tests.docs.command_lines import GENERAL, PROGRAMS, ROOT, CommandLine, faults, flags_of, zoopose_command

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "datasets/*.md", "checkpoint/*.md", "benchmarks/**/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)
# history: names of earlier versions stay as they were
HISTORY = {"CHANGELOG.md"}
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4,}\S.*\n?)+", re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
LINK = re.compile(r"\[[^\]]+\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")
FILE = re.compile(r"[\w.-]+(?:/[\w.<>-]+)*\.(?:py|sh|toml|md|yml|j2|txt)|(?:[a-z_]+/)+")


def code_of(text: str) -> list[str]:
    """Blocks of shell code and code spans of a page."""
    blocks = [body for _, language, body in FENCED.findall(text) if language in ("", "bash", "sh")]
    rest = FENCED.sub("", text)
    blocks += INDENTED.findall(rest)
    return blocks + [" ".join(span.split()) for span in SPAN.findall(rest)]


def commands_in(text: str) -> list[CommandLine]:
    """Every command of ours in the code of a page."""
    found = []
    for line in "\n".join(code_of(text)).replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:
                continue
            while words and (
                words[0] in ("uv", "run", "--no-sync", "pip", "install") or re.match(r"[A-Z_]+=", words[0])
            ):
                words = words[1:]
            found += _command(words)
    return found


def _command(words: list[str]) -> list[CommandLine]:
    if any("<" in word for word in words):  # `zoopose mpii 0/<file name>`: a text, not a command
        return []
    if words[:1] == ["zoopose"] and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
        return [zoopose_command(words[1:])]
    if words[:1] == ["python"]:
        program, rest = (words[2], words[3:]) if words[1:2] == ["-m"] else (words[1], words[2:])
        if program in PROGRAMS:
            return [CommandLine(program, PROGRAMS[program], tuple(rest))]
        if program.endswith(".py") and not (ROOT / program).is_file():
            return [CommandLine(program, "", ())]
    return []


def found_faults(text: str) -> list[str]:
    """What is wrong with the commands of a page."""
    lines = commands_in(text)
    return [f"{line.program}: no such command" for line in lines if not line.options] + [
        fault for line in lines if line.options for fault in faults(line)
    ]


@cache
def benchmark_flags() -> set[str]:
    """The options of the scripts in `benchmarks`, as they stand in their sources."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")]
    return {flag for text in texts for flag in re.findall(r'"(--[a-z-]+)"', text)}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def spans_of(page: str) -> list[str]:
    """Code spans of a page."""
    return [" ".join(span.split()) for span in SPAN.findall(FENCED.sub("", text_of(page)))]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_the_options_that_a_page_writes(page):
    assert found_faults(text_of(page)) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in HISTORY])
def test_every_option_that_a_page_names_is_there(page):
    others = {"--dist", "--strict", "--extra", "--no-sync", "--shm-size", "--timeout", "--no-python", *GENERAL}
    known = others | set(flags_of("")) | (benchmark_flags() if page.startswith("benchmarks") else set())
    named = [span.split()[0].partition("=")[0] for span in spans_of(page) if span.startswith("--")]
    assert [name for name in named if name not in known] == []


# files of a run, of other code and of examples, which are not in the repository
NOT_OURS = re.compile(
    r"tensorboard/|(?:predictions/)?overlays/|test\.py|train\.py|CCSSL\.py|log\.txt|my\.toml|\w*idxs.*|pred\.mat|ranges\.mat|animalpose.*|(?:PATH|FILE|OUT|ROOT|RUN|runs|NAME).*|sample\.py"
)


def is_there(name: str, page: str) -> bool:
    """Whether a file or folder is in the repository: from the root, or from the page's folder."""
    return (ROOT / name).exists() or (ROOT / page).parent.joinpath(name).exists()


@pytest.mark.parametrize("page", [page for page in PAGES if page.split("/")[0] not in HISTORY | {"datasets"}])
def test_every_file_that_a_page_names_is_there(page):
    named = [span for span in spans_of(page) if FILE.fullmatch(span) and not NOT_OURS.fullmatch(span)]
    assert [name for name in named if not is_there(name, page)] == []


def module_file(module: str) -> Path | None:
    """Source of a module below `zoopose`, or None."""
    path = ROOT.joinpath(*module.split("."))
    found = [p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()]
    return found[0] if found else None


def names_in(path: Path) -> set[str]:
    """What a module defines or imports at its top level."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def missing_module(dotted: str) -> bool:
    """Whether `room.module` or `room.module.name` names nothing of the package."""
    for parts in (dotted.split("."), dotted.split(".")[:-1]):
        if parts and (path := module_file(".".join(parts))):
            rest = dotted.split(".")[len(parts) :]
            return bool(rest) and rest[0] not in names_in(path)
    return True


ROOMS = {p.name for p in ROOT.iterdir() if (p / "__init__.py").is_file()} | {"errors", "files", "progress", "cli"}
DOTTED = re.compile(r"(?:zoopose\.)?([a-z_]+(?:\.\w+)+)(?:\(.*\))?")


def dotted_names(texts: list[str]) -> list[str]:
    """The modules and members of modules of ours among some texts, without `zoopose.`."""
    found = [match[1] for text in texts if (match := DOTTED.fullmatch(text))]
    suffixes = ("py", "md", "toml", "sh", "json", "csv", "txt", "h5", "html", "pth", "tar", "npy", "png", "yml")
    return [name for name in found if name.split(".")[0] in ROOMS and name.split(".")[-1] not in suffixes]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in HISTORY])
def test_every_module_that_a_page_names_is_there(page):
    imported = re.findall(r"^from (zoopose[\w.]*) import ([\w, ]+)", text_of(page), re.MULTILINE)
    names = dotted_names(spans_of(page))
    names += [f"{module.partition('.')[2]}.{name.strip()}" for module, line in imported if "." in module
              for name in line.split(",")]  # fmt: skip
    assert [name for name in names if missing_module(name)] == []


NAME_OF_FILE = re.compile(r"`(\w+)`(?:,? and `(\w+)`)?\s+(?:in|of)\s+`([\w/]+\.py)`")


@pytest.mark.parametrize("page", PAGES)
def test_every_name_that_a_page_places_in_a_file_is_in_it(page):
    missing = []
    for *names, path in NAME_OF_FILE.findall(text_of(page)):
        text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
        missing += [f"{name} in {path}" for name in names if name and not re.search(rf"\b{name}\b", text)]
    assert missing == []


CALL = re.compile(r"^\| (?:\d )?(`\w+`.*?) \| (`.*?) \|", re.MULTILINE)


def test_the_calls_from_a_command_to_a_loss_are_in_their_files():
    rows = CALL.findall(
        text_of("CONTRIBUTING.md").partition("How a command reaches a loss")[2].partition("## How do I")[0]
    )
    for calls, files in rows:
        texts = "".join((ROOT / name).read_text(encoding="utf-8") for name in re.findall(r"`([\w/]+\.py)`", files))
        missing = [name for name in re.findall(r"`(_?[a-z_]+)`(?! *\))", calls) if f"def {name}(" not in texts]
        assert not texts or missing == [], (calls, files)
    assert len(rows) >= 6


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them; and the names after `:::`."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    described = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    objects = re.findall(r"^::: (\S+)$", text, re.MULTILINE)  # the site makes an anchor for each
    return (
        {*objects}
        | {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip()) for title in titles}
        | set(described)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    dead = []
    for target, anchor in LINK.findall(FENCED.sub("", text_of(page))):
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists() or anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            dead.append(f"{target}#{anchor}")
    assert dead == []


def test_every_page_that_the_code_names_is_there():
    files = [p for p in (*ROOT.rglob("*.py"), *ROOT.rglob("*.sh")) if not p.relative_to(ROOT).parts[0].startswith(".")]
    named = {(p.name, page) for p in files for page in re.findall(r"docs/[\w/]+\.md", p.read_text(encoding="utf-8"))}
    assert [(name, page) for name, page in sorted(named) if not (ROOT / page).is_file()] == []


@pytest.mark.parametrize(
    "text, fault",
    [
        ("```\nzoopose train --chekpoint y\n```", "zoopose train has no --chekpoint"),
        ("1. one\n\n    zoopose data check coco:a.json --sheets b.png\n", "zoopose data check has no --sheets"),
        ("Type `zoopose train --solver sgd`.", "zoopose train --solver sgd: not one of rms, adam"),
        ("```\npython train/train.py --year 2015\n```", "train/train.py --year does nothing"),
        ("`zoopose trian --dataset x`", "zoopose trian: no such command"),
        ("`python train/trian.py`", "train/trian.py: no such command"),
    ],
)
def test_a_wrong_command_is_found(text, fault):
    assert found_faults(text) == [fault]


def test_a_wrong_name_is_found():
    assert dotted_names(["zoopose.pose.nothing", "pose.codecs.CODECS", "metrics.json"]) == [
        "pose.nothing",
        "pose.codecs.CODECS",
    ]
    assert missing_module("pose.nothing") and not missing_module("pose.codecs.CODECS")
    assert missing_module("pose.codecs.NOTHING") and not missing_module("pose.codecs")


def test_the_pages_have_commands():
    counted = {page: len(commands_in(text_of(page))) for page in PAGES}
    assert counted["README.md"] >= 10 and counted["docs/own_animals.md"] >= 6
