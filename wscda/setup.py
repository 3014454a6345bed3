"""Putting a WS-CDA run together from its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lightning_fabric import Fabric

from ..commandline.parsing import given as is_given
from ..commandline.parsing import warn_nothing
from ..datasets.open import check_joints, has_splits
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.data import open_target, use_pairs_of
from ..evaluation.network import load_network, refuse_joints
from ..pose import checkpoints
from ..pose.checkpoints import Loaded
from ..pose.input_spec import InputSpec
from ..pose.skeleton import Skeleton
from ..pose.transfer import transfer_to_joints
from ..progress import log
from ..train import network as building
from ..train.data import labelled_data, training_and_validation
from ..train.feeds.crops import CropFeed, cache_for
from ..train.feeds.labelled import augmentation_for, encoding_of, trains_hidden
from ..train.run_state import Run
from ..train.supervised import LOSSES
from .discriminator import DiscriminatorTrainer
from .network import WscdaNetwork, human_head
from .options import WscdaOptions
from .probe import Probe, domain_probe
from .report import write_probes
from .step import WscdaStep


@dataclass
class Domains:
    """The data of a run; those that are absent are None.

    Attributes:
        human, animal: labelled; target: without labels.
        valid: labelled, of the joints of the main network.
    """

    human: PoseDataset | None
    animal: PoseDataset | None
    target: PoseDataset | None
    valid: PoseDataset

    def with_pairs_of(self, skeleton: Skeleton, options: WscdaOptions) -> Domains:
        """The same data, with the left/right pairs of a network where their joints are its joints, see `use_pairs_of`."""
        main, valid = (use_pairs_of(data, skeleton, options) for data in (self.main, self.valid))
        target = None if self.target is None else use_pairs_of(self.target, skeleton, options)
        human, animal = (main, None) if self.animal is None else (self.human, main)
        return Domains(human, animal, target, valid)

    @property
    def main(self) -> PoseDataset:
        """The labelled data whose joints the main network has: animals, where there are any."""
        return self.human if self.animal is None else self.animal

    def named(self) -> dict[str, PoseDataset]:
        """Those that train, in the order in which a batch holds them."""
        found = {"human": self.human, "animal": self.animal, "target": self.target}
        return {name: data for name, data in found.items() if data is not None}

    def skeletons(self) -> list[Skeleton]:
        """Joints of the labelled domains."""
        return [data.skeleton for data in (self.human, self.animal) if data is not None]

    def human_skeleton(self) -> dict | None:
        """Joints of the human head, plain data."""
        return self.human.skeleton.to_dict() if self.human is not None and self.animal is not None else None

    def describe(self) -> dict[str, Mapping[str, Any]]:
        """Facts by domain, for banner and report."""
        return {name: data.describe() for name, data in {**self.named(), "validation": self.valid}.items()}


# loss -> beta where none is given. With `mean` it is the paper's. The gradient of `balanced` at the feature map is 4.1 times that
# of `mean`, that of `ohkm` 0.9 times (medians over 12 batches of horses, one hourglass of width 40, 96 px), so 120 would pull as
# the paper does with `balanced`. Measured on two pairs of livestock 120 costs the labelled animals 2.7 points, 500 nothing
# (docs/methods/wscda.md).
BETA = {"balanced": 500.0, "mean": 500.0, "ohkm": 500.0}


def loss_name(options: WscdaOptions) -> str:
    """The loss that --loss means here."""
    return "balanced" if options.loss == "auto" else options.loss


def with_defaults(options: WscdaOptions) -> WscdaOptions:
    """The options with the weight of the pose loss filled in, as its loss has it.

    Raises:
        OptionError: a loss for which alpha and beta are no weights.
    """
    loss = loss_name(options)
    if loss not in BETA:
        raise OptionError(
            "a loss that is a mean over labelled joints, for which alpha and beta are weights",
            f"--loss {loss}",
            "--loss balanced or --loss mean",
        )
    return replace(options, beta=BETA[loss]) if options.beta is None else options


def check(options: WscdaOptions) -> None:
    """Refuse what cannot work before anything is opened.

    Raises:
        OptionError: no labelled domain, or weights of the same sign.
    """
    if not options.source and not options.human:
        raise OptionError(
            "labelled data: --source, --human, or both", "neither", "--source coco:PATH.json --target images:FOLDER"
        )
    given = [f"--{name}" for name in ("human", "source", "target") if getattr(options, name)]
    if options.probe and not (options.source and options.target):
        raise OptionError("--source and --target for --probe", " and ".join(given), "leave --probe out")
    if len(given) == 1:
        log.warning("%s alone: there is no other domain to adapt to, this is supervised training", given[0])
    idle = ["adapter"] if not options.source else []
    idle += ["w1"] if not options.human or len(given) == 1 else []
    idle += ["alpha", "alpha_warmup", "discriminator_steps"] if len(given) == 1 else []
    idle += ["w2"] if not options.source else []
    for name in idle:
        if is_given(options, name):
            warn_nothing(name, f"with {' and '.join(given)}")
    if not options.alpha and len(given) > 1:
        for name in ("alpha_warmup", "discriminator_steps", "w1"):
            if is_given(options, name):
                warn_nothing(name, "to the network with --alpha 0")


def open_domains(options: WscdaOptions) -> Domains:
    """The data sets that the options name.

    Raises:
        DataError: missing or broken data, or labelled data without labels.
    """
    main, valid = training_and_validation(options.labelled, options.valid, options)
    human = None
    if options.source and options.human:
        split = "train" if has_splits(options.human) else "all"
        own = replace(options, partners="")  # pairs are the animals'
        human = labelled_data(options.human, split, own, "train on", must_have=False)
    target = None
    if options.target:
        target = open_target(options, main.skeleton)
    check_joints(valid, main.skeleton, options.valid or options.labelled)
    return Domains(human if options.source else main, main if options.source else None, target, valid)


def start_of(options: WscdaOptions, domains: Domains, restore: Loaded | None) -> tuple[Loaded, Loaded | None, str]:
    """The main network to begin with, the network of --resume as it is, and a line on where the start is from."""
    skeleton = domains.main.skeleton
    if restore is not None:
        return restore, None, restore.note
    adapter = options.adapter if domains.animal is not None else 0
    if not options.resume:
        refuse_joints(options)
        spec = building.input_spec(options)
        model, numbers = building.new_network(options, skeleton, spec, adapter)
        note = "fresh weights; a network trained on humans is a better start (zoopose train, then --resume)"
        return Loaded(model, options.arch, numbers, skeleton, spec, {}), None, note
    building.refuse_new_network(options, options.resume)
    given = load_network(options.resume, options.labelled, options, domains.main.mean)
    network, carried = transfer_to_joints(building.with_sigma(given, options), skeleton, adapter, options.seed)
    note = given.note
    if given.skeleton.joints != skeleton.joints:
        note += (
            f"; {carried} of its {len(given.skeleton)} joints carried over to the {len(skeleton)} of {skeleton.name}"
        )
    return network, given, note


def build_network(domains: Domains, start: Loaded, given: Loaded | None) -> WscdaNetwork:
    """The main network with its human head and discriminator, as the start left them or fresh.

    Args:
        start: the main network; its checkpoint may be of an earlier run of WS-CDA.
        given: the network that --resume named: one trained on these humans brings their head along.
    """
    human = None
    if domains.human is not None and domains.animal is not None:
        skeleton = domains.human.skeleton
        trained = given is not None and given.skeleton.joints == skeleton.joints
        human = human_head(start.model, len(skeleton), given.model if trained else None)
    whole = WscdaNetwork(start.model, human, discriminate=len(domains.named()) > 1)
    kept = dict(start.state.get("zoopose", {}).get("run", {}).get("extra", {}).get("wscda", {}))
    parts = dict(kept.get("parts", {}))
    if (kept.get("human") or {}).get("joints") != (domains.human_skeleton() or {}).get("joints"):
        parts.pop("human", None)
    if kept:
        log.info("of the earlier run: %s", ", ".join(whole.load_parts(parts)) or "nothing but the network")
    return whole


def probe(options: WscdaOptions, domains: Domains, network: Loaded, fabric: Fabric) -> Probe:
    """How well the feature map tells labelled from unlabelled animals; both must be there."""
    model = network.model.to(fabric.device)
    found = domain_probe(
        model, domains.animal, domains.target, network.spec, fabric.device, options.seed, options.workers
    )
    log.info("domain probe: labelled and unlabelled animals told rightly in %.1f %%", 100 * found.accuracy)
    return found


def probe_at_the_end(options: WscdaOptions, domains: Domains, run: Run, start: Mapping[str, Any]) -> None:
    """Probe the best network and the last, and write both with the probe of the start."""
    found = {"start": dict(start)}
    for name, path in (("model_best", run.folder.best), ("last", run.folder.last)):
        network = checkpoints.load(path)
        found[name] = probe(options, domains, network, run.fabric).to_dict()
    write_probes(run.folder, found)


def step_for(
    options: WscdaOptions, domains: Domains, whole: WscdaNetwork, spec: InputSpec, run: Run, parts: Mapping[str, Any]
) -> WscdaStep:
    """The step of a run; `parts` as of `WscdaStep`."""
    fabric, discriminator_trainer = run.fabric, None
    if options.discriminator_steps and whole.discriminator is not None:
        discriminator_trainer = DiscriminatorTrainer(
            whole.discriminator, options.discriminator_steps, options.lr, fabric
        )
    loss = loss_name(options)
    named = domains.named()
    name = "strong" if options.augment == "auto" else options.augment
    sources = {"human": options.human, "animal": options.source}
    feeds = {
        domain: CropFeed(
            data, spec, replace(augmentation_for(options, name, data.skeleton), plain=options.plain_share),
            options.train_batch, options.seed, stream=number,
            sigma=spec.sigma,
            encoding=encoding_of(options), workers=options.workers,
            **cache_for(options, 1 / len(named)), strict=options.strict_data,
            hidden=trains_hidden(options, sources.get(domain, "")), rank=fabric.global_rank, world=fabric.world_size,
        )
        for number, (domain, data) in enumerate(sorted(named.items(), key=lambda item: item[1] is not domains.main))
    }  # fmt: skip
    return WscdaStep(
        {name: feeds[name] for name in named}, fabric, LOSSES[loss], options.alpha, options.beta, options.w1, options.w2,
        options.alpha_warmup, options.num_epochs, options.steps, discriminator_trainer, parts,
    )  # fmt: skip
