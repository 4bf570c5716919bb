"""Options of the page that all commands share: the token and where it may come from, TLS, proxies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Optional

import pytest

from edgevid import EdgevidError, OptionError
from edgevid.cli.page import add_page_options, check_page_options


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEVID_TOKEN", raising=False)


def checked(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_page_options(parser, "a page")
    args = parser.parse_args([str(argument) for argument in arguments])
    check_page_options(args)
    return args


def token(*arguments: object) -> Optional[str]:
    value: Optional[str] = checked("--serve", *arguments).token
    return value


def test_the_token_is_given_or_in_a_file_or_in_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "token").write_text("of the file\n", encoding="utf-8")
    assert token() is None
    assert token("--token", "12345678") == "12345678"
    assert token("--token", f"@{tmp_path / 'token'}") == "of the file"
    monkeypatch.setenv("EDGEVID_TOKEN", "of the variable")
    assert token() == "of the variable"
    assert token("--token", "12345678") == "12345678"
    assert checked().token is None


@pytest.mark.parametrize("option", ["--token", "--tls-cert", "--tls-key", "--proxy"])
def test_what_is_for_the_page_needs_one(option: str):
    with pytest.raises(OptionError, match=f"^{option} is for the page; give --serve too"):
        checked(option, "12345678")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--token", "@gone"], r"cannot be read from gone: No such file"),
        (["--tls-cert", "gone.pem"], r"gone.pem.*cannot be read: No such file"),
        (["--tls-key", "gone.pem"], r"without a certificate; give tls_cert too"),
        (["--proxy", "nginx"], r"The proxy 'nginx' was given; expected its address"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(arguments: list[str], words: str):
    with pytest.raises(EdgevidError, match=words):
        checked("--serve", *arguments)
