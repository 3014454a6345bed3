"""Is there a run in the folder that this command continues?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..commandline.parsing import plain
from ..errors import OptionError
from ..evaluation.run_folder import RunFolder
from ..pose.checkpoints import Loaded
from ..progress import log
from .damaged_checkpoints import load_newest_undamaged
from .options import AdaptOptions, FitOptions, TrainOptions


def earlier_run(options: TrainOptions | AdaptOptions, method: str, last_name: str) -> Loaded | None:
    """The last checkpoint of the run folder, if this command is to continue that run; None to begin.

    Args:
        method: name of the method in checkpoints: train, ccssl, wscda, pplo.
        last_name: file name of the method's last checkpoint.

    Raises:
        OptionError: the folder holds a run of other options, which is not overwritten without --restart.
    """
    folder = RunFolder(options.checkpoint)
    path = folder.resumable(last_name)
    if options.restart or path is None:
        return None
    kept = path.name
    path, loaded = load_newest_undamaged(path, method)
    if same_run(loaded, options, method) and kept != last_name:
        return None  # killed within its first save: what a resume reads is written last
    if not same_run(loaded, options, method):
        before = loaded.state.get("zoopose", {}).get("run", {})
        now, then = resume_options(options), options.under_todays_names(before.get("options", {}))
        other = sorted(k for k in now if k in then and now[k] != then[k])
        found = ", ".join(f"--{k.replace('_', '-')} {then[k]} (now {now[k]})" for k in other[:4])
        raise OptionError(
            "a new run folder, or one with the same run to continue",
            f"{folder} holds a {before.get('method', 'published')} run{f' with {found}' if found else ''}",
            "another --checkpoint FOLDER, the options of that run, or --restart to replace the run",
        )
    if options.resume and Path(options.resume).resolve() != path.resolve():
        log.info("%s holds this run: going on with it, --resume %s is not read again", folder, options.resume)
    return loaded


def same_run(loaded: Loaded, options: FitOptions, method: str) -> bool:
    """Whether a checkpoint is of a run of this method with these options."""
    before = loaded.state.get("zoopose", {}).get("run", {})
    now, then = resume_options(options), options.under_todays_names(before.get("options", {}))
    return before.get("method") == method and all(then[k] == now[k] for k in now if k in then)


def resume_note(options: FitOptions, path: Path) -> str:
    """What a stopped run tells the user: where it is saved, and how to continue it."""
    saved = f"saved {path}" if path.is_file() else "stopped before the first checkpoint"
    return f"{saved}; the same command{' without --restart' if options.restart else ''} goes on from there"


def resume_options(options: FitOptions) -> dict[str, Any]:
    """The options that the result depends on: a resumed run must have the same."""
    return {
        k: v for k, v in plain(options).items() if k not in options.FREE and k not in getattr(options, "DEAD_FLAGS", ())
    }
