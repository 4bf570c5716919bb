"""What the README and the guides in examples/ promise: their links lead somewhere, their commands parse, their snippets run."""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import edgevid
from edgevid import cli

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = [README, *sorted((ROOT / "examples").glob("*.md")), ROOT / "edgevid" / "README.md"]
OTHERS = [ROOT / folder / "README.md" for folder in ("models", "benchmarks")]
LONGEST = 130  # lines


def blocks(guide: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(guide: Path) -> list[str]:
    """Each call of the command line, without the text around it."""
    lines = "\n".join(blocks(guide, "sh")).splitlines()
    parts = (part.strip() for line in lines for part in re.split(r"&&|  #", line))
    return [part for part in parts if part.startswith("edgevid ")]


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("guide", [*GUIDES, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(guide: Path):
    text = guide.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = guide.parent / path if path else guide
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, link


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_understood(guide: Path):
    for command in commands(guide):
        words = shlex.split(command)[1:]
        cli._parser(words[0]).parse_args(words)  # exits where an option is unknown


def test_the_service_is_one(tmp_path: Path):
    (unit,) = blocks(ROOT / "examples" / "watching.md", "ini")
    (command,) = re.findall("^ExecStart=(.+)$", unit, re.MULTILINE)
    program, *words = shlex.split(command)
    assert program.endswith("/bin/edgevid")
    cli._parser(words[0]).parse_args(words)
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here: the unit itself was not checked")
    file = tmp_path / "edgevid.service"
    file.write_text(unit.replace(program, sys.executable).replace("User=pi", f"User={getpass.getuser()}"))
    said = subprocess.run([analyze, "verify", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert "edgevid.service" not in said.stdout + said.stderr  # it names what it finds wrong


class EndedError(Exception):
    """The camera of a snippet has no more frames."""


@pytest.fixture
def snippets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_video: Callable[..., Path]
) -> Callable[[Path, dict[str, Any]], None]:
    """Runs a guide's snippets one after the other, with a film in place of camera 0 and of clip.mp4."""
    film = make_video("clip.mp4", frames=75, fps=25.0)
    opened = edgevid.following.open_source
    monkeypatch.setattr(
        edgevid.following, "open_source", lambda source, **options: opened(film if source == 0 else source, **options)
    )
    monkeypatch.chdir(film.parent)
    moments = iter(range(80))

    def wave(stream: edgevid.Stream) -> None:
        for number in range(30):
            stream.push(np.roll(np.full((240, 320, 3), 90, np.uint8), number), number / 10)

    def next_frame() -> tuple[np.ndarray, float]:
        number = next(moments, None)
        if number is None:
            raise EndedError
        return np.full((240, 320, 3), number, np.uint8), number / 10

    def run(guide: Path, given: dict[str, Any]) -> None:
        names = {"edgevid": edgevid, "next_frame": next_frame, "wave": wave, **given}
        for block in blocks(guide, "python"):
            code = block.replace("frame, now = ...", "frame, now = next_frame()")
            code = code.replace("...  # somebody waves", "wave(stream)  #")
            try:
                exec(compile(code, str(guide), "exec"), names)
            except EndedError:
                assert "while True" in block

    return run


def test_snippets_of_the_readme_run(snippets: Callable[..., None], capsys: pytest.CaptureFixture[str]):
    assert len(blocks(README, "python")) >= 3
    snippets(README, {})
    said = capsys.readouterr().out.splitlines()
    assert said  # what the snippets print: label, score and whether it counts, first
    assert said[0].split()[-1] in ("True", "False")


def test_the_snippet_that_teaches_runs(snippets: Callable[..., None], tmp_path: Path, make_video: Callable[..., Path]):
    films = {
        (label, number): make_video(f"{label}{number}.mp4", frames=60, fps=25.0)
        for label in ("wave", "clap") for number in range(2)
    }  # fmt: skip
    given: dict[str, Any] = {
        "clips": list(films.values()), "labels": [label for label, _ in films], "people": [str(n) for _, n in films],
    }  # fmt: skip
    snippets(ROOT / "examples" / "own_actions.md", given)
    with edgevid.load("my_actions") as learnt:
        assert set(learnt.labels) >= {"wave", "clap"}
