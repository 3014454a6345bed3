"""Builds the parts of a WS-CDA run from its options: networks, step, domain probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from lightning_fabric import Fabric

from ..commandline.parsing import given as is_given
from ..commandline.parsing import warn_nothing
from ..errors import OptionError
from ..evaluation.network import load_network, refuse_joints
from ..pose import checkpoints
from ..pose.checkpoints import Loaded
from ..pose.fresh_weights import FreshWeights
from ..pose.input_spec import InputSpec
from ..pose.models import PoseNetwork
from ..pose.transfer import transfer_to_joints
from ..progress import log
from ..train.default_network import with_network
from ..train.feeds.base import FeedConfig
from ..train.feeds.crops import CacheConfig, CropFeed
from ..train.feeds.labelled import augmentation_for, target_config
from ..train.network import fresh_start, input_spec, refuse_new_network, with_sigma
from ..train.run_state import Run
from ..train.supervised import LOSSES
from .discriminator import DiscriminatorTrainer
from .domains import Domains
from .network import WscdaNetwork, new_human_head
from .options import WscdaOptions
from .probe import Probe, domain_probe
from .report import write_probes
from .step import STATE, WscdaLoss, WscdaStep

# Default of --beta for each loss. With `mean` it is the paper's. The gradient of `balanced` at the feature map is 4.1 times that of
# `mean`, that of `ohkm` 0.9 times (medians over 12 batches of horses, one hourglass of width 40, 96 px), so 120 with `balanced`
# would give the paper's ratio of gradients. Measured on two pairs of livestock, 120 costs the labelled animals 2.7 points, 500
# nothing (docs/methods/wscda.md).
BETA = {"balanced": 500.0, "mean": 500.0, "ohkm": 500.0}


def loss_name(options: WscdaOptions) -> str:
    """The loss that --loss names; `auto` is `balanced`."""
    return "balanced" if options.loss == "auto" else options.loss


def with_defaults(options: WscdaOptions) -> WscdaOptions:
    """The options with the default of --beta for the loss.

    Raises:
        OptionError: the loss is no mean over labelled joints.
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
    """Refuse options that cannot work together, and warn of options without effect, before data are read.

    Raises:
        OptionError: no labelled domain, or --probe without two domains of animals.
    """
    if not options.source and not options.human:
        raise OptionError(
            "labelled data: --source, --human, or both", "neither", "--source coco:PATH.json --target images:FOLDER"
        )
    given = [f"--{name}" for name in ("human", "source", "target") if getattr(options, name)]
    if options.probe and not (options.source and options.target):
        raise OptionError("--source and --target for --probe", " and ".join(given), "leave --probe out")
    if len(given) == 1:
        log.warning(
            "%s is the only domain: there is nothing to adapt to, and this run is supervised training", given[0]
        )
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


class Start(NamedTuple):
    """What a run starts from.

    Attributes:
        network: the pose network.
        given: the network of --resume before its joints were changed; None where the run continues or has fresh weights.
        note: where the weights are from, for the banner.
    """

    network: Loaded
    given: Loaded | None
    note: str


def start_of(options: WscdaOptions, domains: Domains, restore: Loaded | None) -> Start:
    """The pose network that a run starts from.

    Args:
        restore: the checkpoint that the run continues; None: a new run.
    """
    skeleton = domains.main.skeleton
    if restore is not None:
        return Start(restore, None, restore.note)
    adapter = options.adapter if domains.animal is not None else 0
    fresh = FreshWeights(options.seed)
    if not options.resume:
        refuse_joints(options)
        chosen = with_network(options, "")
        network = fresh_start(chosen, skeleton, input_spec(chosen), fresh, adapter)
        fresh.continue_globally()
        note = "fresh weights; a network trained on humans is a better start (zoopose train, then --resume)"
        return Start(network, None, note)
    refuse_new_network(options, options.resume)
    given = load_network(options.resume, options.labelled, options, domains.main.mean)
    network, transferred = transfer_to_joints(with_sigma(given, options), skeleton, adapter, fresh)
    fresh.continue_globally()
    note = given.note
    if given.skeleton.joints != skeleton.joints:
        joints = f"{len(given.skeleton)} joints transferred to the {len(skeleton)} of {skeleton.name}"
        note += f"; {transferred} of its {joints}"
    return Start(network, given, note)


