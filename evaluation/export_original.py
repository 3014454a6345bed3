"""A network as files of other code: the published code of CC-SSL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ..errors import OptionError
from ..files import atomic_path
from ..pose.checkpoints import Loaded
from ..pose.original.export import original_checkpoint
from ..pose.weights import hourglass_numbers, without_prefix
from ..progress import log
from .network import joint_order, load_network, mean_of
from .options import ExportOptions, LoadingOptions
from .run_folder import RunFolder

PUBLISHED_SIDE = 256  # px, of the published code's input by default


def export(options: ExportOptions) -> list[Path]:
    """Write the files that the options name; returns them.

    Raises:
        OptionError: nothing to read or to write, or a network that the other code has no class for.
    """
    named = {name: Path(getattr(options, name)) for name in WRITERS if getattr(options, name)}
    if not options.resume or not named:
        raise OptionError(
            "a checkpoint and a file to write",
            f"--resume {options.resume or '(none)'}, {', '.join(f'no --{name}' for name in WRITERS)}",
            f"zoopose export --resume FOLDER/{RunFolder.BEST} --published FILE",
        )
    for path in named.values():
        if path.is_dir() or path.resolve() == Path(options.resume).resolve():
            raise OptionError("a file to write that is neither a folder nor the checkpoint itself", str(path))
    data = LoadingOptions(image_path=options.image_path, animal=options.animal)
    network = load_network(options.resume, options.trained_on, data)
    for name, path in named.items():
        WRITERS[name](network, path, options)
    return list(named.values())


def write_original(network: Loaded, path: Path, options: ExportOptions) -> None:
    """Write what the published CC-SSL code loads, in a form that its PyTorch 1.1 reads too.

    Raises:
        OptionError: see `original_checkpoint`.
    """
    mean = mean_of(options.trained_on, options, options.resume)
    order = joint_order(options.trained_on, options)
    found = original_checkpoint(network, tuple(map(float, mean)), order)
    with atomic_path(path) as temporary:
        torch.save(found, temporary, _use_new_zipfile_serialization=False)
    spec, count = network.spec, len(found["state_dict"])
    log.info("%s -> %s: %d tensors of %s, epoch %d", options.resume, path, count, network.arch, found["epoch"])
    if spec.kind != "published":
        log.warning(
            "the network has learnt from %s crops, the published code feeds its own (corners at whole pixels, contrast stretched): "
            "its scores there will differ from those here; `zoopose train --augment published` trains on such crops",
            spec.kind,
        )  # fmt: skip
    if spec.std != (1.0, 1.0, 1.0) or spec.bgr:
        log.info("its division by the deviation %s is in the weights of its first layer", spec.std)
    if max(abs(a - b) for a, b in zip(spec.mean, mean[::-1] if spec.bgr else mean)) > 1e-6:
        log.info(
            "the published code takes off another mean, which its first layer makes up for, but for the outermost 3 px"
        )
    built = hourglass_numbers(without_prefix(found["state_dict"]))
    size = "" if spec.size == PUBLISHED_SIDE else f" --inp-res {spec.size} --out-res {spec.heatmap_size}"
    log.info(
        "the published commands take it with: --arch %s --stacks %d --blocks %d%s --animal %s --resume %s",
        network.arch, built["num_stacks"], built["num_blocks"], size, options.animal, path,
    )  # fmt: skip


# option that names the file to write -> what writes it; another kind of file is one more option and one more row
WRITERS: dict[str, Callable[[Loaded, Path, ExportOptions], None]] = {"published": write_original}
