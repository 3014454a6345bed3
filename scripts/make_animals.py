"""Draw animals: a source and a target, in the folders of the published data sets.

The command writes `synthetic_animal/` (clean pictures with labels of every vertex) and `behaviorDiscovery2.0/` (videos with
landmarks) into one folder. If it is stopped, the same command draws what is missing.

Examples:

    zoopose data make

    zoopose data make --out my_data --animal horse tiger --pictures 5000 --shots 60 --workers 4

    zoopose data make --domain source --size 240 320 --views side

    zoopose data make --domain source --animal livestock --pictures 400 --views side

Species that the published data do not have (cow, goat, pig, dog) are written as one COCO file of all species, `animals/train.json`
and `animals/valid.json`; with `--layout coco` the others too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.parsing import command, warn_of_idle
from zoopose.progress import log
from zoopose.synthetic.options import MakeOptions

OF_SOURCE = ("pictures", "size", "views", "individuals", "layout")
OF_TARGET = ("shots", "frames", "target_size", "gap", "site")


@alone_in("out")
def run(options: MakeOptions) -> list[Path]:
    """Make as the options say, with progress; returns the folders of the trees."""
    from zoopose.synthetic.make_animals import make
    from zoopose.synthetic.making import bars

    warn_of_idle(options, [(name, lambda o: o.domain == "target", "with --domain target") for name in OF_SOURCE])
    warn_of_idle(options, [(name, lambda o: o.domain == "source", "with --domain source") for name in OF_TARGET])
    made = make(options, bars())
    for folder in made:
        log.info("%s", folder)
    return made


if __name__ == "__main__":
    sys.exit(command(run, MakeOptions, "make_animals.py", __doc__))
