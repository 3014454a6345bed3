"""When PPLO labels anew: how epochs, rounds and shares of a batch follow from the options, and which options do not go together."""

from __future__ import annotations

from dataclasses import replace

from ...errors import OptionError
from ..options import PploOptions

EPOCHS = 30  # where nothing is said
THRESHOLD = 0.5  # of --select threshold


def with_defaults(options: PploOptions) -> PploOptions:
    """The options with the number of epochs and the threshold filled in.

    Raises:
        OptionError: numbers that do not fit each other, or an option that the chosen selection has no use for.
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
                "options that --select threshold has a use for",
                f"--{flag} {getattr(options, name)}",
                f"leave --{flag} out, or take --select quantile with --threshold",
            )
    if options.share_last < options.share_first:
        raise OptionError(
            "--share-last of at least --share-first", f"{options.share_first} to {options.share_last}, which shrinks"
        )
    if not 0 < options.source_ratio < 1:
        raise OptionError("--source-ratio between 0 and 1, both left out", f"{options.source_ratio}")


def round_at(epoch: int, rounds: int, epochs: int) -> int:
    """The round of an epoch, both counted from 0; lengths of rounds differ by one epoch at most."""
    return min(epoch * rounds // epochs, rounds - 1)


def batch_sizes(train_batch: int, ratio: float) -> tuple[int, int]:
    """Labelled and pseudo-labelled pictures of a batch of 2 x `train_batch`.

    Raises:
        OptionError: a batch too small to hold one of each in that ratio.
    """
    whole = 2 * train_batch
    labelled = round(whole * ratio)
    if not 0 < labelled < whole:
        raise OptionError(
            "a batch with a picture of each domain",
            f"--source-ratio {ratio:g} of {whole} pictures, which is {labelled}",
            "a larger --train-batch, or a --source-ratio nearer to 0.5",
        )
    return labelled, whole - labelled
