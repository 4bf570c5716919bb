"""The page, as a real browser shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Callable, Optional

import numpy as np
import pytest
from support.telling import Paced, Told
from support.videos import moving_frames
from support.waiting import wait_until
from web_browser import DESK, PHONE, Page
from web_feed import LABELS, observation, prediction, status

from edgevid.events import Began, Counted, Ended, Event
from edgevid.frames import Region
from edgevid.outputs.drawing.style import Palette
from edgevid.prediction import Prediction

Keys = pytest.importorskip("selenium.webdriver.common.keys", reason="selenium is not installed").Keys

Serve = Callable[..., Told]


def show(
    server: Told, best: int, score: float, at: float, *, events: Optional[Sequence[Event]] = None, **options: Any
) -> None:
    """A prediction, and by default the events of a detector with a threshold of 0.5."""
    predicted = prediction(best, score, timestamp=at)
    goes_on = next((a for state in server.states(options.get("source")) for a in state.actions), None)
    if events is None:
        events = []
        if goes_on is not None and (score < 0.5 or goes_on.label != LABELS[best]):
            events.append(Ended(goes_on.label, at, at - goes_on.since, goes_on.peak_score))
        if score >= 0.5 and (goes_on is None or goes_on.label != LABELS[best]):
            events.append(Began(LABELS[best], at, score))
    server.observe(observation(timestamp=at, predicted=predicted, events=events, **options))


class TestAction:
    def test_current_action_and_its_score_follow_the_predictions(self, serve: Serve, page: Page):
        server = serve(title="Hall")
        show(server, 0, 0.92, 1.0)
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        page.shows(".detail", "92 %")
        show(server, 3, 0.81, 2.0)
        page.shows(".action", "Lunges")
        page.shows(".detail", "81 %")
        assert page.text("h1") == page.driver.title == "Hall"
        assert page.text("h2") == "camera 0"
        assert page.text(".state") == "Live"
        assert [pill.text for pill in page.all(".pill") if pill.is_displayed()] == ["Live"]

    def test_nothing_is_recognised_unless_an_action_goes_on_and_it_says_why(self, serve: Serve, page: Page):
        server = serve()
        show(server, 1, 0.41, 1.0)
        page.open(server.url)
        page.shows(".action", "Nothing recognised")
        assert page.text(".detail") == "Best guess PushUps 41 %, needs 50 %"
        assert page.text(".needed") == "Recognised from 50 %"
        assert page.one(".bars li").get_attribute("data-kind") == "best"
        show(server, 1, 0.83, 2.0, events=[])
        page.shows(".detail", "PushUps 83 %, not for long enough yet")
        assert page.text(".action") == "Nothing recognised"
        likelier = prediction(1, 0.41, timestamp=3.0, none=0.52)
        server.observe(observation(timestamp=3.0, predicted=likelier))
        page.shows(".detail", "Best guess PushUps 41 %, none of these 52 %")
        assert page.text(".bars li").startswith("none of these")

    def test_action_that_goes_on_is_shown_also_while_another_is_likelier(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0)
        show(server, 1, 0.55, 2.0, events=[])
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        shown = " ".join(page.one(".bars [data-kind=sure]").text.split())
        assert shown.startswith("JumpingJack")
        assert page.text(".detail").startswith(f"{shown.split()[1]} %")

    @pytest.mark.parametrize(
        ("source", "name"),
        [("/films/of/a/hall.mp4", "hall.mp4"), ("camera http://10.0.0.5/hall.mjpg", "camera http://10.0.0.5/hall.mjpg"),
         ("/dev/video0", "/dev/video0")],
    )  # fmt: skip
    def test_of_a_path_the_name_of_the_file_is_shown(self, serve: Serve, page: Page, source: str, name: str):
        server = serve()
        show(server, 0, 0.92, 1.0, source=source)
        page.open(server.url)
        page.shows("h2", name)
        assert (page.text("h2"), page.one("h2").get_attribute("title")) == (name, source)

    def test_how_long_it_goes_on(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 10.0, events=[Began("JumpingJack", 10.0, 0.9)])
        show(server, 0, 0.9, 17.2)
        page.open(server.url)
        page.shows(".detail", "90 % · for 7 s")

    def test_window_that_fills(self, serve: Serve, page: Page):
        server = serve(window_seconds=5)
        server.observe(observation(timestamp=10.0))
        server.observe(observation(timestamp=12.0))
        page.open(server.url)
        page.shows(".action", "Watching")  # as in the demo's film
        assert page.text(".detail") == "The window is 40 % full."
        assert page.one(".filling").is_displayed()
        show(server, 0, 0.9, 15.0)
        page.shows(".action", "JumpingJack")
        assert not page.one(".filling").is_displayed()

    def test_screen_reader_is_told_the_action_only_when_it_changes(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0)
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        wait_until(lambda: page.run("return document.querySelector('.spoken[aria-live]').textContent") == "JumpingJack")
        page.run(
            "window.told = [];"
            "new MutationObserver((all) => told.push(...all.map((one) => one.target.textContent)))"
            ".observe(document.querySelector('.spoken[aria-live]'), {childList: true, characterData: true, subtree: true});"
        )
        for i in range(6):
            show(server, 0, 0.8 + i / 100, 2.0 + i)
            page.shows(".detail", f"{80 + i} %")
        show(server, 4, 0.9, 10.0)
        wait_until(lambda: page.run("return told.length"))
        assert page.run("return told") == ["PullUps"]
        assert page.one("img").get_attribute("alt") == "Live picture of camera 0: PullUps"


class TestRegion:
    REGION = Region(0.25, 0.5, 0.75, 0.9)

    def show(self, server: Told, at: float, region: Optional[Region], width: int = 320, height: int = 240) -> None:
        predicted, image = prediction(0, 0.9, timestamp=at, region=region), np.full((height, width, 3), 200, np.uint8)
        server.observe(observation(timestamp=at, predicted=predicted, events=[Began(LABELS[0], at, 0.9)], image=image))

    @pytest.mark.parametrize(("screen", "size"), [(DESK, (320, 240)), (DESK, (160, 400)), (PHONE, (640, 360))])
    def test_it_is_framed_in_the_picture_and_scaled_with_it(
        self, serve: Serve, page: Page, screen: tuple[int, int], size: tuple[int, int]
    ):
        server = serve()
        self.show(server, 1.0, self.REGION, *size)
        page.look(*screen).open(server.url)
        page.shows(".action", "JumpingJack")
        left, top, right, bottom = page.run(
            # where object-fit puts the picture in its element
            "const image = document.querySelector('img'), out = image.getBoundingClientRect();"
            "const scale = Math.min(out.width / arguments[0], out.height / arguments[1]);"
            "const [w, h] = [arguments[0] * scale, arguments[1] * scale];"
            "const [x, y] = [out.left + (out.width - w) / 2, out.top + (out.height - h) / 2];"
            "const box = document.querySelector('.region rect').getBoundingClientRect();"
            "return [(box.left - x) / w, (box.top - y) / h, (box.right - x) / w, (box.bottom - y) / h]",
            *size,
        )
        assert (left, top, right, bottom) == pytest.approx(self.REGION, abs=0.02)

    def test_where_all_of_the_picture_counts_there_is_none(self, serve: Serve, page: Page):
        server = serve()
        self.show(server, 1.0, self.REGION)
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        wait_until(lambda: page.one(".region").is_displayed())
        self.show(server, 2.0, None)
        wait_until(lambda: not page.one(".region").is_displayed())


class TestScores:
    def bars(self, page: Page) -> list[tuple[str, str]]:
        return [tuple(" ".join(row.text.split()).rsplit(" ", 2)[:2]) for row in page.all(".bars li")]  # type: ignore[misc]

    def test_best_five_best_first(self, serve: Serve, page: Page):
        server = serve()
        show(server, 2, 0.9, 1.0)
        page.open(server.url)
        page.shows(".bars", "90 %")
        bars = self.bars(page)
        assert len(bars) == 5
        assert bars[0] == ("BodyWeightSquats", "90")
        shares = [int(share) for _, share in bars]
        assert shares == sorted(shares, reverse=True)

    def test_close_ones_keep_their_places_for_a_while_and_others_change_them_at_once(self, serve: Serve, page: Page):
        def share(first: float, second: float) -> None:
            rest = (1 - first - second) / (len(LABELS) - 2)
            probabilities = np.array([first, second] + [rest] * (len(LABELS) - 2), np.float32)
            server.observe(observation(timestamp=1.0, predicted=Prediction(LABELS, probabilities, 0.5, 1.0, enter=0.5)))

        server = serve()
        share(0.40, 0.38)
        page.open(server.url)
        page.shows(".bars li", "40 %")
        share(0.38, 0.39)
        page.shows(".bars", "39 %")
        assert [name for name, _ in self.bars(page)][:2] == ["JumpingJack", "PushUps"]
        page.run("document.querySelector('.bars li').dataset.marked = 'yes'")
        share(0.30, 0.45)
        page.shows(".bars", "45 %")
        assert [name for name, _ in self.bars(page)][:2] == ["PushUps", "JumpingJack"]
        assert page.one(".bars [data-marked]").text.startswith("JumpingJack")  # the row itself has moved
        share(0.46, 0.45)
        page.shows(".bars li", "46 %")  # after a while these do, too

    def test_length_of_a_bar_is_the_score(self, serve: Serve, page: Page):
        server = serve()
        show(server, 2, 0.75, 1.0)
        page.look(*DESK, prefers_reduced_motion="reduce").open(server.url)
        page.shows(".bars", "75 %")
        part = page.run(
            "const t = document.querySelector('.bars .track'), f = t.querySelector('.fill');"
            "return f.getBoundingClientRect().width / t.getBoundingClientRect().width"
        )
        assert part == pytest.approx(0.75, abs=0.01)

    def test_all_on_request_in_the_order_of_the_labels(self, serve: Serve, page: Page):
        server = serve()
        show(server, 2, 0.9, 1.0)
        page.open(server.url)
        page.shows(".bars", "90 %")
        button = page.one(".all")
        button.click()
        assert [name for name, _ in self.bars(page)] == list(LABELS)
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        assert len(self.bars(page)) == 5


class TestTimeline:
    @pytest.fixture
    def server(self, serve: Serve) -> Told:
        server = serve()
        show(server, 0, 0.9, 10.0, events=[Began("JumpingJack", 10.0, 0.9)], live=False)
        show(server, 0, 0.2, 14.5, events=[Ended("JumpingJack", 14.5, 4.5, 0.97)], live=False)
        show(server, 3, 0.8, 20.0, events=[Began("Lunges", 20.0, 0.8)], live=False)
        show(server, 3, 0.8, 26.0, live=False)
        return server

    def test_page_that_is_opened_late_shows_what_was(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "JumpingJack")
        names = [button.get_attribute("aria-label") for button in page.all(".lane button")]
        assert [name.replace("\u202f", " ") for name in names] == [
            "JumpingJack, 0:10.0 to 0:14.5, 4.5 s, peak 97 %",
            "Lunges, since 0:20.0, going on, peak 80 %",
        ]

    def test_actions_have_the_colours_of_the_annotated_video(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "Lunges")
        palette = Palette()
        expected = [f"rgb{palette.colour(label)}" for label in ("JumpingJack", "Lunges")]
        colour = "return [...document.querySelectorAll(arguments[0])].map((e) => getComputedStyle(e)[arguments[1]])"
        assert page.run(colour, ".lane button", "backgroundColor") == expected
        assert page.run(colour, ".bars [data-kind=sure] .fill", "backgroundColor") == expected[1:]
        assert page.run(colour, ".action", "borderLeftColor") == expected[1:]

    def test_place_and_length_of_an_event_are_its_times(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "JumpingJack")
        left, width = page.run(
            "const t = document.querySelector('.bars-of-lane').getBoundingClientRect(),"
            " b = document.querySelector('.lane button').getBoundingClientRect();"
            "return [(b.left - t.left) / t.width, b.width / t.width]"
        )
        assert left == pytest.approx(1 - 16 / 180, abs=0.01)
        assert width == pytest.approx(4.5 / 180, abs=0.01)

    def test_new_event_appears_and_ends(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "Lunges")
        show(server, 3, 0.1, 30.0, events=[Ended("Lunges", 30.0, 10.0, 0.88)], live=False)
        wait_until(lambda: "10 s" in page.all(".lane button")[1].get_attribute("aria-label").replace("\u202f", " "))
        show(server, 7, 0.9, 31.0, events=[Began("WallPushups", 31.0, 0.9)], live=False)
        page.shows(".lanes", "WallPushups")

    def test_keyboard_goes_from_event_to_event(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "Lunges")
        page.one("input[value='180']").send_keys(Keys.TAB)
        page.shows(".readout", "Lunges, since 0:20.0")  # one tab stop: the newest
        page.press(Keys.ARROW_LEFT)
        page.shows(".readout", "JumpingJack, 0:10.0 to 0:14.5, 4.5 s, peak 97 %")
        page.press(Keys.END)
        page.shows(".readout", "Lunges")
        page.press(Keys.TAB)
        assert page.focused().tag_name == "summary"
        page.shows(".readout", "Point at the curve")

    def test_pointing_gives_label_and_time(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "Lunges")
        box = page.run(
            "const b = document.querySelector('canvas').getBoundingClientRect(); return [b.left, b.top, b.width]"
        )
        at = {"x": box[0] + box[2] * (1 - 14 / 180), "y": box[1] + 20}
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", **at})
        page.shows(".readout", "JumpingJack, 0:10.0 to 0:14.5")
        assert page.one(".cursor").is_displayed()
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 5, "y": 5})
        page.shows(".readout", "Point at the curve")

    def test_length_can_be_chosen(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "JumpingJack")
        show(server, 3, 0.8, 80.0, live=False)  # a minute after the jumping jacks
        page.one("input[value='60']").click()
        page.shows(".ticks", "\u221245 s")
        wait_until(lambda: "JumpingJack" not in page.text(".lanes"))
        page.one("input[value='600']").click()
        page.shows(".lanes", "JumpingJack")
        page.shows(".ticks", "\u221210 min")

    def test_table_says_the_same(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "Lunges")
        page.click("summary")
        page.shows("tbody", "Lunges")
        rows = [" ".join(row.text.split()) for row in page.all("tbody tr")]
        assert rows == ["Lunges 0:20.0 goes on \u2013 \u2013 80 %", "JumpingJack 0:10.0 0:14.5 4.5 s \u2013 97 %"]
        assert [head.text for head in page.all("thead th")] == [
            "Action",
            "Began",
            "Ended",
            "Lasted",
            "Times",
            "Peak score",
        ]

    def test_event_that_leaves_takes_no_focus_with_it(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "Lunges")
        page.run("document.querySelector('.lane button').focus()")
        show(server, 3, 0.8, 250.0, live=False)
        wait_until(lambda: "JumpingJack" not in page.text(".lanes"))
        assert page.focused().get_attribute("aria-label").startswith("Lunges")


class TestFigures:
    def test_rates_latency_drops_and_age(self, serve: Serve, page: Page):
        server = serve()
        page.open(server.url)
        show(server, 0, 0.9, 1.0, captured=12000, dropped=600, latency=0.0314, restarts=2)
        page.shows("[data-figure=latency]", "31 ms")
        page.shows("[data-figure=dropped]", "600 (5 %)")
        page.shows("[data-figure=restarts]", "2\u00d7")
        page.shows("[data-figure=age]", "0.")
        wait_until(lambda: "warn" in page.one("[data-figure=age]").get_attribute("class"))  # nothing newer came

    def test_what_is_too_slow_for_the_model_is_marked(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0)
        (state,) = server.states()
        seen = observation(timestamp=2.0).sampled
        server.output.take(seen, replace(state, too_slow="machine", needed_per_second=5.0, _rates=(2.1, 30.0)))
        page.open(server.url)
        page.shows("[data-figure=rate]", "2.1 of 5.0 /s")
        assert "warn" in page.one("[data-figure=rate]").get_attribute("class")
        assert page.text("[data-figure=captured]") == "Captured 30.0 /s"

    def test_temperature_where_the_machine_has_a_sensor(
        self, serve: Serve, page: Page, monkeypatch: pytest.MonkeyPatch
    ):
        from edgevid.outputs.web import clients

        readings = {"temperature_celsius": None, "load": None}
        monkeypatch.setattr(clients, "readings", lambda: readings)
        monkeypatch.setattr(clients, "_READINGS_SECONDS", 0.0)
        server = serve()
        page.open(server.url)
        page.shows("body[data-connection=live]", "")
        assert not page.one("#temperature").is_displayed()
        readings = {"temperature_celsius": 61.3, "load": 0.25}
        page.shows("#temperature", "CPU 61.3 °C")
        page.shows("#load", "25 %")

    def test_picture_is_the_newest_frame(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0, image=moving_frames(1, 320, 240)[0])
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        wait_until(lambda: page.run("return document.querySelector('img').naturalWidth") == 320)
        show(server, 0, 0.9, 2.0, image=moving_frames(1, 200, 100)[0])
        wait_until(lambda: page.run("return document.querySelector('img').naturalWidth") == 200)


class TestTrouble:
    def test_camera_that_is_lost_and_comes_back(self, serve: Serve, page: Page):
        server = serve()
        server.status(status("opened"))
        page.open(server.url)
        page.shows(".veil", "Waiting for the first frame")
        show(server, 0, 0.9, 1.0)
        page.shows(".state", "Live")
        assert not page.one(".veil").is_displayed()
        server.next_try_at = time.monotonic() + 8
        server.status(status("lost", "camera 0 stopped giving frames after 42."))
        page.shows(".state", "Lost")
        page.shows(".veil", "Lost. Next try in 7 s")
        page.shows(".veil", "Lost. Next try in 6 s")  # without an update of the server
        page.shows(".detail", "stopped giving frames after 42")
        server.status(status("reopened", "Reopened after 3 s."))
        show(server, 1, 0.9, 2.0, restarts=1)
        page.shows(".state", "Live")
        page.shows(".action", "PushUps")

    def test_source_that_is_waited_for_is_there(self, serve: Serve, page: Page):
        server = serve()
        server.next_try_at = time.monotonic() + 100
        server.status(status("waiting", "It does not open. It is tried again until it opens."))
        page.open(server.url)
        page.shows(".state", "Waiting")
        page.shows(".veil", "Not available yet. Next try in 1 min")
        page.shows(".detail", "It does not open.")

    def test_file_that_has_ended_says_what_was_recognised_last(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 10.0, live=False)
        page.open(server.url)
        page.shows(".state", "Playing")
        show(server, 0, 0.2, 14.5, live=False)
        server.status(status("ended", "clip.mp4 has ended."))
        page.shows(".state", "Ended")
        assert page.text(".action") == "Ended"
        assert page.text(".detail") == "Last recognised: JumpingJack, 0:10.0 to 0:14.5, 4.5 s, peak 90 %"

    def test_page_loads_without_alarm_and_takes_no_short_gap_for_one(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0)
        seen = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _ALARMS})
        try:
            page.open(server.url)
            page.shows("body[data-connection=live]", "")
            port = int(server.url.rstrip("/").rsplit(":", 1)[1])
            server.close()
            again = serve(port=port)
            show(again, 1, 0.9, 1.0)
            page.shows(".action", "PushUps")
            assert page.run("return [...alarms]") == []
        finally:
            page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", seen)

    def test_server_that_stops_and_starts_again(self, serve: Serve, page: Page):
        server = serve(title="Before")
        show(server, 0, 0.9, 1.0, events=[Began("JumpingJack", 1.0, 0.9)])
        page.open(server.url)
        page.shows(".lanes", "JumpingJack")
        port = int(server.url.rstrip("/").rsplit(":", 1)[1])
        server.close()
        page.shows("#connection", "Reconnecting")
        page.shows(".notice", "The connection is lost")
        page.shows("#retry", "Try now")
        again = serve(title="After", port=port)
        show(again, 5, 0.9, 1.0, source="garden")
        page.shows("body[data-connection=live]", "")
        page.shows(".action", "JumpRope")
        page.shows("h1", "After")
        assert [name.text for name in page.all("h2")] == ["garden"]
        assert not page.one(".notice").is_displayed()
        assert "JumpingJack" not in page.text(".lanes")

    def test_page_that_is_one_too_many_says_so_and_waits_for_its_turn(self, serve: Serve, chromium: Any):
        from web_client import Watching

        server = serve(max_clients=1)
        first = Watching(server.url)
        page = Page(chromium).look(*DESK).open(server.url)
        page.shows(".notice", "1 browsers are connected already")
        first.close()
        page.shows("body[data-connection=live]", "")

    def test_repetitions_are_shown_beside_the_action_and_in_its_event(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0, events=[Began("JumpingJack", 1.0, 0.9), Counted("JumpingJack", 1.0, 2)])
        show(server, 0, 0.9, 2.0, events=[Counted("JumpingJack", 2.0, 3)])
        page.open(server.url)
        page.click("summary")
        page.shows(".detail", "90 % · for 1 s · 3\u00d7")
        (button,) = page.driver.find_elements("css selector", ".lanes button")
        assert ", going on, 3 times, peak 90" in button.get_attribute("aria-label")
        page.shows("tbody", "goes on \u2013 3 90 %")

    def test_event_of_a_kind_that_is_not_known_is_named(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0, events=[Began("JumpingJack", 1.0, 0.9)])
        server.events("camera 0", [Paced("JumpingJack", 1.5, 12, 31.25)])
        show(server, 0, 0.9, 2.0)
        page.open(server.url)
        page.click("summary")
        page.shows("tbody", "JumpingJack paced")
        page.shows(".detail", "90 % · for 1 s")  # the action goes on
        spoken = [
            button.get_attribute("aria-label") for button in page.driver.find_elements("css selector", ".lanes button")
        ]
        assert any(words.startswith("JumpingJack paced, ") for words in spoken)

    def test_hostile_names_and_labels_are_text(self, serve: Serve, page: Page):
        labels = (
            "<script>document.title='broken'</script>",
            "<img src=x onerror=\"document.title='broken'\">",
            "a&amp;b",
            "é\u202e\n",
        )
        source = "<b>cam</b>\"'>"
        server = serve(labels, title="<i>x</i>")
        for i in range(4):
            predicted = prediction(i, 0.9, timestamp=i, labels=labels)
            server.observe(observation(source, float(i), predicted=predicted, events=[Began(labels[i], i, 0.9)]))
        server.status(status("running", "<u>message</u>", source))
        predicted = prediction(0, 0.9, timestamp=5.0, labels=labels)
        server.observe(observation(source, 5.0, predicted=predicted, events=[Began(labels[0], 5.0, 0.9)]))
        page.open(server.url)
        page.shows(".action", labels[0])
        page.click("summary")
        page.shows("tbody", labels[1])
        assert page.text("h1") == page.driver.title == "<i>x</i>"
        assert page.text("h2") == source
        assert page.text(".message") == "<u>message</u>"
        assert labels[2] in page.text(".bars")
        assert (
            page.run(
                "return document.querySelectorAll('.card script, .card b, .card u, .card i, .card [onerror]').length"
            )
            == 0
        )

    def test_very_long_label_keeps_its_place(self, serve: Serve, page: Page):
        labels = ("Wave", "W" * 400, "a long label made of many words that somebody wrote with care " * 3)
        server = serve(labels)
        heights = set()
        page.look(*PHONE).open(server.url)
        for at, best in enumerate([0, 1, 2]):
            server.observe(observation(timestamp=at, predicted=prediction(best, 0.9, timestamp=at, labels=labels)))
            page.shows(".bars li:first-child", labels[best][:10])
            heights.add(
                page.run(
                    "return [...document.querySelectorAll('.action, .scores, .figures')].map(e => e.offsetTop).join()"
                )
            )
            assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
        assert len(heights) == 1


class TestPause:
    def test_paused_page_stands_still_and_then_shows_the_newest(self, serve: Serve, page: Page):
        server = serve()
        show(server, 0, 0.9, 1.0)
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        page.one("#pause").send_keys(Keys.SPACE)
        page.shows("#connection", "Paused")
        assert page.one("#pause").get_attribute("aria-pressed") == "true"
        show(server, 1, 0.9, 2.0, events=[Began("PushUps", 2.0, 0.9)])
        page.shows(".action", "PushUps")  # the one update that had been asked for
        encoded = server._pictures.encoded
        show(server, 2, 0.9, 3.0, events=[Began("BodyWeightSquats", 3.0, 0.9)])
        wait_until(lambda: server._board.version == 6)
        assert page.text(".action") == "PushUps"
        assert server._pictures.encoded == encoded
        page.one("#pause").click()
        page.shows(".action", "BodyWeightSquats")
        page.shows("body[data-connection=live]", "")
        page.shows(".lanes", "BodyWeightSquats")


class TestLooks:
    @pytest.fixture
    def server(self, serve: Serve) -> Told:
        server = serve()
        for name in ("camera 0", "rtsp://192.168.100.200:8554/a/very/long/path/to/a/camera"):
            server.status(status("reopened", "A message that is longer than a phone is wide, as messages are.", name))
            show(
                server,
                6,
                0.93,
                1.0,
                source=name,
                events=[Began("HandstandWalking", 1.0, 0.9)],
                captured=10**7,
                dropped=10**6,
            )
        return server

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("size", [PHONE, (320, 640), DESK, (1920, 1080)])
    def test_nothing_is_wider_than_the_screen(self, server: Told, page: Page, size: tuple[int, int], scheme: str):
        page.look(*size, prefers_color_scheme=scheme).open(server.url)
        page.shows(".action", "HandstandWalking")
        page.click("summary")
        assert page.run("return document.documentElement.scrollWidth") <= size[0]
        assert len(page.all(".card")) == 2

    def test_on_a_phone_the_timeline_comes_before_the_figures(self, server: Told, page: Page):
        tops = "return ['.current', '.timeline', '.figures'].map((s) => document.querySelector(s).getBoundingClientRect().top)"
        page.look(*PHONE).open(server.url)
        page.shows(".action", "HandstandWalking")
        current, timeline, figures = page.run(tops)
        assert current < timeline < figures
        page.look(1000, 800)
        current, timeline, figures = page.run(tops)
        assert current < figures < timeline

    @pytest.mark.parametrize("none", [True, False])
    def test_the_model_and_what_it_knows_are_named_at_the_foot(self, serve: Serve, page: Page, none: bool):
        page.open(serve(("wave", "clap"), model="mine", none=none).url)
        page.shows("footer summary", "mine knows 2 actions")
        page.click("footer summary")
        page.shows("footer", "wave, clap. It has also learned" if none else "wave, clap. It has learned no other")

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_every_text_stands_out_from_what_is_behind_it(self, server: Told, page: Page, scheme: str):
        show(server, 6, 0.3, 2.0)
        page.look(*DESK, prefers_color_scheme=scheme).open(server.url)
        page.shows(".action", "Nothing recognised")
        page.click("summary")
        weak = page.run(_CONTRAST)
        assert weak == []

    def test_colours_follow_the_system(self, server: Told, page: Page):
        light, dark = (
            page.look(*DESK, prefers_color_scheme=scheme)
            .open(server.url)
            .run("return getComputedStyle(document.body).backgroundColor")
            for scheme in ("light", "dark")
        )
        assert light != dark

    def test_no_motion_where_it_is_not_wanted(self, server: Told, page: Page):
        page.look(*DESK, prefers_reduced_motion="reduce").open(server.url)
        page.shows(".action", "HandstandWalking")
        assert page.run("return getComputedStyle(document.querySelector('.bars .fill')).transitionDuration") == "0s"

    def test_tab_key_reaches_everything_in_order_and_shows_where_it_is(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "HandstandWalking")
        reached = []
        for _ in range(7):
            page.press(Keys.TAB)
            element = page.focused()
            reached.append(element.get_attribute("id") or element.get_attribute("class") or element.tag_name)
            visible = page.run(
                "const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && s.opacity === '1'"
            )
            hidden_radio = element.get_attribute("type") == "radio"  # the box around it shows the focus
            assert visible or hidden_radio, reached[-1]
        assert reached == ["skip", "pause", "all small", "input", "open", "summary", "all small"]

    def test_names_and_landmarks_for_screen_readers(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".lanes", "HandstandWalking")
        tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        named = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n.get("ignored")}
        roles = {role for role, _ in named}
        assert {"main", "banner", "contentinfo", "article", "heading", "status"} <= roles
        assert ("article", "camera 0") in named
        assert ("button", "Pause") in named
        assert ("group", "Length of the timeline") in named
        assert all(name for role, name in named if role in ("button", "radio", "link", "image", "article"))

    def test_nothing_moves_when_figures_change(self, server: Told, page: Page):
        page.open(server.url)
        page.shows(".action", "HandstandWalking")
        places = (
            "return [...document.querySelectorAll('h3, dt, .action, .detail, summary, .pill, #pause')]"
            ".map(e => [e.offsetLeft, e.offsetTop].join())"
        )
        before = page.run(places)
        for i in range(8):
            show(
                server,
                i,
                0.999 if i % 2 else 0.07,
                10.0 + i,
                events=[],
                captured=10 ** (i + 1),
                dropped=10**i,
                latency=10 ** (i - 4),
                restarts=i,
            )
            page.shows(".bars", LABELS[i])
            assert page.run(places) == before


class TestToken:
    def test_token_leaves_the_address_and_the_page_still_opens(self, serve: Serve, page: Page):
        server = serve(token="a-long-enough-token")
        show(server, 0, 0.9, 1.0)
        page.open(server.url)
        page.shows(".action", "JumpingJack")
        assert "token" not in page.driver.current_url
        assert page.run("return document.cookie") == ""
        page.driver.refresh()
        page.shows(".action", "JumpingJack")

    def test_without_it_the_page_asks_and_takes_it(self, serve: Serve, chromium: Any):
        server = serve(token="a-long-enough-token")
        show(server, 0, 0.9, 1.0)
        page = Page(chromium).look(*PHONE).open(server.url.partition("?")[0])
        page.shows("main", "A token is needed to watch")
        assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
        page.one("#token").send_keys("a-wrong-token", Keys.ENTER)
        page.shows("main", "The token is wrong")
        page.one("#token").send_keys("a-long-enough-token", Keys.ENTER)
        page.shows(".action", "JumpingJack")


# Notes what looks like an alarm, from before the page's own code runs.
_ALARMS = """
window.alarms = new Set();
new MutationObserver(() => {
  const connection = document.body?.dataset.connection;
  if (connection === "lost" || connection === "connecting") alarms.add(connection);
  if (document.querySelector(".notice:not([hidden], noscript *)")) alarms.add("notice");
  if (document.querySelector("main .pill[data-tone=bad]")) alarms.add("pill");
}).observe(document, { subtree: true, childList: true, attributes: true });
"""

# Texts whose contrast with the colour behind them is below WCAG's AA: 4.5, or 3 for large ones.
_CONTRAST = """
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
};
const weak = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const style = getComputedStyle(e);
  if (!own || !e.offsetParent || e.closest(".spoken, .veil, template, noscript")) continue;
  const [a, b] = [light(numbers(style.color)), light(behind(e))].sort((x, y) => y - x);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) weak.push([e.className, e.textContent, style.color].join(" | "));
}
return weak;
"""
