"""Ctrl-C while the command's modules load, and the command as it is installed."""

from __future__ import annotations

import configparser
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from edgevid.cli import interrupts
from edgevid.support.loading import ends_at_once

# The command, interrupted where a module is looked for.
SCRIPT = """
import os, runpy, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs without it

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

{before}
sys.meta_path.insert(0, Interrupting())
sys.argv = ["edgevid", *{arguments!r}]
runpy.run_module("edgevid", run_name="__main__")
"""


def interrupted(repository: Path, module: str, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(module=module, arguments=arguments, before=before)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=environment)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C there")
@pytest.mark.parametrize("module", ["edgevid.cli", "numpy", "edgevid.cli.models", "edgevid.bundles"])
def test_it_ends_without_a_word(repository: Path, module: str):
    done = interrupted(repository, module, "models")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_where_it_is_ignored_it_stays_so(repository: Path):
    done = interrupted(repository, "numpy", "models", before="signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert done.returncode == 0
    assert "exercises10" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_of_several_signals_the_first_counts_and_one_a_second_later(monkeypatch: pytest.MonkeyPatch):
    """A terminal that is closed sends SIGHUP and then SIGTERM; the second one broke off what ended in order."""
    now = [100.0]
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now[0])
    with interrupts.interruptible():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        now[0] += 0.9
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:  # SIGHUP under nohup
                os.kill(os.getpid(), number)
        now[0] += 0.2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_afterwards_it_is_a_keyboard_interrupt_again():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ends_at_once():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_installed_is_the_same_command(repository: Path):
    config = configparser.ConfigParser()
    config.read(repository / "setup.cfg")
    _, module, function = config["options.entry_points"]["console_scripts"].replace("=", ":").split(":")
    assert getattr(importlib.import_module(module.strip()), function.strip()).__module__ == "edgevid.__main__"


def test_a_warning_is_a_line_for_people(repository: Path, make_video: Callable[..., Path]):
    slow = make_video("slow.avi", 8, fps=0.1)
    command = [sys.executable, "-m", "edgevid", "stream", str(slow), "--bundle", "exercises10-motion"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    (said,) = (line for line in done.stderr.splitlines() if "frames lie" in line)
    assert said.startswith("edgevid: The last 6 frames lie 10 s apart")
