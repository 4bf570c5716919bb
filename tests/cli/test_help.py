"""The help of the command line."""

from __future__ import annotations

import argparse
import re

import pytest

from edgevid.cli import COMMANDS, help_text


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_80_columns_and_has_examples(call, monkeypatch, command: str, columns: int):
    monkeypatch.setenv("COLUMNS", str(columns))
    outcome = call(*([command] if command else []), "--help")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    start = lines.index("examples:")
    expected = rf"  edgevid {command or ''}"
    assert lines[start + 1].startswith(expected)
    assert outcome.err == ""


def test_the_options_of_examples_are_there(call, monkeypatch):
    """Also those of commands in the help of others."""
    monkeypatch.setenv("COLUMNS", "80")
    texts = {command: call(command, "--help").out for command in COMMANDS}
    used = 0
    for text in [call("--help").out, *texts.values()]:
        for command, rest in re.findall(r"^  edgevid ([a-z-]+)([^\n#|]*)", text, re.MULTILINE):
            for option in re.findall(r"(?<= )--?[a-z][a-z-]*", rest.split("   ")[0]):
                used += 1
                assert re.search(rf"(^|[ ,]){option}\b", texts[command], re.MULTILINE), (command, option)
    assert used > 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify", "a.mp4", "--tresh", "3"], "classify: error: unrecognized arguments: --tresh 3. Did you mean --threshold?"),
        (["stream", "0", "--model", "mine"], "stream: error: unrecognized arguments: --model mine. Did you mean --bundle?"),
        (["info", "--model", "mine"], "edgevid info: error: unrecognized arguments: --model mine."),
        (["train"], "edgevid train: error: the following arguments are required: DATA, -o/--output."),
        (["steam", "0"], "Did you mean stream?"),
        (["stream", "0", "--bad\x1b[2J"], "edgevid stream: error: unrecognized arguments: --bad\\x1b[2J."),
    ],
)  # fmt: skip
def test_wrong_use_is_told_in_two_lines_with_what_was_meant(call, arguments: list[str], said: str):
    outcome = call(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    what, where = outcome.err.splitlines()
    assert what.endswith(said)
    command = f" {arguments[0]}" if arguments[0] in COMMANDS else ""
    assert where == f"All options: edgevid{command} --help"


def test_without_a_command_it_prints_the_help(call):
    outcome = call()
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == call("--help").out


def test_the_options_of_train_are_basic_or_advanced(call):
    groups = re.findall(r"^(basic|advanced: .*):$", call("train", "--help").out, re.MULTILINE)
    assert groups == ["basic", "advanced: data", "advanced: network and training", "advanced: card"]


def test_paragraphs_are_filled_and_columns_kept():
    parser = argparse.ArgumentParser("x", formatter_class=help_text.HelpFormatter, add_help=False)
    parser.epilog = f"""\
one
two {"long " * 20}

examples:
  edgevid a
  edgevid b  what it does
  edgevid c {"long " * 6} # {"what it does, " * 5}
"""
    lines = parser.format_help().splitlines()
    assert "one two long long" in lines[2]
    start = lines.index("examples:")
    assert lines[start + 1 : start + 3] == ["  edgevid a", "  edgevid b  what it does"]
    assert lines[start + 3] == f"  edgevid c {'long ' * 6}".rstrip()
    assert lines[start + 4].startswith("      what it does, what")


@pytest.mark.parametrize("word", ["teach", "train", "import-extractor"])
def test_one_word_for_overwriting(call, word: str):
    assert "--overwrite" in call(word, "--help").out
    assert "--force" not in call(word, "--help").out
