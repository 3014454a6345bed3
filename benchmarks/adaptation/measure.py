"""What is measured in a cell: joints right of every checkpoint, labels right of every round. Only this reads target labels.

    python -m zoopose.benchmarks.adaptation.measure CELL/cell.json CELL/scores.json auto

run in the run folder. Counts, not shares, are kept, so that folds can be pooled.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.open import check_joints, open_data
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import DataError
from zoopose.evaluation import metrics
from zoopose.evaluation.box_fill import outcome_of
from zoopose.evaluation.inference import PredictConfig, predict
from zoopose.evaluation.network import compute_device
from zoopose.evaluation.run_folder import RunFolder
from zoopose.evaluation.run_log import read_log
from zoopose.evaluation.score import BATCH, THRESHOLD
from zoopose.files import atomic_path
from zoopose.pose import weights
from zoopose.pose.checkpoints import load
from zoopose.progress import console, log

from .facing import facing_right

TOP = 0.2  # share of the labels that counts as the top
GUARD = "guard/"  # beginning of the log's columns with evidence of harm
SELF_SCORE, SOURCE_SCORE = "selfcheck/score", "val/pck"  # what may rank checkpoints without target labels


def measure(cell: Mapping[str, Any], accelerator: str = "auto") -> dict[str, Any]:
    """Scores of a cell.

    Args:
        cell: `scored`: COCO file; `parts_of`: JSON of part -> ids or null for all; `parts`: name -> part; `checkpoints`: paths, `*`
            allowed; for an adaptation `start`: the network it came from, `labels`: its folder, `labelled`: the COCO file of the
            labels' truth, and after a domain probe `domains`: the probed run's `folder`, and `valid`: COCO file of labelled
            validation animals.
        accelerator: where to compute.

    Returns:
        `checkpoints`: list of path, epoch, and `parts`: name -> {"box", "crop"} -> {"right": K counts, "n": K counts}, and "facing"
        likewise with one count of frames;
        `rounds`: see `label_quality`; `log`: column -> [[epoch, value], ...]; `verdict`: see `verdict_of`; `domains`: see
        `across_domains`.

    Raises:
        DataError: a checkpoint, a file or an id that is not there.
    """
    data = open_data(f"coco:{cell['scored']}")
    rows = part_rows(data.ids, json.loads(Path(cell["parts_of"]).read_text()), cell["parts"])
    found = {"joints": list(data.skeleton.joints), "checkpoints": [], "rounds": [], "log": {}}
    device = compute_device(accelerator)
    known: dict[Path, dict] = {}
    for path in [*([cell["start"]] if "start" in cell else []), *_result_first(_expand(cell["checkpoints"]))]:
        real = Path(path).resolve()
        network = load(path)
        check_joints(data, network.skeleton, cell["scored"])
        key = _marker(real)
        if key not in known:
            known[key] = counts_of(network, data, rows, device)
            log.info("%s: %s", path, ", ".join(f"{n} {100 * share(c['box']):.1f}" for n, c in known[key].items()))
        run = network.state.get("zoopose", {}).get("run", {})
        epoch = 0 if path == cell.get("start") else int(network.state.get("epoch", 0))
        best = int(run.get("best_epoch", -1))
        found["checkpoints"].append({"path": path, "epoch": epoch, "best_epoch": best, "parts": known[key]})
    if "labels" in cell:
        truth = open_data(f"coco:{cell['labelled']}")
        folder = Path(cell["labels"])
        files = RunFolder(folder).label_files()
        found["rounds"] = [label_quality(PseudoLabels.read(path), truth) for path in files]
        columns = read_log(folder)
        for name in columns:
            if name in (SELF_SCORE, SOURCE_SCORE) or name.startswith(GUARD):
                pairs = zip(columns["epoch"].tolist(), columns[name].tolist())
                found["log"][name] = [[e, v] for e, v in pairs if math.isfinite(v)]
        if verdict := verdict_of(folder):
            found["verdict"] = verdict
            _number_of_start(found["checkpoints"], verdict)
    if "domains" in cell:
        found["domains"] = across_domains(
            cell["start"], Path(cell["domains"]["folder"]), cell["domains"]["valid"], device
        )
    return found


def verdict_of(folder: Path) -> dict[str, Any]:
    """What a run says about itself: `answer` ("helped", "did not help" or "cannot tell"), `sentence`, `model_best` (its epoch; 0:
    the start network), `distrust`; empty where it says nothing."""
    path = RunFolder(folder).metrics
    verdict = json.loads(path.read_text(encoding="utf-8")).get("verdict") if path.is_file() else None
    kept = ("answer", "sentence", "model_best", "distrust")
    return {name: verdict[name] for name in kept if name in verdict} if verdict else {}


def _number_of_start(points: Sequence[dict[str, Any]], verdict: Mapping[str, Any]) -> None:
    """Gives model_best epoch 0 where it is the network that the run started from, which has an epoch of its own training."""
    for point in points:
        if Path(point["path"]).name == RunFolder.BEST and verdict.get("model_best") == 0:
            point["epoch"] = 0


def across_domains(start: str, folder: Path, valid: str, device: torch.device) -> dict[str, dict[str, Any]]:
    """What adapting the features has done to the labelled animals, and whether they can still be told from the others.

    Args:
        start: the checkpoint the run came from. folder: of the run. valid: COCO file of labelled validation animals.

    Returns:
        `probe`: network -> what the run's domain probe found; `valid`: network -> counts as in `measure`; networks are `start`,
        `model_best` and `last`.

    Raises:
        DataError: the run has left no probe.
    """
    path = RunFolder(folder).probe
    if not path.is_file():
        raise DataError(
            f"{path}, which zoopose wscda --probe writes", "no such file", "delete the cell's folder and run it again"
        )
    data = open_data(f"coco:{valid}")
    every = {"valid": np.ones(len(data), bool)}
    run = RunFolder(folder)
    networks = {"start": start, "model_best": str(run.best), "last": str(run.last)}
    counts = {}
    for name, checkpoint in networks.items():
        network = load(checkpoint)
        check_joints(data, network.skeleton, valid)
        counts[name] = counts_of(network, data, every, device)["valid"]
    return {"probe": json.loads(path.read_text(encoding="utf-8")), "valid": counts}


def _marker(path: Path) -> tuple[int, int]:
    """The same file under two names is scored once."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def _expand(patterns: Sequence[str]) -> list[str]:
    paths = []
    for pattern in patterns:
        if "*" in pattern:
            found = Path().glob(pattern)
            paths += sorted(map(str, found), key=lambda p: [int(n) for n in re.findall(r"\d+", Path(p).name)])
        elif Path(pattern).is_file():
            paths.append(pattern)
        else:
            raise DataError(f"the checkpoint {pattern}", "no such file", "delete the cell's folder and run it again")
    return paths


