"""Files given as checkpoints that are none: each is named as what it is, with what to do."""

import datetime
import io
import json
import pickle
import tarfile
import zipfile

import cv2
import h5py
import numpy as np
import pytest
import torch
from torch import nn

from zoopose.errors import WeightsError
from zoopose.pose import weights


def _zip(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def _tar(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        info = tarfile.TarInfo("model.pth")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


def _hdf5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["a"] = [1]
    return buffer.getvalue()


def _saved(value, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def _safetensors() -> bytes:
    head = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(head).to_bytes(8, "little") + head + b"\0" * 4


KINDS = {
    "html": (lambda: b"<!DOCTYPE html><html>404", "web page"),
    "html after spaces": (lambda: b"\n\n  <HTML lang='en'>", "web page"),
    "xml": (lambda: b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "XML"),
    "lfs": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "Git LFS pointer"),
    "json": (lambda: b'{"message": "Not Found"}', "JSON"),
    "text": (lambda: b"see the README\nfor weights", "see the README"),
    "empty": (lambda: b"", "empty"),
    "zeros": (lambda: bytes(5000), "zero bytes"),
    "zip": (lambda: _zip(a__txt=b"a", model__pth=b"b"), "unzip it and name model.pth"),
    "empty zip": (lambda: _zip(), "nothing in it"),
    "npz": (lambda: _zip(a__npy=_npy()), "zip archive of another kind, with a.npy"),
    "tar": (lambda: _tar("w"), "tar xf"),
    "tar.gz": (lambda: _tar("w:gz"), "gzip"),
    "tar.bz2": (lambda: _tar("w:bz2"), "bzip2"),
    "tar.xz": (lambda: _tar("w:xz"), "xz"),
    "npy": (_npy, "NumPy"),
    "hdf5": (_hdf5, "HDF5"),
    "png": (lambda: cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes(), "PNG"),
    "jpg": (lambda: cv2.imencode(".jpg", np.zeros((4, 4), np.uint8))[1].tobytes(), "JPEG"),
    "safetensors": (_safetensors, "load_file"),
    "pickle": (lambda: pickle.dumps({"a": 1}), "torch.save did not write"),
    "pickle of objects": (lambda: pickle.dumps(datetime.datetime(2020, 1, 1)), "torch.save did not write"),
    "objects": (lambda: _saved({"made": datetime.datetime(2020, 1, 1)}), "datetime.datetime"),
    "a whole network": (lambda: _saved(nn.Linear(2, 2)), "torch.nn.modules.linear.Linear"),
    "a whole network, legacy": (lambda: _saved(nn.Linear(2, 2), _use_new_zipfile_serialization=False), "Linear"),
    "TorchScript": (
        lambda: _zip(**{"m/constants__pkl": b"a", "m/code/m__py": b"", "m/data__pkl": b"a"}),
        "TorchScript",
    ),
    "a tensor": (lambda: _saved(torch.ones(3)), "holds Tensor"),
    "a list": (lambda: _saved([1, 2]), "holds list"),
    "an empty dict": (lambda: _saved({}), "holds"),
    "names that are no text": (lambda: _saved({1: torch.ones(2)}), "a name 1 of int"),
    "values that are no tensors": (lambda: _saved({"state_dict": {"a": 1}}), "a is int"),
    "complex numbers": (lambda: _saved({"a": torch.ones(2, dtype=torch.complex64)}), "complex64"),
    "sparse": (lambda: _saved({"a": torch.ones(2).to_sparse()}), "sparse"),
    "noise": (lambda: bytes(range(1, 256)), "begins with the bytes 01 02"),
    "cut": (lambda: _saved({"a": torch.ones(300)})[:700], "cut short"),
    "cut legacy": (lambda: _saved({"a": torch.ones(300)}, _use_new_zipfile_serialization=False)[:300], "model.pth.tar"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_each_is_named(name, tmp_path):
    make, said = KINDS[name]
    path = tmp_path / "model.pth.tar"
    path.write_bytes(make())
    with pytest.raises(WeightsError) as error:
        weights.read(path)
    text = str(error.value)
    assert str(path) in text and said in text
    assert "\x1b" not in text and "weights_only" not in text


def test_a_folder_is_named(tmp_path):
    with pytest.raises(WeightsError, match="a folder"):
        weights.read(tmp_path)
    (tmp_path / "last.pth.tar").touch()
    with pytest.raises(WeightsError, match=r"last\.pth\.tar"):
        weights.read(tmp_path)


def test_checkpoints_of_torch_are_read_zipped_and_legacy(tmp_path):
    for zipped in (True, False):
        torch.save({"a": torch.ones(3)}, tmp_path / "a", _use_new_zipfile_serialization=zipped)
        assert weights.read(tmp_path / "a")["state_dict"]["a"].sum() == 3
