"""The page's panel for teaching, as a real browser shows it, over a session with a camera."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit

import pytest
from support.mjpeg import MjpegCamera
from support.motions import motion
from support.system import threads_named
from support.waiting import wait_until
from web_browser import DESK, PHONE, Page
from web_client import Answer, get

from edgevid import TeachOptions, open_bundle, open_source
from edgevid.recording import ClipFolder
from edgevid.teaching.panel import TeachPanel
from edgevid.teaching.session import TeachingSession

MOTIONS = {kind: motion(kind) for kind in ("none", "wave")}
ZIPPED = gzip.compress(b'{"label": "wave"}', mtime=0)  # without the time, which would change the test's name


class Taught:
    """A session with its page; by default clips of a second, with a short countdown, and motion alone."""

    def __init__(
        self,
        folder: Path,
        token: Optional[str] = None,
        clips: int = 1,
        *,
        seconds: float = 1.0,
        countdown: float = 0.3,
        embedders: tuple[str, ...] = ("region-flow",),
    ) -> None:
        from edgevid.outputs.web import WebServer

        self.folder, self.camera = folder, MjpegCamera(25)
        self.camera.show(MOTIONS["none"])
        self.server = WebServer((), port=0, token=token, title="edgevid teach")
        options = TeachOptions(embedders=embedders, cache=folder / "cache")
        self.session = TeachingSession(
            open_source(self.camera.url), ClipFolder(folder / "clips"), folder / "mine", options=options, seconds=seconds,
            countdown_seconds=countdown, outputs=[self.server], on_labels=self.server.relabel,
        )  # fmt: skip
        self.server.panel = TeachPanel(self.session, clips)
        self.server.start()

    @property
    def url(self) -> str:
        return self.server.url

    def post(self, command: str, what: Any, **headers: str) -> Answer:
        """Send a command as a program would."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            body = what if isinstance(what, bytes) else json.dumps(what).encode()
            names = {"Content-Type": "application/json", **{n.replace("_", "-"): text for n, text in headers.items()}}
            connection.request("POST", f"/api/teach/{command}", body, names)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def close(self) -> None:
        self.session.close()
        self.server.close()
        self.camera.unplug()


@pytest.fixture
def taught(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Taught]:
    pytest.importorskip("aiohttp", reason="the extra 'web' is not installed")
    made = Taught(tmp_path, **getattr(request, "param", {}))
    yield made
    made.close()
    assert threads_named("edgevid web") == []


# Longer than a window, and with what `teach` looks at by default: two clips each are enough then, on a busy machine too.
LEARNABLE = {"seconds": 3.0, "countdown": 1.0, "embedders": TeachOptions().embedders}


@pytest.mark.parametrize("taught", [LEARNABLE], indirect=True, ids=["learnable"])
def test_from_nothing_to_a_recognised_action_with_the_keyboard_and_corrected(taught: Taught, page: Page):
    page.look(*PHONE).open(taught.url)
    page.shows(".teach .hint", "Record doing nothing and an action")
    assert not page.all(".right:not([hidden])")
    # Doing nothing: the first button
    page.run("document.querySelector('.teach .actions button').focus()")
    assert page.focused().get_attribute("aria-label") == "Record Doing nothing"
    page.press("\n")
    page.shows(".teach .doing", "Get ready: 1")
    page.shows(".teach .doing", "Recording: 1")
    page.shows(".action", "Recording none: 1 s left")
    assert page.focused().get_attribute("aria-label") == "Stop recording Doing nothing"
    page.shows(".teach .count", "1 clip")
    assert page.run("return document.querySelector('.teach .spoken').textContent") == "Doing nothing: 1 clip."
    # An action of one's own, by its name
    taught.camera.show(MOTIONS["wave"])
    page.type(".teach input", "wave\n")
    page.shows(".actions > li:nth-child(2)", "wave 1 clip Record Clips")
    assert page.one(".teach input").get_attribute("value") == ""
    page.click(".actions li:nth-child(2) button")
    page.shows(".actions li:nth-child(2) .count", "2 clips")
    # One is deleted; the keyboard focus stays near
    page.click(".actions li:nth-child(2) summary")
    page.run("document.querySelector('.actions li:nth-child(2) ol button').focus()")
    assert page.focused().get_attribute("aria-label") == "Delete clip 1 of wave"
    page.press("\n")
    page.shows(".actions li:nth-child(2) .count", "1 clip")
    assert page.focused().get_attribute("aria-label") == "Clips of wave"
    page.shows(".teach .hint", "2 clips to learn from.")
    for kind, motion_frames in MOTIONS.items():  # two of each are enough to tell them apart
        taught.camera.show(motion_frames)
        taught.session.record(kind).result(60)
    page.shows(".teach .hint", "4 clips to learn from.")
    page.click(".learn button")
    page.shows(".teach .doing", "Recognising")
    page.shows(".action", "wave")
    page.shows(".teach .hint", "Not measured")
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    # The answer is wrong: it was nothing
    page.click(".choices button:first-child")
    page.shows(".actions li:first-child .count", "3 clips")
    wait_until(lambda: not taught.session.state.work)
    assert open_bundle(taught.folder / "mine").card["training"]["clips"] == 5
    # One more action, by name, while it is streamed: the page's labels follow
    page.look(*DESK)
    page.type(".teach input", "clap\n")
    page.shows(".actions > li:nth-child(3)", "clap 1 clip")
    page.shows(".teach .hint", "1 clip changed since.")
    page.click(".learn button")
    page.shows(".bars", "clap")
    page.shows(".bars", "wave")


