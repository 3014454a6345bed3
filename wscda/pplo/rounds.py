"""Epochs, rounds and batch sizes of PPLO from its options, and the options that exclude each other."""

from __future__ import annotations

from dataclasses import replace

from ...errors import OptionError
from ..options import PploOptions

EPOCHS = 30  # default of --num-epochs
THRESHOLD = 0.5  # default of --threshold with --select threshold, height of a peak


def with_defaults(options: PploOptions) -> PploOptions:
    """The options with the defaults of --num-epochs and --threshold.

    Raises:
        OptionError: epochs and rounds contradict each other, or --select does not use an option.
    """
    rounds, every, epochs = options.rounds, options.refresh, options.num_epochs
    if every and epochs and epochs != rounds * every:
        raise OptionError(
            "--num-epochs that are --rounds times --refresh",
            f"{epochs} epochs, {rounds} rounds of {every}",
            "leave one of the three out",
        )
    epochs = epochs or (rounds * every if every else max(EPOCHS, rounds))
    if 0 < epochs < rounds:
        raise OptionError("at least one epoch a round", f"{epochs} epochs for {rounds} rounds", f"--rounds {epochs}")
    _refuse(options)
    threshold = options.threshold
    if threshold is None:
        threshold = THRESHOLD if options.select == "threshold" else 0.0
    return replace(options, num_epochs=epochs, threshold=threshold)


def _refuse(options: PploOptions) -> None:
    ignored = ("share_first", "share_last", "grow", "per") if options.select == "threshold" else ()
    for name in ignored:
        if getattr(options, name) != getattr(PploOptions, name):
            flag = name.replace("_", "-")
            raise OptionError(
                "options that --select threshold uses",
                f"--{flag} {getattr(options, name)}",
                f"leave --{flag} out, or use --select quantile with --threshold",
            )
    if options.share_last < options.share_first:
        raise OptionError("--share-last of at least --share-first", f"{options.share_first} to {options.share_last}")
    if not 0 < options.source_ratio < 1:
        raise OptionError("--source-ratio greater than 0 and less than 1", f"{options.source_ratio}")


def round_at(epoch: int, rounds: int, epochs: int) -> int:
    """The round of an epoch, both counted from 0. The lengths of two rounds differ by at most one epoch."""
    return min(epoch * rounds // epochs, rounds - 1)


def batch_sizes(train_batch: int, ratio: float) -> tuple[int, int]:
    """Number of labelled and of pseudo-labelled pictures in a batch of 2 x `train_batch`.

    Args:
        ratio: share of labelled pictures.

    Raises:
        OptionError: the batch is too small for a picture of each kind.
    """
    size = 2 * train_batch
    labelled = round(size * ratio)
    if not 0 < labelled < size:
        raise OptionError(
            "a batch with a picture of each domain",
            f"--source-ratio {ratio:g} of {size} pictures: {labelled} labelled pictures",
            "a larger --train-batch, or a --source-ratio closer to 0.5",
        )
    return labelled, size - labelled
