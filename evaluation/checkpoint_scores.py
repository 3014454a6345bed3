"""Scores of all checkpoints of a folder, and which of them is the best on these labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import WeightsError, ZooposeError
from ..files import atomic_path
from ..progress import log
from .options import TestOptions
from .protocol import Score, write_metrics
from .run_folder import RunFolder
from .score import MAIN

CHOSEN = "chosen on these labels: the best score is no honest estimate; choose on other data, and score the choice once"


def checkpoints_of(folder: Path) -> list[tuple[Path, list[str]]]:
    """The checkpoints of a folder by name, each once, with its further names (hard links of one file).

    Raises:
        WeightsError: there is none.
    """
    found: dict[tuple[int, int], tuple[Path, list[str]]] = {}
    for path in sorted([*folder.glob(RunFolder.CHECKPOINTS), *folder.glob("*.pth"), *folder.glob("*.pt")]):
        if path.name.startswith(".") or not path.is_file():
            continue  # a temporary file of a killed process
        about = path.stat()
        first = found.setdefault((about.st_dev, about.st_ino), (path, []))
        if first[0] != path:
            first[1].append(path.name)
    if not found:
        expected = f"checkpoints in the folder of --resume: {RunFolder.CHECKPOINTS}, *.pth or *.pt"
        raise WeightsError(expected, f"none in {folder}", "the run folder, or the file itself")
    return list(found.values())


def score_checkpoints(options: TestOptions, score: Callable[[TestOptions], dict[str, Score]]) -> dict[str, Score]:
    """Score every checkpoint of the folder that --resume names; returns the scores of the best one.

    Each checkpoint gets a subfolder of the test's folder, with all that a test writes. `checkpoints.json` holds the table,
    `metrics.json` (or --json) the scores of the best one. A file that cannot be scored is named, and the others are scored. The
    command then ends with the error (exit code 2) after everything is written.

    Args:
        score: scores one checkpoint and writes what a test writes.

    Raises:
        WeightsError: some file could not be scored.
        ZooposeError: none could.
    """
    folder = Path(options.resume)
    out = RunFolder(options.checkpoint or RunFolder(folder).test)
    rows, faults, best, scores_of_best = [], [], None, {}
    for path, also in checkpoints_of(folder):
        log.info("== %s", ", ".join([path.name, *also]))
        one_test = replace(options, resume=str(path), checkpoint=str(out / path.name.partition(".")[0]), json="")
        row: dict[str, Any] = {"file": path.name, "also": also}
        rows.append(row)
        try:
            scores = score(one_test)
        except ZooposeError as error:
            row["fault"] = f"{error.expected}; found {error.found}"
            faults.append((path, error))
            log.warning("%s is left out: %s", path, error.found)
            continue
        row["scores"] = {name: one.mean for name, one in scores.items()}
        row["folder"] = one_test.checkpoint
        if best is None or scores[MAIN].mean > best["scores"][MAIN]:
            best, scores_of_best = row, scores
    if best is None:
        raise faults[0][1]
    facts = {
        "dataset": options.dataset or options.dataset2 or options.dataset1,
        "chosen by": MAIN,
        "best": best["file"],
        "note": CHOSEN,
        "checkpoints": rows,
    }
    with atomic_path(out.checkpoint_scores) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")
    metrics = json.loads(RunFolder(best["folder"]).metrics.read_text(encoding="utf-8-sig"))
    chosen = {"checkpoint": best["file"], "out of": len(rows), "note": CHOSEN}
    write_metrics(Path(options.json) if options.json else out.metrics, {**metrics, "chosen": chosen})
    for line in _table(rows, best):
        log.info(line)
    log.warning("best of %d: %s, %s", len(rows), folder / best["file"], CHOSEN)
    log.info("table: %s", out.checkpoint_scores)
    if faults:
        named = "; ".join(f"{path}: {error.found}" for path, error in faults)
        raise WeightsError(
            f"{len(rows)} checkpoints that can be scored",
            f"{len(rows) - len(faults)} of them scored and written to {out}; left out: {named}",
            "take the files that are left out away",
        )
    return scores_of_best


def _table(rows: list[dict[str, Any]], best: Mapping[str, Any]) -> list[str]:
    """A line a checkpoint: its protocols' means in percent."""
    names = list(best["scores"])
    width = max(len(row["file"]) for row in rows)
    lines = ["", f"{'checkpoint':<{width}} " + " ".join(f"{name:>15}" for name in names)]
    for row in rows:
        if "fault" in row:
            lines.append(f"{row['file']:<{width}} could not be scored")
            continue
        means = " ".join(f"{100 * row['scores'].get(name, float('nan')):15.2f}" for name in names)
        lines.append(f"{row['file']:<{width}} {means}" + ("  <- best" if row is best else ""))
    return lines