@pytest.mark.parametrize("taught", [{"clips": 3}], indirect=True)
def test_one_press_records_as_many_clips_as_are_wanted(taught: Taught, page: Page):
    taught.session.record("wave").result(60)
    page.look(*PHONE).open(taught.url)
    page.shows(".actions > li:nth-child(2) > button", "Record 2")  # one is there
    page.shows(".teach .actions button", "Record 3")
    page.shows(".teach .new button", "Record 3")
    page.click(".teach .actions button")
    page.shows(".teach .count", "3 clips")
    page.shows(".teach .actions button", "Record")
    page.shows(".teach .doing", "Ready")
    # one more is a single one, and Stop ends a row
    page.click(".teach .actions button")
    page.shows(".teach .count", "4 clips")
    page.shows(".teach .doing", "Ready")
    page.click(".actions > li:nth-child(2) > button")
    page.shows(".actions > li:nth-child(2) .count", "2 clips")
    page.click(".teach .actions .busy")
    page.shows(".teach .doing", "Ready")
    assert [clip.label for clip in taught.session.state.clips] == ["wave", *["none"] * 4, "wave"]


def test_what_goes_wrong_is_shown(taught: Taught, page: Page):
    page.open(taught.url)
    page.type(".teach input", "a/b\n")
    page.shows(".teach .error", "The label 'a/b' was given; expected a name that a folder can have")
    page.one(".teach input").clear()
    page.click(".teach .learn button")  # it does nothing: there is nothing to learn
    page.click(".teach .actions button")
    page.shows(".teach .doing", "Recording")
    page.click(".teach .actions .busy")  # stop
    page.shows(".teach .doing", "Ready")
    assert page.text(".teach .count") == "0 clips"
    assert not page.one(".teach .error").is_displayed()
    taught.post("delete", {"path": "wave/gone.avi"})
    page.shows(".teach .error", "lists no clip 'wave/gone.avi'")
    # a refused command is logged by the console, and no error of the page
    lines = page.driver.get_log("browser")
    assert ["400 (Bad Request)" in line["message"] for line in lines] == [True]


@pytest.mark.parametrize(
    ("command", "what", "headers", "status", "words"),
    [
        ("record", {"label": "x" * 101}, {}, 400, "at most 100 bytes"),
        ("record", {"label": "x" * 2000}, {}, 413, ""),
        ("record", {"label": 7}, {}, 400, "JSON object of strings"),
        ("record", b"label=wave", {}, 400, "JSON object of strings"),
        ("record", {}, {}, 400, 'No "label" was given'),
        ("record", {"label": "wave"}, {"Content_Type": "application/x-www-form-urlencoded"}, 415, "Expected JSON"),
        ("record", ZIPPED, {"Content_Encoding": "gzip"}, 400, "JSON object of strings"),
        ("record", {"label": "wave"}, {"Origin": "http://evil.example"}, 403, "a page of another site"),
        ("record", {"label": "wave"}, {"Host": "evil.example"}, 403, "localhost"),
        ("correct", {"label": "wave"}, {}, 400, "teach first"),
        ("format", {}, {}, 404, "no command 'format'"),
    ],
)
def test_requests_that_are_refused(
    taught: Taught, command: str, what: Any, headers: dict[str, str], status: int, words: str
):
    answer = taught.post(command, what, **headers)
    assert answer.status == status
    assert words in answer.json()["error"]
    assert taught.session.state.actions == ("none",)
    assert taught.session.state.recording.state == "ready"


def test_a_token_is_asked_for(tmp_path: Path):
    pytest.importorskip("aiohttp", reason="the extra 'web' is not installed")
    taught = Taught(tmp_path, token="open sesame".replace(" ", "-"))
    try:
        assert taught.post("record", {"label": "wave"}).status == 401
        assert taught.post("record", {"label": "wave"}, Authorization="Bearer shut-sesame").status == 403
        assert get(taught.url.split("?")[0], "/api/state").status == 401
        assert taught.session.state.recording.state == "ready"
        good = {"Authorization": "Bearer open-sesame"}
        assert taught.post("record", {"label": "wave"}, **good).status == 202
        assert taught.post("record", {"label": "wave"}, **good).json()["error"].startswith("A clip is being recorded")
        wait_until(lambda: len(taught.session.state.clips) == 1)
        state = get(taught.url.split("?")[0], "/api/state", **good).json()["teach"]
        assert [(action["label"], len(action["clips"])) for action in state["actions"]] == [("none", 0), ("wave", 1)]
    finally:
        taught.close()
