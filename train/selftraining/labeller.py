"""The one labelling loop: a network labels all frames of a target, chunk by chunk. The ranks share the work; progress is saved."""

from __future__ import annotations

import copy
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ...datasets.crops import CropCache, collate
from ...datasets.loader import Loader
from ...datasets.pictures import FaultLog, SafeDataset
from ...datasets.sample import reading_processes
from ...errors import WeightsError
from ...evaluation.run_folder import RunFolder
from ...files import atomic_path
from ...pose import weights
from ...pose.input_spec import InputSpec
from ...pose.seal import is_whole, seal_zip
from ...progress import Progress, Stopped, asked, deferring
from ..ranks import any_rank, summed

PARTIAL_SECONDS = 30.0  # seconds between two saves of the progress


@dataclass(frozen=True)
class Partial:
    """Where a labelling saves its progress, so that a killed one can continue.

    Attributes:
        path: file of the first rank; other ranks add their number to the name. The caller removes it when the labels are saved.
        mark: checksum of all that the labels depend on; progress with another one is not used.
        seconds: between two saves.
    """

    path: Path
    mark: str
    seconds: float = PARTIAL_SECONDS

    def of_rank(self, rank: int) -> Path:
        """The file of a rank."""
        return self.path.with_suffix(f".{rank}{self.path.suffix}") if rank else self.path


@dataclass(frozen=True)
class Execution:
    """Where a labelling runs.

    Attributes:
        device: of the network.
        workers: processes that decode pictures while crops are not in memory yet.
        strict: stop at the first unreadable picture; False counts such pictures.
        fabric: the ranks that share the work; None: this process alone.
    """

    device: torch.device
    workers: int = 0
    strict: bool = False
    fabric: Fabric | None = None


