"""The ``edgevid`` command. Each subcommand is a module of this package, imported only when it is called.

A command module has ``add_arguments(parser)`` and ``run(args) -> int``, which returns the exit code: 0 success, 1 failure
(the error is on stderr), 2 usage error.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, Optional

from ..errors import EdgevidError, OptionError
from ..support.loading import ends_at_once
from ..support.printable import printable
from ..support.system import reason_of
from .help_text import HelpFormatter
from .output import print_error, print_note

_EPILOG = """\
examples:
  edgevid demo                      see what it does, on a real clip
  edgevid stream 0 --serve          your webcam, on a page in your browser
  edgevid classify clip.mp4         the action in a clip
  edgevid teach --live 0 -o mine    teach it your own actions, in two minutes

Most commands take the bundle as --bundle. evaluate, models and benchmark are
about bundles and take them as arguments.
`edgevid COMMAND --help` explains a command. Exit codes: 0 success, 1 failure,
2 usage error.
"""

# name -> one line for `edgevid --help`
COMMANDS = {
    "classify": "Classify video files.",
    "stream": "Recognise actions live in cameras, files or URLs; print them, serve a page, publish to MQTT.",
    "demo": "Run on a real video; write an annotated copy and a timeline.",
    "models": "List the models, or show one model's card.",
    "info": "Print versions, runtime and CPU, for a bug report.",
    "benchmark": "Measure the speed of edgevid on this machine, stage by stage.",
    "record": "Record clips of your own actions with a camera, or cut them from a film.",
    "dataset": "Summarise a data set and warn of problems for training.",
    "extract": "Compute the embeddings of a data set's clips and cache them.",
    "teach": "Teach a bundle your own actions in seconds, without TensorFlow.",
    "train": "Train a bundle on a folder of labelled clips.",
    "evaluate": "Evaluate a bundle on labelled clips and write a report.",
    "compare": "Compare evaluations of several bundles on the same clips.",
    "import-extractor": "Make an extractor from a TFLite image classifier.",
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = next((a for a in arguments if not a.startswith("-")), "")
    try:
        _replace_closed_streams()
        _quiet_native_logs()
        _tolerate_any_file_name()
        if logging.lastResort is not None:  # prints warnings if no logging is configured
            logging.lastResort.setFormatter(_LogFormatter())
        parser = _parser(command)
        args = parser.parse_args(arguments)
        if args.command is None:
            parser.print_help()
            return 0
        code: int = _module(args.command).run(args)
        sys.stdout.flush()  # notice a closed pipe here, not at exit
        return code
    except OptionError as error:
        print_error(command, str(error))
        return 2
    except EdgevidError as error:
        print_error(command, str(error))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _give_up_stdout()  # the reader went away (`edgevid ... | head`): not an error
        return 0
    except Exception as error:
        reason = reason_of(error)
        if reason is None:
            raise
        print_error(command, reason)
        _give_up_stdout()
        return 1


def _give_up_stdout() -> None:
    """Keep Python from flushing at exit into a stream that cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):  # a stand-in for stdout has no number
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _module(command: str) -> ModuleType:
    with ends_at_once():
        return importlib.import_module(f"{__name__}.{command.replace('-', '_')}")


def _parser(called: str) -> argparse.ArgumentParser:
    from .. import __version__

    parser = _Parser(
        prog="edgevid",
        description="Recognise human actions in video on small computers.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edgevid {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary, formatter_class=HelpFormatter)
        if name == called:  # only the called command's module is worth importing
            _module(name).add_arguments(subparser)
    return parser


# What other programs call an option.
_OTHER_WORDS = {"--model": "--bundle", "--weights": "--bundle"}


class _Parser(argparse.ArgumentParser):
    """Whose errors name the command, what was probably meant, and where the options stand."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            _called(self, parsed.command).error(f"unrecognized arguments: {' '.join(unknown)}", unknown)
        return parsed

    def error(self, message: str, unknown: Sequence[str] = ()) -> NoReturn:
        known = [option for option in self._option_string_actions if option != "--help"]
        known += [word for word, option in _OTHER_WORDS.items() if option in known]
        if "COMMAND: invalid choice" in message:
            unknown, known = re.findall("invalid choice: '(.*?)'", message), list(COMMANDS)
        close = [difflib.get_close_matches(one.partition("=")[0], known, 1, 0.7) for one in unknown]
        meant = [_OTHER_WORDS.get(name, name) for names in close for name in names]
        hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
        print_note(f"{self.prog}: error: {message}.{hint}", f"All options: {self.prog} --help")
        self.exit(2)


def _called(parser: argparse.ArgumentParser, command: Optional[str]) -> _Parser:
    """The parser of the command that was called, or the whole one."""
    choices = next(action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    called: _Parser = choices.get(command or "", parser)
    return called


class _LogFormatter(logging.Formatter):
    """A formatter whose messages may quote any source's name."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging calls it
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n".join(map(printable, super().formatException(ei).splitlines()))


def _quiet_native_logs() -> None:
    """Silence FFmpeg, OpenCV and TensorFlow on stderr, because edgevid reports errors itself; set a variable to see all."""
    for variable, value in (
        ("OPENCV_FFMPEG_LOGLEVEL", "-8"),
        ("OPENCV_LOG_LEVEL", "OFF"),
        ("TF_CPP_MIN_LOG_LEVEL", "3"),
    ):
        os.environ.setdefault(variable, value)


def _replace_closed_streams() -> None:
    """Replace closed streams (`edgevid ... >&-`) by the null device: Python has None there, and prints errors on stdout."""
    nowhere = Path(os.devnull)
    if sys.stdout is None:
        sys.stdout = nowhere.open("w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = nowhere.open("w", encoding="utf-8")


def _tolerate_any_file_name() -> None:
    """Print characters that the terminal's encoding lacks, usually in file names, as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
