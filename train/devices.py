"""Devices, processes and number format of a training."""

from __future__ import annotations

import logging
import os
import warnings
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric import Fabric

from ..errors import OptionError
from ..progress import log
from .option_parts import RunOptions


def open_fabric(options: RunOptions) -> Fabric:
    """Devices, ranks and precision; seeds every generator. --devices counts the processes of all nodes.

    Raises:
        OptionError: the machine has no such device, or torchrun has started another number of processes.
    """
    if options.accelerator == "cuda" and not torch.cuda.is_available():
        raise OptionError("a CUDA device", "none that torch can use", "--accelerator cpu")
    kind = options.accelerator
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    here, nodes = options.devices, 1
    if "TORCHELASTIC_RUN_ID" in os.environ:  # started by torchrun, perhaps on several nodes
        world, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        if world != options.devices:
            raise OptionError(
                f"--devices {world}, as torchrun has started {world} processes", f"--devices {options.devices}"
            )
        nodes = world // here
    if kind == "cuda" and here > torch.cuda.device_count():
        raise OptionError(f"{here} GPUs", f"{torch.cuda.device_count()}", f"--devices {torch.cuda.device_count()}")
    strategy: Any = "auto"
    if options.devices > 1:
        from lightning_fabric.strategies.ddp import DDPStrategy

        # broadcast_buffers: batch norms share their statistics, which are the same on every rank (see `ranks`)
        # timeout: a rank that has labelled its share waits for the others
        strategy = DDPStrategy(broadcast_buffers=False, timeout=timedelta(days=2))
    _silence_lightning()
    fabric = Fabric(accelerator=kind, devices=here, num_nodes=nodes, precision=options.precision, strategy=strategy)
    fabric.launch()
    fabric.seed_everything(options.seed, verbose=False)
    if not fabric.is_global_zero:
        log.setLevel("WARNING")
    return fabric


def _silence_lightning() -> None:
    """Its advice is not for users of this package."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
