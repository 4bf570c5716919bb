"""The parts of the output that only a terminal shows, and the main entry."""

from __future__ import annotations

import io
import os

import pytest

from edgevid.cli.output import Progress, shorten, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_count_rate_and_time_left():
    terminal = Terminal()
    with Progress(4, "files", stream=terminal) as progress:
        progress.advance(2)
        line = progress.line(79)
    assert "2/4 files" in line
    assert "files/s" in line
    assert "left" in line
    assert terminal.getvalue().endswith("\r\x1b[K")  # nothing of it stays


@pytest.mark.parametrize("width", [10, 20, 40, 79, 200])
def test_a_bar_fits_the_terminal(width):
    progress = Progress(10_000, "frames", stream=Terminal())
    progress.count = 9_999
    assert len(progress.line(width)) <= width
    progress.total = 0
    assert len(progress.line(width)) <= width


def test_no_bar_without_a_terminal():
    stream = io.StringIO()
    with Progress(4, "files", stream=stream) as progress:
        progress.advance(4)
    assert stream.getvalue() == ""


def test_a_table_is_cut_to_the_terminal():
    lines = table([("NAME", "N"), ("x" * 100, "12")], right=(1,), width=40)
    assert all(len(line) <= 40 for line in lines)
    assert lines[1].endswith("  12")
    assert shorten("abcdefgh", 5, keep="end") == "...gh"


def lines_on_a_terminal(spawn, *arguments: object, columns: int) -> list[str]:
    """What a person sees of a command that ends well."""
    pty = pytest.importorskip("pty", reason="no terminal to stand in for")
    ours, theirs = pty.openpty()
    process = spawn(*arguments, output=theirs, COLUMNS=str(columns))
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # how Linux ends a pseudo-terminal
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return shown.decode().splitlines()


def test_a_table_on_a_terminal(spawn, clip):
    shown = lines_on_a_terminal(spawn, "classify", clip, columns=70)
    assert any("0/1 files" in line for line in shown)
    lines = [line.split("\x1b[K")[-1] for line in shown]
    heading = next(line for line in lines if line.startswith("FILE"))
    assert heading.split() == ["FILE", "LABEL", "SCORE", "THEN"]
    assert all(len(line) <= 70 for line in lines if "\r" not in line)


def test_a_stream_on_a_terminal_says_the_rule_once_and_no_line_is_wider(spawn, clip):
    lines = lines_on_a_terminal(spawn, "stream", clip, "--window-seconds", 1, "--enter", 0.25, columns=80)
    text = " ".join(" ".join(lines).split())
    assert "exercises10 knows 10 actions: BodyWeightSquats, HandStandPushups" in text
    assert (
        text.count("recognised: what has a score of 25 % for 1.5 s and a certainty of 85 % that it is one of them") == 1
    )
    assert all(len(line) <= 80 for line in lines if "frames used" not in line)
    predictions = [line for line in lines if "nothing recognised (" in line]
    assert len(predictions) == 4
    assert "% filled)" in predictions[0]


def test_the_commands_are_listed_at_once(spawn):
    process = spawn("--help")
    text, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    for command in ("classify", "stream", "demo", "models", "info", "train"):
        assert command in text


def test_an_unknown_command_is_wrong_use(call):
    assert call("none-such").code == 2
