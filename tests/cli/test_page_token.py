"""The token for a page: where it may come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgevid import OptionError
from edgevid.cli.options import page_token


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEVID_TOKEN", raising=False)


def test_it_is_given_or_in_a_file_or_in_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "token").write_text("of the file\n", encoding="utf-8")
    assert page_token(None, True) is None
    assert page_token("12345678", True) == "12345678"
    assert page_token(f"@{tmp_path / 'token'}", True) == "of the file"
    monkeypatch.setenv("EDGEVID_TOKEN", "of the variable")
    assert page_token(None, True) == "of the variable"
    assert page_token("12345678", True) == "12345678"
    assert page_token(None, False) is None


def test_what_cannot_be_is_refused(tmp_path: Path):
    with pytest.raises(OptionError, match="give --serve too"):
        page_token("12345678", False)
    with pytest.raises(OptionError, match=r"cannot be read from .*: No such file"):
        page_token(f"@{tmp_path / 'gone'}", True)
