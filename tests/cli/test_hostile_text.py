"""File names, labels and cards with control characters for the terminal."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from support.videos import moving_frames

from edgevid import EdgevidWarning
from edgevid.cli import output
from edgevid.support.printable import printable
from edgevid.support.warned import format_for_people

# colours and a title, a forged line, a forged column, text from right to left, half of a character
EVIL = "a\x1b[2J\x9b31mb\nforged 0.99\tc\u202egpj.\udcff"
SHOWN = r"a\x1b[2J\x9b31mb\nforged 0.99\tc\u202egpj.\udcff"
FILE, FILE_SHOWN = EVIL[:-1], SHOWN[:-6]  # OpenCV takes no halves of characters

pytestmark = pytest.mark.skipif(os.name != "posix", reason="such names exist on POSIX file systems only")


def check(*texts: str) -> None:
    """The texts have no terminal control characters but line ends and tabs between fields."""
    for text in texts:
        assert re.findall("[^\\n\\t -~\xa0-\u061b]", text) == []


@pytest.fixture
def evil_clip(make_video: Any, tmp_path: Path) -> Path:
    return make_video("plain.mp4", moving_frames(6), 3.0).rename(tmp_path / f"{FILE}.mp4")


@pytest.fixture
def evil_bundle(repository: Path, tmp_path: Path) -> Path:
    """The smallest bundle, with a label and texts that are hostile."""
    bundle = Path(shutil.copytree(repository / "models" / "exercises10-motion", tmp_path / "bundle"))
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    card["labels"] = [EVIL + str(k) for k, _ in enumerate(card["labels"])]
    card["description"] = card["licence"] = EVIL
    (bundle / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return bundle


def test_it_is_escaped_once():
    assert printable(EVIL) == SHOWN
    assert printable(SHOWN) == SHOWN
    assert printable("señor, \u65e5\u672c, \U0001f600 \u0639\u0631") == "señor, \u65e5\u672c, \U0001f600 \u0639\u0631"


@pytest.mark.parametrize("form", [(), ("--json",), "table"])
def test_classify(call: Any, evil_clip: Path, evil_bundle: Path, monkeypatch, form: Any):
    if form == "table":
        monkeypatch.setattr("edgevid.cli.classify.is_terminal", lambda stream: True)
    outcome = call(
        "classify", evil_clip, evil_clip.parent / f"{FILE}.avi", "-b", evil_bundle, *(form if form != "table" else ())
    )
    check(outcome.out, outcome.err)
    lines = outcome.out.splitlines()
    assert len(lines) == (2 if form else 1)
    assert f"{FILE_SHOWN}.avi" in outcome.err
    if form == ():
        assert lines[0].split("\t")[0].endswith(f"{FILE_SHOWN}.mp4")
        assert len(lines[0].split("\t")) == 3 + 2 * 4


def test_stream_and_demo(call: Any, evil_clip: Path, evil_bundle: Path, tmp_path: Path):
    options = "-b", evil_bundle, "--window-seconds", 1
    outcome = call("stream", evil_clip, evil_clip, *options, "--events")
    check(outcome.out, outcome.err)
    assert SHOWN in outcome.out
    assert FILE_SHOWN in outcome.err
    outcome = call("demo", evil_clip, *options, "-o", tmp_path / FILE)
    check(outcome.out, outcome.err)
    assert FILE_SHOWN in outcome.out


def test_models(call: Any, evil_bundle: Path):
    for options in ((), ("--card",), ("--json",)):
        outcome = call("models", evil_bundle, *options)
        assert outcome.code == 0
        check(outcome.out)
        assert options == ("--json",) or SHOWN in outcome.out


def test_data_sets(call: Any, evil_clip: Path, tmp_path: Path):
    for label in ("plain", f"x{FILE}"):
        folder = tmp_path / "clips" / label
        folder.mkdir(parents=True)
        shutil.copy(evil_clip, folder / f"{FILE}.mp4")
        (folder / "broken\x1b[0m.mp4").write_text("no video")
    outcome = call("dataset", tmp_path / "clips", "--no-plot")
    check(outcome.out, outcome.err)
    assert f"x{FILE_SHOWN}" in outcome.out


def test_evaluate(call: Any, evil_clip: Path, evil_bundle: Path, tmp_path: Path):
    pytest.importorskip("sklearn", reason="needs the extra 'evaluate'")
    for label in range(2):
        folder = tmp_path / "clips" / f"{FILE}{label}"
        folder.mkdir(parents=True)
        shutil.copy(evil_clip, folder / f"{FILE}.mp4")
        (folder / "broken\x1b[0m.mp4").write_text("no video")
    outcome = call("evaluate", evil_bundle, tmp_path / "clips")
    check(outcome.out, outcome.err)


def test_errors(call: Any, tmp_path: Path):
    for arguments in (
        ("classify", "x", f"--{EVIL}"),
        ("stream", tmp_path / FILE),
        ("demo", tmp_path / FILE),
        ("models", EVIL),
        ("dataset", tmp_path / FILE),
        (EVIL,),
    ):
        outcome = call(*arguments)
        assert outcome.code in (1, 2)
        check(outcome.out, outcome.err)
        assert FILE_SHOWN in outcome.err, arguments


@pytest.mark.parametrize("category", [EdgevidWarning, UserWarning])
def test_warnings(monkeypatch: pytest.MonkeyPatch, category: type[Warning]):
    """Matplotlib quotes a sign that its font lacks."""
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # it is put back
    format_for_people()
    said = warnings.formatwarning(EVIL, category, "file.py", 1, "code")
    check(said)
    assert SHOWN in said


def test_a_table_is_measured_as_it_is_shown():
    first, second = output.table([["\x1b", "a"], ["abcd", "b"]])
    assert (first, second) == (r"\x1b  a", "abcd  b")


def test_a_progress_bar_cannot_be_broken_by_its_text(capsys):
    output.rewrite("a\rb\x1b[2J")
    assert capsys.readouterr().err == "\r" + r"a\rb\x1b[2J" + "\x1b[K"


def test_warnings_of_the_log(call: Any):
    call("--version")
    try:
        raise ValueError(EVIL)
    except ValueError:
        record = logging.LogRecord("edgevid", logging.ERROR, "", 0, "%s stopped", (EVIL,), sys.exc_info())
    assert logging.lastResort is not None
    text = logging.lastResort.format(record)
    check(text)
    assert text.startswith(f"{SHOWN} stopped\n")
