"""Draw three domains for adaptation across species: labelled people, labelled animals, and another species as the target.

People are written in the folders of COCO (17 joints), animals as COCO keypoint files (18 joints). The target is a species that is
not among the labelled ones, filmed at one place. The labels in its files are for scoring and for an oracle. If the command is
stopped, the same command draws what is missing.

Examples:

    zoopose data three

    zoopose data three --out my_data --people 5000 --pictures 5000 --shots 200 --workers 4

    zoopose data three --animal horse --target tiger --gap 0.5
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.parsing import command
from zoopose.progress import log
from zoopose.synthetic.options import ThreeOptions

if TYPE_CHECKING:
    from zoopose.synthetic.make_domains import ThreeDomains


@alone_in("out")
def run(options: ThreeOptions) -> ThreeDomains:
    """Make as the options say, with progress; returns the files."""
    from zoopose.synthetic.make_domains import make_three
    from zoopose.synthetic.making import bars

    made = make_three(options, bars())
    log.info("coco_person:%s", made.people)
    for path in (made.animals_train, made.animals_valid, made.target_train, made.target_valid):
        log.info("coco:%s", path)
    return made


if __name__ == "__main__":
    sys.exit(command(run, ThreeOptions, "make_domains.py", __doc__))
