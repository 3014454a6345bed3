import numpy as np
import pytest
import torch

from zoopose.errors import DataError
from zoopose.evaluation.run_log import RunLog, read_log


def test_columns_grow_and_read_back(tmp_path):
    with RunLog(tmp_path / "run", tensorboard=False) as log:
        log.write(1, {"lr": 2.5e-4, "train/loss": torch.tensor(0.5)})
        log.write(2, {"lr": 1e-5, "train/loss": np.float32(0.1), "val/pck@0.05/crop": 1 / 3})
        log.write(2, {"seconds": 12})
    columns = read_log(tmp_path / "run")
    assert list(columns) == ["epoch", "lr", "train/loss", "val/pck@0.05/crop", "seconds"]
    assert columns["epoch"].tolist() == [1, 2] and columns["epoch"].dtype == np.int64
    assert columns["train/loss"][1] == np.float32(0.1) and columns["lr"][1] == 1e-5
    assert np.isnan(columns["val/pck@0.05/crop"][0]) and columns["val/pck@0.05/crop"][1] == 1 / 3


def test_resume_drops_what_is_done_again(tmp_path):
    with RunLog(tmp_path, tensorboard=False) as log:
        for epoch in range(6):
            log.write(epoch, {"loss": epoch})
    with RunLog(tmp_path, resume_epoch=4, tensorboard=False) as log:
        log.write(4, {"loss": 40, "more": 1})
    columns = read_log(tmp_path)
    assert columns["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert columns["loss"].tolist() == [0, 1, 2, 3, 40]
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 6
    with RunLog(tmp_path, tensorboard=False) as log:  # a new run starts a new log
        log.write(0, {"loss": 7})
    assert read_log(tmp_path)["loss"].tolist() == [7]


def test_resume_without_a_log(tmp_path):
    with RunLog(tmp_path, resume_epoch=3, tensorboard=False) as log:
        log.write(3, {"loss": 1})
    assert read_log(tmp_path)["epoch"].tolist() == [3]


def test_the_text_has_published_headings_over_published_numbers_only(tmp_path):
    with RunLog(tmp_path, tensorboard=False) as log:
        log.write(0, {"lr": 2.5e-4, "train/loss": 0.5, "val/acc": 0.0})
    head, row = (tmp_path / "log.txt").read_text().splitlines()
    assert head.split("\t") == [
        "Epoch",
        "LR",
        "Train Total Loss",
        "Val Last Stage Loss",
        "Train Labelled Acc",
        "Val Acc",
        "Val Auc",
        "Val Mean Error",
    ]
    assert row.split("\t") == ["0.000000", "0.000250", "0.500000", "nan", "nan", "0.000000", "nan", "nan"]


def test_tensorboard_gets_the_same_numbers(tmp_path):
    with RunLog(tmp_path) as log:
        log.write(0, {"loss/total": 1.5})
        log.write(1, {"loss/total": 2.5})
    with RunLog(tmp_path, resume_epoch=1) as log:
        log.write(1, {"loss/total": 3.5})
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulators.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss/total")] == [(0, 1.5), (1, 3.5)]


@pytest.mark.parametrize("text", ["", "loss\n1\n", "epoch,loss\n1,many\n", "epoch,loss\n,1\n"])
def test_a_log_that_is_none(tmp_path, text):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError):
        read_log(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_log(tmp_path / "elsewhere")