class ChunkLabeller:
    """Base of what labels a target chunk by chunk. A method says what is done with a chunk.

    Args:
        crops: the target's cached crops.
        spec: input of the network.
        execution: device, processes and ranks.
    """

    def __init__(self, crops: CropCache, spec: InputSpec, execution: Execution):
        self.crops, self.spec, self.faults = crops, spec, FaultLog()
        self.device, self.workers, self.strict, self.fabric = (
            execution.device,
            execution.workers,
            execution.strict,
            execution.fabric,
        )

    @property
    def rank(self) -> int:
        return self.fabric.global_rank if self.fabric else 0

    @property
    def world(self) -> int:
        return self.fabric.world_size if self.fabric else 1

    def each_chunk(
        self,
        model: nn.Module,
        size: int,
        label: Callable[[dict[str, Any], int], None],
        out: dict[str, np.ndarray],
        names: Sequence[str],
        title: str,
        *,
        partial: Partial | None = None,
        loader: Callable[[Sequence[Sequence[int]]], Loader] | None = None,
    ) -> None:
        """Label every frame once. To be called on all ranks, with the same network; all get all rows.

        Args:
            model: evaluated in eval mode and put back.
            size: frames of a chunk.
            label: (batch of crops, row of the chunk's first frame); fills the batch's rows of `out`. Not called for a chunk without
                a readable frame.
            out: by name, arrays with a row for every frame.
            names: of the arrays that `label` fills.
            title: for the progress line.
            loader: (chunks of rows) -> their batches; default: `loader`, of the crops as they are.
        """
        n, count = len(self.crops), -(-len(self.crops) // size)
        # whole chunks: what a frame's labels are may follow from the chunk it is in
        first, end = (min(size * (count * r // self.world), n) for r in (self.rank, self.rank + 1))
        path = partial.of_rank(self.rank) if partial else None
        mark = f"{partial.mark} {first}-{end}" if partial else ""
        begin = resume_partial(path, out, mark, first, names)
        chunks = [range(i, min(i + size, end)) for i in range(begin, end, size)]
        training = model.training
        model.eval()
        with deferring(), Progress(title, end - first, "frames") as progress:
            progress.skip(begin - first)
            saved = 0.0
            for chunk, raw in zip(chunks, (loader or self.loader)(chunks)):
                batch = self.faults.take(raw)
                if batch is not None:
                    label(batch, chunk[0])
                progress.add(len(chunk))
                clock = time.monotonic()
                if partial and path and (clock - saved > partial.seconds or chunk[-1] + 1 == end or asked()):
                    saved = clock
                    keep_partial(path, out, mark, first, chunk[-1] + 1, names)
                if asked():
                    break
            stop_together(self.fabric)
        model.train(training)
        self.faults.check()
        self.gather(out, names, slice(first, end))

    def loader(self, chunks: Sequence[Sequence[int]]) -> Loader:
        """Batches of the chunks' crops; decoded by workers only while they are not all kept."""
        kept = self.crops.filled() == len(self.crops)
        workers = 0 if kept else reading_processes(self.crops.dataset, self.workers)
        safe = SafeDataset(self.crops, self.strict)
        return Loader(safe, chunks, workers, collate)

    def gather(self, out: dict[str, np.ndarray], names: Sequence[str], mine: slice) -> None:
        """Give every rank the rows of all ranks.

        Args:
            mine: the rows that this rank has filled; no other rank has filled any of them.
        """
        if self.fabric is None or self.world == 1:
            return
        for name in names:
            whole = np.zeros_like(out[name])
            whole[mine] = out[name][mine]
            # bytes, not numbers: NaN and the sign of zero come through as they are
            parts = torch.from_numpy(whole.reshape(-1).view(np.uint8)).to(self.device)
            parts = summed(self.fabric, parts)
            out[name][:] = parts.cpu().numpy().view(whole.dtype).reshape(whole.shape)


def stop_together(fabric: Fabric | None) -> None:
    """Stop on all ranks if any was asked to; to be called on all of them.

    Raises:
        Stopped: on every rank.
    """
    if any_rank(fabric, asked()) if fabric else asked():
        raise Stopped


def fingerprint(model: nn.Module) -> str:
    """Checksum of a network's weights, which tells labels of one network from those of another."""
    crc = 0
    for name, tensor in sorted(model.state_dict().items()):
        crc = zlib.crc32(
            tensor.detach().cpu().contiguous().numpy().tobytes(),
            zlib.crc32(name.removeprefix("network.").encode(), crc),
        )
    return f"{crc:08x}"


def network_with_fingerprint(mark: str, model: nn.Module, folder: RunFolder) -> tuple[nn.Module | None, str]:
    """The network with a certain `fingerprint`: `model` itself, or one from an undamaged checkpoint of the run folder.

    Args:
        model: of the same architecture, perhaps wrapped by Fabric or compiled.

    Returns:
        The network, None if there is none, and where it is from.
    """
    if fingerprint(model) == mark:
        return model, "in training now"
    bare = model
    for name in ("module", "network"):  # of Fabric's and of torch.compile's wrappers
        while isinstance(getattr(bare, name, None), nn.Module):
            bare = getattr(bare, name)
    other = copy.deepcopy(bare)
    for path in folder.checkpoints():
        try:
            state = weights.read(path)
            extra = state.get("zoopose", {}).get("run", {}).get("extra", {})
            tensors = extra["teacher"]["weights"] if "teacher" in extra else state["state_dict"]
            weights.load_into(other, tensors)
        except (WeightsError, LookupError, TypeError, AttributeError):
            continue  # damaged, or of another network
        if fingerprint(other) == mark:
            return other, path.name
    return None, ""


def inner_from_image(crop_from_image: torch.Tensor, crop_size: int, size: int) -> torch.Tensor:
    """Matrix (..., 2, 3) to the inner square of a padded crop: the padding is a whole number of pixels at the same scale."""
    inner = crop_from_image.clone()
    inner[..., 2] -= (crop_size - size) / 2
    return inner


def inner_images(crops: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Network input (B, 3, R, R) from the inner squares of padded crops (B, 3, S, S) uint8."""
    pad = (crops.shape[-1] - spec.size) // 2
    return spec.normalise_exact(crops[..., pad : pad + spec.size, pad : pad + spec.size].float() / 255)


def keep_partial(
    path: Path, out: dict[str, np.ndarray], mark: str, first: int, done: int, names: Sequence[str]
) -> None:
    """Keep the rows of a labelling that are done, in a sealed file."""
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            rows: dict[str, Any] = {k: out[k][first:done] for k in names}
            np.savez(file, mark=np.array(mark), done=done, **rows)
        seal_zip(temporary)


def resume_partial(path: Path | None, out: dict[str, np.ndarray], mark: str, first: int, names: Sequence[str]) -> int:
    """Take over what was kept; the frame up to which an earlier, killed labelling with the same mark had come."""
    if path is None or not path.is_file():
        return first
    try:
        if is_whole(path) is False:
            return first
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["mark"]) != mark:
                return first
            done, found = int(kept["done"]), {key: kept[key] for key in names}
    except MemoryError:
        raise
    except Exception:  # a damaged archive fails in zipfile, zlib or NumPy, each with errors of its own
        return first  # what cannot be read is made again
    for key in names:
        rows = out[key][first:done]
        if not first <= done <= len(out[key]) or found[key].shape != rows.shape or found[key].dtype != rows.dtype:
            return first
    for key in names:
        out[key][first:done] = found[key]
    return done
