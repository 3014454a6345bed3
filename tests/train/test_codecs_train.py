"""Every codec trains with networks of every kind of output, decodes, and its checkpoint scores."""

from __future__ import annotations

import pytest

from zoopose.pose import checkpoints
from zoopose.pose.codecs import CODECS
from zoopose.train.options import TrainOptions
from zoopose.train.train import run

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_coco, tiny_options):
    data = tiny_coco(tmp_path_factory.mktemp("data"), n=8)

    def options(folder, **more):
        return TrainOptions(**tiny_options(folder, dataset=f"coco:{data}", valid=f"coco:{data}", epochs=1, **more))

    return options


QUICK = ("dark", "softargmax", "udp_offset", "megvii")  # one of every kind of targets and reading


@pytest.mark.parametrize("codec", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CODECS])
def test_a_network_trains_with_every_codec(tmp_path, command, codec):
    folder = run(command(tmp_path, codec=codec, debug=1))
    loaded = checkpoints.load(folder / "last.pth.tar")
    assert loaded.spec.codec == codec
    assert loaded.numbers.get("maps_per_joint", 1) == CODECS[codec].maps_per_joint
    assert (folder / "debug/000_joints.jpg").is_file()


@pytest.mark.parametrize("arch, loss", [("cpn50", "cpn"), ("rsn_res18", "megvii"), ("lpn50", "finest")])
def test_levels_go_to_the_outputs_they_are_for(tmp_path, command, monkeypatch, arch, loss):
    from zoopose.train import multitask

    asked = []
    monkeypatch.setattr(multitask, "SupervisedStep", lambda feed, fabric, name: asked.append(name) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(command(tmp_path, arch=arch, codec="megvii", stacks=4, width=128, depth=0, inp_res=64))
    assert asked == [loss]