def build_network(domains: Domains, start: Start) -> WscdaNetwork:
    """The pose network with human head and discriminator: those of an earlier run of WS-CDA where they fit, else fresh ones.

    A network of --resume that was trained on these humans gives its head.
    """
    main, given = _pose_network(start.network), start.given
    head = None
    if domains.human is not None and domains.animal is not None:
        skeleton = domains.human.skeleton
        trained = _pose_network(given) if given is not None and given.skeleton.joints == skeleton.joints else None
        head = new_human_head(main, len(skeleton), trained)
    network = WscdaNetwork(main, head, discriminate=len(domains.by_name()) > 1)
    saved = dict(start.network.state.get("zoopose", {}).get("run", {}).get("extra", {}).get(STATE, {}))
    parts = dict(saved.get("parts", {}))
    if (saved.get("human") or {}).get("joints") != (domains.human_skeleton() or {}).get("joints"):
        parts.pop("human", None)
    if saved:
        log.info("loaded from the earlier run: %s", ", ".join(network.load_parts(parts)) or "the pose network only")
    return network


def _pose_network(network: Loaded) -> PoseNetwork:
    model = network.model
    assert isinstance(model, PoseNetwork)  # every network of the table is one
    return model


def probe(options: WscdaOptions, domains: Domains, network: Loaded, fabric: Fabric) -> Probe:
    """The domain probe of a network; the run has labelled and unlabelled animals, see `check`."""
    assert domains.animal is not None and domains.target is not None
    model = _pose_network(network).to(fabric.device)
    result = domain_probe(
        model, domains.animal, domains.target, network.spec, fabric.device, options.seed, options.workers
    )
    log.info("domain probe: accuracy %.1f %% on labelled and unlabelled animals", 100 * result.accuracy)
    return result


def probe_at_the_end(options: WscdaOptions, domains: Domains, run: Run, start: Mapping[str, Any]) -> None:
    """Probe the best and the last network, and write both probes and that of the start to the run folder."""
    probes = {"start": dict(start)}
    for name, path in (("model_best", run.folder.best), ("last", run.folder.last)):
        network = checkpoints.load(path)
        probes[name] = probe(options, domains, network, run.fabric).to_dict()
    write_probes(run.folder, probes)


def step_for(
    options: WscdaOptions, domains: Domains, network: WscdaNetwork, spec: InputSpec, run: Run, parts: Mapping[str, Any]
) -> WscdaStep:
    """The step of a run; `parts` as of `WscdaStep`."""
    fabric, discriminator_trainer = run.fabric, None
    if options.discriminator_steps and network.discriminator is not None:
        discriminator_trainer = DiscriminatorTrainer(
            network.discriminator, options.discriminator_steps, options.lr, fabric
        )
    loss = loss_name(options)
    named = domains.by_name()
    name = "strong" if options.augment == "auto" else options.augment
    sources = {"human": options.human, "animal": options.source}
    feeds = {}
    # a feed's number is its random stream: 0 for the labelled data of the pose network
    for number, (domain, data) in enumerate(sorted(named.items(), key=lambda item: item[1] is not domains.main)):
        feeds[domain] = CropFeed(
            data,
            spec,
            replace(augmentation_for(options, name, data.skeleton), plain=options.plain_share),
            FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed, stream=number),
            targets=target_config(options, spec, sources.get(domain, "")),
            cache=CacheConfig.of(options, 1 / len(named)),
        )
    weights = WscdaLoss(
        LOSSES[loss],
        options.alpha,
        BETA[loss] if options.beta is None else options.beta,
        options.w1,
        options.w2,
        options.alpha_warmup,
    )
    return WscdaStep(
        {name: feeds[name] for name in named},
        fabric,
        weights,
        epochs=options.num_epochs,
        steps=options.steps,
        discriminator_trainer=discriminator_trainer,
        parts=parts,
    )
