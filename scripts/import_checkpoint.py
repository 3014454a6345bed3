"""Make a checkpoint of this toolkit from a published one, so that every command takes it.

Examples:

    zoopose import --weights pose_hrnet_w32_256x192.pth --recipe coco/hrnet_w32_256x192 --out checkpoint/hrnet_w32.pth.tar

    zoopose test --dataset coco_person:coco --boxes gt --flip --resume checkpoint/hrnet_w32.pth.tar

    zoopose train --dataset coco:horse/train.json --init-weights checkpoint/hrnet_w32.pth.tar --inp-res 256

The recipe says what no tensor tells: which network this is, how it takes pictures, how its maps are read. Every tensor must fit.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

from zoopose.commandline.parsing import command
from zoopose.errors import OptionError, WeightsError
from zoopose.evaluation.network import joint_names
from zoopose.evaluation.published_results import comparison
from zoopose.pose import checkpoints, weights
from zoopose.pose.models import build_model, parse_options
from zoopose.pose.skeleton import COCO17, MPII16, Skeleton
from zoopose.progress import log
from zoopose.train.recipes import load_recipe, recipes

SKELETONS: dict[str, Skeleton] = {"coco_person": COCO17, "mpii": MPII16}


@dataclass(frozen=True)
class ImportOptions:
    """`zoopose import`."""

    weights: str = ""
    """the published file: a state dict, or a checkpoint that holds one"""
    recipe: str = ""
    """the published training it is from, e.g. coco/hrnet_w32_256x192"""
    arch_options: str = ""
    """numbers of the network other than the recipe's, NAME=VALUE,...: wasp=v1 for OmniPose's published weights"""
    joints: str = ""
    """names of its joints, in its order, where the recipe's data have others: NAME,NAME,... or a FILE with a name a line"""
    out: str = ""
    """file to write; default: WEIGHTS.zoopose.pth.tar beside the published one"""


def run(options: ImportOptions) -> Path:
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
    facts = {"method": "published", "recipe": recipe.name, "options": {}}
    facts["results"] = [result.to_dict() for result in recipe.results]
    weights.save(out, checkpoints.pack(model.eval(), recipe.arch, numbers, skeleton, spec, 0, -math.inf, None, facts))
    log.info("%s: %s of %s, %s joints -> %s", options.weights, loaded, recipe.arch, skeleton.name, out)
    flags = (" --flip" if recipe.flip_test else "") + ("" if recipe.nms else " --nms 1 --joint-threshold 0")
    for line in comparison(recipe.results):
        log.info("  %s", line)
    log.info("next: zoopose test --dataset %s:ROOT%s --resume %s", recipe.data, flags, out)
    return out


if __name__ == "__main__":
    sys.exit(command(run, ImportOptions, "import_checkpoint.py", __doc__))
