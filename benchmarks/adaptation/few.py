"""A few labelled pictures of a target, for an adaptation that may use them.

They come from the pictures that an oracle learns from, so that the scored held-out pictures stay unseen. The sets of a seed lie in
each other: the 20 pictures hold the 5.
"""

from __future__ import annotations

import json

import numpy as np

from zoopose.errors import DataError

from .data import Animals, ids_of, where, write


def few_labels(target: Animals, count: int, seed: int) -> tuple[str, str]:
    """Writes the labelled pictures, or finds them as they would be written.

    Args:
        target: a prepared animal.
        count: labelled pictures.
        seed: of the choice.

    Returns:
        The COCO file, and the file with the parts of the scored pictures: "all" are those that are not labelled here, "held" those
        that the oracle of fold 0 has not seen.

    Raises:
        DataError: an oracle of the target learns from fewer pictures.
    """
    run = target.run
    train, _, part = target.folds[0]
    data = json.loads((run / train).read_text(encoding="utf-8"))
    if len(data["images"]) < count:
        raise DataError(f"{count} labelled pictures of {target.name}", f"{len(data['images'])} in {train}")
    order = np.random.default_rng(seed).permutation(len(data["images"]))
    flags = np.isin(np.arange(len(order)), order[:count])
    chosen = set(ids_of(data, flags))
    parts = json.loads((run / target.parts).read_text(encoding="utf-8"))
    held = parts[part]
    if target.scored == target.target:
        scored = json.loads((run / target.scored).read_text(encoding="utf-8"))
        every = ids_of(scored, np.ones(len(scored["images"]), bool))
        parts = {"all": [i for i in every if i not in chosen], "held": held}
    else:
        parts = {"all": None, "held": held}
    name = f"data/{target.name}/few_{count}_seed{seed}"
    return write(run, f"{name}.json", where(data, flags)), write(run, f"{name}_parts.json", parts)
