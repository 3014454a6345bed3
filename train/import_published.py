"""A published checkpoint as one of ours, with what its recipe says of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ..errors import OptionError, WeightsError
from ..evaluation.network import joint_names
from ..evaluation.published_results import comparison
from ..pose import checkpoints, weights
from ..pose.models import build_model, parse_options
from ..pose.skeleton import COCO17, MPII16, Skeleton
from ..progress import log
from .options import ImportOptions
from .recipes import load_recipe, recipes

SKELETONS: dict[str, Skeleton] = {"coco_person": COCO17, "mpii": MPII16}


def import_published(options: ImportOptions) -> Path:
    """Load strictly, and write what the commands take; returns the file.

    Raises:
        OptionError: an option is missing, or there is no such recipe.
        WeightsError: the file is not of the recipe's network.
    """
    if not options.weights or not options.recipe:
        raise OptionError(
            "a published file and the recipe it was trained with",
            f"--weights {options.weights or '(none)'}, --recipe {options.recipe or '(none)'}",
            f"--recipe NAME, out of {', '.join(recipes()[:6])}, ...; `zoopose import --help`",
        )
    recipe = load_recipe(options.recipe)
    names = joint_names(options.joints)
    spec, skeleton = recipe.spec, Skeleton("named", tuple(names)) if names else SKELETONS[recipe.data]
    numbers = {**recipe.options, **parse_options(recipe.arch, options.arch_options)}
    if spec.maps_per_joint != 1:
        numbers["maps_per_joint"] = spec.maps_per_joint
    model = build_model(recipe.arch, len(skeleton), **numbers)
    state = weights.read(options.weights)["state_dict"]
    try:
        loaded = weights.load_into(model, weights.to_our_names(recipe.arch, state), options.weights)
    except WeightsError as error:
        raise WeightsError(
            error.expected, error.found, "the recipe the file is from; or --arch-options, --joints"
        ) from error
    out = Path(options.out or f"{options.weights}.zoopose.pth.tar")
    facts: dict[str, Any] = {"method": "published", "recipe": recipe.name, "options": {}}
    facts["results"] = [result.to_dict() for result in recipe.results]
    weights.save(out, checkpoints.pack(model.eval(), recipe.arch, numbers, skeleton, spec, 0, -math.inf, None, facts))
    log.info("%s: %s of %s, %s joints -> %s", options.weights, loaded, recipe.arch, skeleton.name, out)
    flags = (" --flip" if recipe.flip_test else "") + ("" if recipe.nms else " --nms 1 --joint-threshold 0")
    for line in comparison(recipe.results):
        log.info("  %s", line)
    log.info("next: zoopose test --dataset %s:ROOT%s --resume %s", recipe.data, flags, out)
    return out
