"""Samples of published sets in COCO format, as converted for mmpose: what is in them, and that all of it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoopose.datasets.check import check_source
from zoopose.datasets.open import open_data
from zoopose.errors import DataError

ROOT = Path(os.environ.get("ZOOPOSE_DATA", "")) / "samples/small_sets/tests/data"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not ROOT.is_dir(), reason="ZOOPOSE_DATA has no samples/small_sets/tests/data"),
]

# file -> animals, pictures, joints, left/right pairs, what is left out
SETS = {
    "animalpose/test_animalpose": (2, 2, 20, 8, {}),
    "ap10k/test_ap10k": (2, 2, 17, 7, {}),
    "atrw/test_atrw": (2, 2, 15, 6, {}),
    "horse10/test_horse10": (3, 3, 22, 0, {}),
    "zebra/test_zebra": (2, 2, 9, 2, {}),
    "macaque/test_macaque": (2, 2, 17, 8, {}),
    "locust/test_locust": (2, 2, 35, 15, {}),
    "fly/test_fly": (2, 2, 32, 14, {}),
    "coco/test_coco": (12, 4, 17, 8, {"no labelled joint": 2}),
    "coco/test_coco_wholebody": (12, 4, 17, 8, {"no labelled joint": 2}),
    "mpii/test_mpii_trb": (5, 5, 40, 19, {}),
    "posetrack18/annotations/test_posetrack18_val": (14, 3, 17, 7, {}),
    "posetrack18/annotations/val/012834_mpii_test": (11, 1, 17, 7, {}),
    "jhmdb/test_jhmdb_sub1": (3, 3, 15, 6, {}),
    "crowdpose/test_crowdpose": (4, 2, 14, 6, {"no labelled joint": 1}),
    "ochuman/test_ochuman": (5, 3, 17, 8, {}),
}


@pytest.mark.parametrize("name", SETS)
def test_a_sample_of_every_set(name):
    facts = check_source(open_data(f"coco:{ROOT / name}.json"))
    items, pictures, joints, pairs, skipped = SETS[name]
    assert (facts["items"], facts["source"]["pictures"], facts["source"]["joints"]) == (items, pictures, joints)
    assert len(facts["partners"]) == pairs and facts["without_partner"] == [] and facts["skipped"] == skipped
    assert facts["missing_pictures"]["count"] == 0 and facts["faulty"] == [] and facts["read"] == items


def test_animal_kingdoms_sample_names_two_of_its_five_classes():
    with pytest.raises(DataError, match=r"a category for every annotation's category_id(?s:.*)2 annotations"):
        open_data(f"coco:{ROOT / 'ak/test_animalkingdom.json'}")


def test_mpii_in_its_own_form():
    facts = check_source(open_data(f"mpii:{ROOT / 'mpii/test_mpii.json'}"))
    assert facts["items"] == facts["read"] == 5 and facts["faulty"] == [] and facts["outside_picture"]["joints"] == 0