def _result_first(paths: list[str]) -> list[str]:
    """The checkpoints with the one in front whose score stands in the table: of a run that was stopped since it did harm, the
    network that it gave back."""
    given_back = next((path for path in paths if Path(path).name == RunFolder.BEST), None)
    if given_back and outcome_of(weights.read(paths[0])):
        return [given_back, *(path for path in paths if path != given_back)]
    return paths


def part_rows(ids: Sequence[str], parts: Mapping[str, list | None], wanted: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Name -> (N,) bool, the items of a data set that are in a part.

    Raises:
        DataError: an id that is not there.
    """
    rows = {}
    for name, part in wanted.items():
        chosen = parts[part]
        lost = set(chosen or ()) - set(ids)
        if lost:
            raise DataError(f"the animals of part {part!r}", f"no {sorted(lost)[0]}", "another --out")
        rows[name] = np.ones(len(ids), bool) if chosen is None else np.isin(np.array(ids), chosen)
    return rows


def counts_of(network: Any, data: PoseDataset, rows: Mapping[str, np.ndarray], device: torch.device) -> dict[str, dict]:
    """Right joints by part and normaliser: `exact/box` and `exact/crop` as `zoopose test` scores them; and frames that face the
    right way."""
    model = network.model.to(device, memory_format=torch.channels_last)
    found = predict(model, data, network.spec, device, PredictConfig(BATCH, strict=True, phase="scoring"))
    lengths = {
        "box": metrics.box_longer_side(found.box_xywh),
        "crop": metrics.crop_side(found.box_xywh, found.crop_factor),
    }
    counts: dict[str, dict] = {}
    for name, part in rows.items():
        counts[name] = {}
        for kind, length in lengths.items():
            visible = found.visible[part] == 2
            score = metrics.pck(found.xy_px[part], found.xy_true_px[part], visible, length[part], THRESHOLD)
            counts[name][kind] = {"right": score.right.tolist(), "n": score.n.tolist()}
        visible = found.visible[part] == 2
        right, n = facing_right(found.xy_px[part], found.xy_true_px[part], visible, data.skeleton.joints)
        counts[name]["facing"] = {"right": [right], "n": [n]}
    return counts


def share(counts: Mapping[str, Sequence[int]]) -> float:
    """Right joints out of all, pooled; NaN without any."""
    n = sum(counts["n"])
    return sum(counts["right"]) / n if n else math.nan


def label_quality(labels: PseudoLabels, truth: CocoKeypoints) -> dict[str, Any]:
    """How often the labels of a round are right: nearer than 0.05 of the box's longer side, visible joints only.

    Returns:
        `round`, `n`, and shares right: `all`; `top`: of the TOP most confident over all joints; `top_per_joint`: of the TOP most
        confident of each joint; `admitted` of those trained on, and `admitted_share` of all.

    Raises:
        DataError: the labels are of other frames.
    """
    at = {i: row for row, i in enumerate(truth.ids)}
    lost = [i for i in labels.ids if i not in at]
    if lost:
        raise DataError("labels of the target's frames", f"{lost[0]}, which the target has not")
    rows = [at[i] for i in labels.ids]
    xy, visible = truth.labels[0][rows], truth.labels[1][rows]
    counted = visible == 2
    errors = metrics.normalised_errors(labels.xy_px, xy, counted, metrics.box_longer_side(truth.boxes[rows]))
    right = np.where(counted, errors, np.inf) < THRESHOLD
    confidence = np.where(counted, labels.confidence, -np.inf)
    per_joint = [_top(confidence[:, k][counted[:, k]], right[:, k][counted[:, k]]) for k in range(right.shape[1])]
    per_joint = np.concatenate(per_joint) if per_joint else np.zeros(0, bool)
    admitted = labels.admitted & counted
    return {
        "round": int(labels.facts.get("round", 0)),
        "n": int(counted.sum()),
        "all": _mean(right[counted]),
        "top": _mean(_top(confidence[counted], right[counted])),
        "top_per_joint": _mean(per_joint),
        "admitted": _mean(right[admitted]),
        "admitted_share": _mean(admitted[counted]),
    }


def _top(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Whether right, for the TOP most confident; frames come first where confidences are equal."""
    count = math.ceil(TOP * len(confidence))
    return right[np.argsort(-confidence, kind="stable")[:count]]


def _mean(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if flags.size else None


def ranking(checkpoints: Sequence[tuple[int, float]], scores: Sequence[Sequence[float]]) -> float:
    """Spearman's rank correlation over the epochs that have both.

    Args:
        checkpoints: (epoch, true PCK). scores: (epoch, score).

    Returns:
        NaN for fewer than three, or where one of both does not vary.
    """
    known = {int(epoch): score for epoch, score in scores}
    both = [(pck, known[epoch]) for epoch, pck in dict(checkpoints).items() if epoch in known]
    if len(both) < 3 or any(len(set(values)) < 2 for values in zip(*both)):
        return math.nan
    return float(spearmanr(*zip(*both)).statistic)


def main(arguments: Sequence[str]) -> int:
    """Measures one cell."""
    console()
    cell, out, accelerator = arguments
    wanted = json.loads(Path(cell).read_text())["measure"]
    found = {"measure": wanted, **measure(wanted, accelerator)}
    with atomic_path(out) as temporary:
        temporary.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
