"""A thousand cases; `python -m tests.fuzz` runs more, and the slow kinds."""

from __future__ import annotations

import sys

import pytest

from .engine import case_names, run
from .targets import KINDS

SLOW = ("command",)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a worker is read from /proc")
def test_hostile_inputs_are_taken_or_refused(capsys: pytest.CaptureFixture[str]):
    report = run(case_names(1000, 1, [kind for kind in KINDS if kind not in SLOW]))
    with capsys.disabled():
        print("\n" + "\n".join(report.lines()))  # noqa: T201 - shows what was run
    assert len(report.outcomes) == 1000
    assert not [f"--replay {outcome.name}: {outcome.result}: {outcome.detail}" for outcome in report.findings]
