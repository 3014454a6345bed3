"""The trunk of a network in training: the weights it begins with, and what of it does not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ..errors import OptionError
from ..pose import weights
from ..pose.input_spec import IMAGENET_MEAN, IMAGENET_STD
from ..pose.models import PoseNetwork, TrunkNetwork
from ..pose.trunks import Pretrained, TrunkReport, is_trunk, pretrained_weights
from ..pose.trunks.pretrained import file_checksum
from .option_parts import NetworkOptions, OptimOptions

FRESH = "none"


def load_trunk(network: PoseNetwork, options: NetworkOptions) -> dict[str, Any]:
    """Load the weights of a new network's trunk that --trunk asks for, or by default those of the trunk that --arch names.

    Returns:
        What was loaded, see `TrunkReport`; empty where the network keeps its fresh weights.

    Raises:
        OptionError: a trunk of another name than the network's, or a network without a trunk.
        WeightsError: weights that are not there, or do not fit; then nothing is loaded.
    """
    trunk = options.trunk
    if trunk == FRESH:
        return {}
    if isinstance(network, TrunkNetwork):
        if is_trunk(trunk) and trunk != network.trunk_name:
            raise OptionError(
                f"--trunk {network.trunk_name}, a file, or none with --arch {options.arch}",
                f"--trunk {trunk}",
                f"--arch {options.arch.partition('_')[0]}_{trunk}",
            )
        given = None if trunk in ("", network.trunk_name) else _of_file(trunk)
        return network.load_pretrained(given).to_dict()
    if not trunk:
        return {}
    found = pretrained_weights(trunk) if is_trunk(trunk) else _of_file(trunk)
    loaded = network.load_trunk(found.tensors)
    report = TrunkReport(
        options.arch, loaded, found.source, found.licence, found.sha256, mean=IMAGENET_MEAN, std=IMAGENET_STD
    )
    return report.to_dict()


def _of_file(path: str) -> Pretrained:
    return Pretrained(
        weights.read(path)["state_dict"], path, "that of the file, which states none", file_checksum(Path(path))
    )


def trunk_of(network: nn.Module, options: OptimOptions) -> list[nn.Module]:
    """The trunk of a network, where an option asks for it.

    Raises:
        OptionError: --trunk-lr, --freeze-trunk or --freeze-norm trunk with a network that has none.
    """
    layers = network.trunk_layers if isinstance(network, PoseNetwork) else []
    asked = {
        f"--trunk-lr {options.trunk_lr:g}": options.trunk_lr != 1,
        f"--freeze-trunk {options.freeze_trunk}": options.freeze_trunk > 0,
        "--freeze-norm trunk": options.freeze_norm == "trunk",
    }
    for flag, given in asked.items():
        if given and not layers:
            raise OptionError(
                "a network with a trunk: fpn_lite0, sb_pose_resnet50, hrnet_w32, ...",
                f"{flag} with {type(network).__name__}",
                f"leave {flag.split()[0]} out, or --arch fpn_lite0",
            )
    return layers


@dataclass(frozen=True)
class FrozenLayers:
    """What of a network does not change in training.

    Attributes:
        trunk: layers that do not change in the first `epochs` epochs, statistics of batch norms included.
        epochs: their number.
        norms: batch norms whose running statistics never change; they normalise with them, in training too.
    """

    trunk: tuple[nn.Module, ...] = ()
    epochs: int = 0
    norms: tuple[nn.Module, ...] = ()

    @classmethod
    def of(cls, network: nn.Module, trunk: Sequence[nn.Module], options: OptimOptions, devices: int) -> FrozenLayers:
        """What the options freeze.

        Args:
            trunk: of the network.
            devices: number of processes that train.

        Raises:
            OptionError: --freeze-trunk on several devices.
        """
        if options.freeze_trunk and devices > 1:
            raise OptionError(
                "one device with --freeze-trunk: several devices wait for gradients of all layers",
                f"{devices} devices",
                "--devices 1, or --trunk-lr 0.1 in place of --freeze-trunk",
            )
        parts = {"none": (), "trunk": trunk, "all": (network,)}[options.freeze_norm]
        norms = tuple(m for part in parts for m in part.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
        return cls(tuple(trunk) if options.freeze_trunk else (), options.freeze_trunk, norms)

    def apply(self, epoch: int) -> None:
        """Set the layers for an epoch, counted from 0; the network is in training mode."""
        for layer in self.trunk:
            layer.requires_grad_(epoch >= self.epochs)
            if epoch < self.epochs:
                layer.eval()
        for norm in self.norms:
            norm.eval()
