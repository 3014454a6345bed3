"""Where and with which code something was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import torch

import zoopose


def machine(accelerator: str, jobs: int, threads: int) -> str:
    """Processor, or GPU where one computes; torch; how many runs at once."""
    if accelerator != "cpu" and torch.cuda.is_available():
        where = torch.cuda.get_device_name()
    else:
        where = f"{_processor()}, {jobs * threads} threads, {jobs} {'runs' if jobs > 1 else 'run'} at once"
    return f"{where}, torch {torch.__version__.partition('+')[0]}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or f"{platform.machine()}, {os.cpu_count()} processors"


def code_version() -> str:
    """Version of zoopose, and the commit where the code is a git checkout; `-dirty` after files that are tracked were changed."""
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],
        capture_output=True, text=True, check=False,
    ) if _has_git() else None  # fmt: skip
    commit = found.stdout.strip() if found is not None and found.returncode == 0 else ""
    return f"{zoopose.__version__} {commit}".strip()


def _has_git() -> bool:
    return any((folder / ".git").exists() for folder in Path(__file__).resolve().parents)
