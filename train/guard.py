"""The guard against harm: measures an adaptation after every epoch, refuses networks that look worse, ends harmful runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets.pictures import Fault, SafeDataset
from ..datasets.sample import PoseDataset
from ..datasets.views import Subset
from ..errors import DataError
from ..evaluation.box_fill import BoxFill, limit_of, share_of_whole_pictures, tightened, zoom_of
from ..evaluation.inference import PredictConfig, Predictions, predict
from ..evaluation.options import ReadingOptions
from ..evaluation.run_folder import RunFolder
from ..evaluation.score import BATCH
from ..pose import weights
from ..pose.checkpoints import Loaded, copy_checkpoint
from ..pose.prior import PosePrior
from ..progress import log
from .evidence import Evidence
from .run_state import Run
from .verdict import Verdict, is_steady, joints_to_distrust, objection, verdict_of

# factors by which the target's crops are tightened, tried with the start network; measured in docs/methods/guard.md, "At a third"
ZOOMS = (1.0, 2 / 3, 1.5, 2.0, 3.0)
FRAMES = 256  # most frames that are measured, of source and target each, evenly spread
SENTENCE = "adaptation did not help here: poses {how}; model_best is the network you gave"
SHRINK, CHANGE = "shrink inside their boxes", "no longer fill their boxes as the source's do"
# Deviations: below this distance a run goes on past its limit, as long as the other evidence does not speak against the network.
# With EfficientNet-lite0 two epochs at 3.9 and 4.2 (start 2.7) gained 9 points; upside down its first epoch was at 5.1.
AGREED = 5.0
COLUMN = "guard/"  # beginning of all columns of the log
FILL, BEGIN, LIMIT = "guard/box_fill", "guard/start", "guard/limit"
SHOWN = (FILL, BEGIN, LIMIT, "guard/kept_size")  # columns that are printed after an epoch


@dataclass
class Guard:
    """Keeps an adaptation from doing harm; see docs/methods/guard.md.

    It ends the run where the box fill of its poses gets too far from that of the source's labels. A network whose other evidence
    speaks against it does not become `model_best.pth.tar`. Until one becomes that, it is the start network.

    Its `state` is saved with the run: `fill` of the source, distance and spread of the start network, the `limit` of the distance,
    the distances of all epochs, `stopped`, the epoch that passed the limit, or 0, the `outcome`, a sentence, where one did, and
    `refused`, what speaks against the network of the last epoch, and `steady`, whether the best network has kept the size of its
    poses. Or `off`, the reason why box fill cannot be computed. Empty before
    the first epoch.

    Args:
        source: labelled.
        target: its boxes are used, its labels are not.
        network: describes the input; its weights are not used.
        run: the run. All methods are called on all ranks, and have the same result there.
        growth: share by which the distance may grow over that of the start network, see `limit_of`.
        reading: how pictures are read.
        evidence: what else is measured; None: nothing.
        refuses_networks: False: evidence is measured, and no network is refused. The run still ends above the limit.
    """

    source: PoseDataset
    target: PoseDataset
    network: Loaded
    run: Run
    growth: float
    reading: ReadingOptions = ReadingOptions()
    evidence: Evidence | None = None
    refuses_networks: bool = True
    state: dict[str, Any] = field(default_factory=dict, init=False)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint, under the keys that it has there."""
        evidence = self.evidence.state if self.evidence else {}
        return {name: kept for name, kept in (("guard", self.state), ("evidence", evidence)) if kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; other keys are ignored."""
        self.state = dict(state.get("guard", {}))
        if self.evidence:
            self.evidence.state = dict(state.get("evidence", {}))

    @property
    def stopped(self) -> bool:
        """Whether the limit was passed; `model_best.pth.tar` is then the start network."""
        return bool(self.state.get("stopped"))

    @property
    def outcome(self) -> str:
        """The sentence for the user where the run was stopped."""
        return str(self.state["outcome"])

    @property
    def refuses(self) -> bool:
        """Whether the network of the last epoch may not become `model_best.pth.tar`."""
        return self.stopped or bool(self.state.get("refused"))

    def before_first_epoch(self) -> None:
        """Measure the source's labels, and the start network on the target; also called where a run goes on. In a run whose best
        network is that of its start: write it again."""
        run = self.run
        if self.stopped or run.best_epoch == 0:
            self._keep_start_network()  # model_best may have been taken away
        if self.state:
            return
        if run.epoch or run.step:
            self._off("the run was begun by a version without it")
            return
        labels = self._labels_of_source()
        fill = BoxFill.of(*labels) if labels else None
        found = self._predictions()
        if reason := self._reason_off(fill, found):
            self._off(reason)
        elif fill:
            self._measure_start(fill, found)
        if self.evidence:
            prior = self._prior(*labels) if labels and "off" not in self.state else None
            self.evidence.begin(_spread(self.target), found, prior)

    def _prior(self, xy_px: np.ndarray, known: np.ndarray, box_xywh: np.ndarray) -> PosePrior | None:
        try:
            return PosePrior.fit(xy_px, known, box_xywh, self.source.skeleton)
        except DataError:  # too few labels
            return None

    def _reason_off(self, fill: BoxFill | None, found: Predictions) -> str:
        """Why box fill cannot be computed; empty where it can."""
        whole = share_of_whole_pictures(found.box_xywh[found.read], found.size_hw[found.read])
        if fill is None:
            return "no frame of the source has enough labelled joints"
        if whole > 0.5:
            return (
                f"{100 * whole:.0f} % of the target's boxes are whole pictures, so nobody knows where the animals are"
            )
        if not np.isfinite(self._measure(fill, found)[0]):
            return "no box of the target has an area"
        if (zoom := self._zoom(fill, found)) != 1:
            return (f"the start network finds the target's animals in crops at {1 / zoom:.2g} of the size that their boxes "
                    "say: they are drawn otherwise than the source's")  # fmt: skip
        return ""

    def _measure_start(self, fill: BoxFill, found: Predictions) -> None:
        """Keep what the start network is measured by, and the network."""
        run = self.run
        distance, spread = self._measure(fill, found)
        limit = limit_of(distance, fill.source_distance, self.growth)
        self.state = {"fill": fill.to_dict(), "start": distance, "spread": spread, "limit": limit,
                      "distances": [], "stopped": 0, "outcome": "", "steady": False}  # fmt: skip
        log.info("guard: box fill of the start network %.2f (of the source's labels %.2f); the run ends above %.2f",
                 distance, fill.source_distance, limit)  # fmt: skip
        if run.fabric.is_global_zero:
            weights.save(run.folder.start, run.pack(0, run.best, None, run.facts({}), run.framing))
        run.fabric.barrier()

    def _zoom(self, fill: BoxFill, found: Predictions) -> float:
        """The tightening under which the start network fits the target best, see `zoom_of`; computed on the first rank."""
        tried = {}
        for zoom in ZOOMS:
            seen = found if zoom == 1 else self._predictions(zoom)
            tried[zoom] = self._measure(fill, seen, zoom)[0], float(seen.score[seen.read].mean())
        return float(self.run.fabric.broadcast(zoom_of(tried)))

    def after_epoch(self) -> Mapping[str, float]:
        """After an epoch: the numbers for the log. Past the limit `model_best.pth.tar` becomes the start network."""
        state, evidence = self.state, self.evidence if self.evidence and self.evidence.state else None
        if "off" in state:
            more = evidence.after_epoch(_spread(self.target), self._predictions()) if evidence else {}
            return {COLUMN + name: value for name, value in more.items()}
        found = self._predictions()
        distance, spread = self._measure(BoxFill.from_dict(state["fill"]), found)
        state["distances"].append(distance)
        numbers = {"spread": spread / max(state["spread"], 1e-9)}
        if evidence:
            numbers = evidence.after_epoch(_spread(self.target), found, {"box_fill": distance, **numbers})
            state["refused"] = self._refusal(evidence, numbers) if self.refuses_networks else ""
        limit = state["limit"]
        if evidence and not objection(evidence.start, numbers, self.growth):
            limit = max(limit, AGREED)
        if not distance <= limit:  # a network whose joints are no numbers is past it too
            state["stopped"] = self.run.epoch
            state["outcome"] = SENTENCE.format(how=SHRINK if spread < state["spread"] else CHANGE)
            self._keep_start_network()
        elif state.get("refused"):
            log.info("guard: the network of this epoch cannot become %s: poses %s", RunFolder.BEST, state["refused"])
            if self.run.best_epoch < 0:
                self._keep_start_network()
        return {
            **{COLUMN + name: value for name, value in numbers.items()},
            FILL: distance, BEGIN: state["start"], LIMIT: state["limit"],
        }  # fmt: skip

    def _refusal(self, evidence: Evidence, numbers: Mapping[str, float]) -> str:
        """Why the network of this epoch may not become the best; empty where it may. Steady poses come before others."""
        if reason := objection(evidence.start, numbers, self.growth):
            return reason
        run, steady = self.run, is_steady(numbers, self.growth)
        if run.best_epoch > 0 and self.state.get("steady", True) and not steady:
            return f"of epoch {run.best_epoch} have kept their size better"
        if run.best_epoch <= 0 or (steady and not self.state.get("steady", True)):
            run.best = float("-inf")
            self.state["steady"] = steady
        return ""

    def verdict(self) -> Verdict:
        """Whether `model_best.pth.tar` is better than the start network, as far as that can be seen; see `verdict_of`."""
        best, evidence = self.run.best_epoch, self.evidence
        trust = evidence.state.get("trust", []) if evidence else []
        return verdict_of(
            evidence.start if evidence else {},
            evidence.epochs if evidence else [],
            best,
            unknown=self.state.get("off", ""),
            harm=self.outcome if self.stopped else "",
            distrust=joints_to_distrust(self.target.skeleton.joints, trust[best - 1]) if 0 < best <= len(trust) else (),
            growth=self.growth,
        )

    def facts(self) -> dict[str, Any]:
        """Plain data for metrics.json and report."""
        state = self.state
        if "off" in state:
            return {
                "outcome": f"no guard: box fill cannot be computed, since {state['off']}",
                "stopped after epoch": None,
            }
        distances = [d if np.isfinite(d) else None for d in state["distances"]]
        return {
            "outcome": self.outcome if self.stopped else "box fill stayed within its limit",
            "stopped after epoch": state["stopped"] or None,
            "start": state["start"],
            "limit": state["limit"],
            "distances": distances,
        }

    def _off(self, reason: str) -> None:
        self.state = {"off": reason}
        log.warning("no guard against harm: box fill cannot be computed, since %s", reason)

    def _labels_of_source(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """(N, K, 2) joints, px, (N, K) which are labelled, (N, 4) boxes; None where no picture can be read."""
        few = _spread(self.source)
        samples = [
            s
            for s in (SafeDataset(few, self.reading.strict_data)[i] for i in range(len(few)))
            if not isinstance(s, Fault)
        ]
        if not samples:
            return None
        xy, visible, box = (np.stack([getattr(s, name) for s in samples]) for name in ("xy_px", "visible", "box_xywh"))
        return xy, visible > 0, box

    def _predictions(self, zoom: float = 1.0) -> Predictions:
        """The network's joints on the target, in crops that are tighter by `zoom`."""
        run, few = self.run, _spread(self.target)
        few.crop_factor = self.target.crop_factor / zoom
        config = PredictConfig(BATCH, self.reading.workers, strict=self.reading.strict_data, phase="box fill")
        spec = self.network.spec.framed(run.framing)
        return predict(run.plain, few, spec, run.fabric.device, config)

    def _measure(self, fill: BoxFill, found: Predictions, zoom: float = 1.0) -> tuple[float, float]:
        """Distance and spread of predictions in boxes tightened by `zoom`: those of the first rank, on all ranks."""
        xy, box = found.xy_px[found.read], tightened(found.box_xywh[found.read], zoom)
        distance, spread = self.run.fabric.broadcast((fill.distance(xy, box), fill.spread(xy, box)))
        return float(distance), float(spread)

    def _keep_start_network(self) -> None:
        """Make the start network the best so far, and write it as `model_best.pth.tar`."""
        run = self.run
        run.best, run.best_epoch = float("-inf"), 0
        if run.fabric.is_global_zero and run.folder.start.is_file():
            copy_checkpoint(run.folder.start, RunFolder.BEST)
        run.fabric.barrier()


def _spread(dataset: PoseDataset) -> Subset:
    """Up to `FRAMES` items, spread over all of them."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(FRAMES, len(dataset))).astype(int))
    return Subset(dataset, rows.tolist())
