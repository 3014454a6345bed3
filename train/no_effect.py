"""Options of training that have no effect with the others of a command; `warn_of_idle` warns of each that was given."""

from __future__ import annotations

from ..commandline.parsing import Rule
from .options import FitOptions, TrainOptions


def _never_standard(options: FitOptions) -> bool:
    return not options.augmentations & {"standard", "auto", "published", "recipe"}


def _never_falls(options: FitOptions) -> bool:
    """Whether the learning rate keeps its value: no epoch of --schedule lies within the run."""
    if isinstance(options, TrainOptions) and options.iterations:
        return False
    return all(epoch >= options.run_epochs for epoch in options.schedule)


# option, whether it has no effect, with what
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
