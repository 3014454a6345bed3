"""The `zoopose` command. Every sub-command is loaded only when it is called."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module

from . import __version__
from .commandline.parsing import command, show, stopped
from .progress import console, listening

# name -> (module with `run` and a docstring, module:class of its options, one line)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("scripts.demo", "scripts.demo:DemoOptions", "show all steps on drawn animals, in minutes"),
    "train": ("train.train", "train.options:TrainOptions", "train a network on labelled animals"),
    "ccssl": ("ccssl.CCSSL", "ccssl.options:CcsslOptions", "adapt a network to unlabelled animals"),
    "wscda": (
        "wscda.WSCDA",
        "wscda.options:WscdaOptions",
        "adapt a network with people, labelled and unlabelled animals",
    ),
    "pplo": ("wscda.PPLO", "wscda.options:PploOptions", "refine a network with its own best predictions"),
    "test": ("evaluation.test", "evaluation.options:TestOptions", "score a network: PCK@0.05 per joint, OKS, PCKh"),
    "predict": (
        "evaluation.predict",
        "evaluation.options:PredictOptions",
        "predict the joints in your own pictures or video",
    ),
    "import": ("scripts.import_checkpoint", "train.options:ImportOptions", "convert a published checkpoint"),
    "export": (
        "scripts.export_checkpoint",
        "evaluation.options:ExportOptions",
        "write a checkpoint for the published CC-SSL code",
    ),
    "report": ("scripts.report", "scripts.report:ReportOptions", "make the report of a run again"),
    "data make": (
        "scripts.make_animals",
        "synthetic.options:MakeOptions",
        "draw animals with labels",
    ),
    "data three": (
        "scripts.make_domains",
        "synthetic.options:ThreeOptions",
        "draw people and animals, for adaptation across species",
    ),
    "data get": (
        "scripts.get_data",
        "scripts.get_data:GetOptions",
        "say where a data set comes from, or download it",
    ),
    "data check": (
        "scripts.check_data",
        "datasets.options:CheckOptions",
        "check a data set: counts, and a sheet of pictures",
    ),
    "doctor": ("scripts.doctor", "scripts.doctor:DoctorOptions", "print versions, devices and data sets"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: find the sub-command, load it, run it."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        show(usage())
        return 0
    if argv[0] in ("-V", "--version"):
        show(f"zoopose {__version__}")
        return 0
    name, rest = argv[0], argv[1:]
    if f"{name} {rest[0] if rest else ''}" in COMMANDS:
        name, rest = f"{name} {rest[0]}", rest[1:]
    if name not in COMMANDS:
        typed = " ".join(argv[:2]) if argv[0] == "data" else argv[0]
        near = difflib.get_close_matches(typed, COMMANDS, 1, 0.4)
        message = f"zoopose: no command {typed!r}" + (f"; did you mean: zoopose {near[0]}" if near else "")
        print(f"{message}\n\n{usage()}", file=sys.stderr)
        return 2
    module_name, options_name, _ = COMMANDS[name]
    try:
        with listening():
            module = import_module(f".{module_name}", __package__)
            options_module, _, options_class = options_name.partition(":")
            options = getattr(import_module(f".{options_module}", __package__), options_class)
            return command(module.run, options, f"zoopose {name}", module.__doc__ or "", rest)
    except KeyboardInterrupt as stop:
        console()
        return stopped(stop)


def usage() -> str:
    """The first page."""
    width = max(map(len, COMMANDS))
    lines = [
        f"zoopose {__version__}: pose of animals nobody has labelled",
        "",
        "usage: zoopose COMMAND [--help] [options]",
        "",
    ]
    lines += [f"  {name:<{width}}  {what}" for name, (_, _, what) in COMMANDS.items()]
    lines += ["", "start here: zoopose demo", "then:       zoopose COMMAND --help begins with examples"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
