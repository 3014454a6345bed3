"""Options of training that have no effect beside the others of a command; each that was given is warned of (`warn_of_idle`)."""

from __future__ import annotations

from typing import Any

from ..commandline.parsing import Rule


def _augmented(options: Any) -> set[str]:
    """Names of the augmentations of a run; `auto` where the data decide."""
    return {
        getattr(options, name) for name in ("augment", "source_augment", "target_augment") if hasattr(options, name)
    }


def _never_standard(options: Any) -> bool:
    return not _augmented(options) & {"standard", "auto", "published", "recipe"}


def _never_falls(options: Any) -> bool:
    """Whether the rate keeps its value: no epoch of --schedule lies within the run."""
    epochs = getattr(options, "num_epochs", 0) or getattr(options, "epochs", 0)
    return not getattr(options, "iterations", 0) and all(epoch >= epochs for epoch in options.schedule)


# option, whether it has no effect, beside what
RULES: tuple[Rule, ...] = (
    ("momentum", lambda o: o.solver != "rms", "with --solver adam"),
    ("rms_alpha", lambda o: o.solver != "rms", "with --solver adam"),
    ("rms_eps", lambda o: o.solver != "rms", "with --solver adam"),
    ("schedule", lambda o: o.decay != "step", "without --decay step"),
    ("gamma", lambda o: o.decay != "step", "without --decay step"),
    ("schedule", lambda o: o.decay == "step" and o.schedule and _never_falls(o), "after the last epoch of the run"),
    ("gamma", lambda o: o.decay == "step" and _never_falls(o), "without an epoch of --schedule within the run"),
    ("shift_heatmap", lambda o: not o.flip, "without --flip: no picture is mirrored"),
    ("decay_norms", lambda o: o.weight_decay == 0, "without --weight-decay"),
    ("cache_folder", lambda o: o.cache_gib == 0, "with --cache-gib 0"),
    ("warmup_factor", lambda o: not o.warmup, "without --warmup"),
    ("scale_factor", _never_standard, "without standard augmentation"),
    ("rot_factor", _never_standard, "without standard augmentation"),
)
