"""What the server keeps: timelines, boards, pictures. No network here."""

from __future__ import annotations

import json
import threading
import tracemalloc

import cv2
import numpy as np
import pytest
from support.telling import Paced, Seen, Told
from web_feed import LABELS, observation, prediction, status

from edgevid import OptionError
from edgevid.events import Began, Counted, Ended
from edgevid.outputs.web.board import Board
from edgevid.outputs.web.history import History
from edgevid.outputs.web.pictures import Pictures


def intervals(history: History) -> list[list]:
    return history.news(0)["intervals"]


class TestHistory:
    def test_action_goes_on_until_it_ends(self):
        history = History(600)
        history.advance(1.0)
        history.add_event(Began("Wave", 1.0, 0.8))
        assert intervals(history) == [[0, "Wave", 1.0, None, 0.8, None, None]]
        history.advance(3.5)
        history.add_event(Ended("Wave", 3.5, 2.5, 0.93))
        assert intervals(history) == [[0, "Wave", 1.0, 3.5, 0.93, None, None]]

    def test_end_of_an_action_that_began_unseen_is_kept(self):
        history = History(600)
        history.add_event(Ended("Wave", 10.0, 4.0, 0.9))
        assert intervals(history) == [[0, "Wave", 6.0, 10.0, 0.9, None, None]]

    def test_source_that_is_lost_ends_what_goes_on_and_its_own_end_counts_when_it_comes(self):
        history = History(600)
        history.add_event(Began("Wave", 1.0, 0.8))
        history.advance(5.0)
        history.end_all()
        assert intervals(history) == [[0, "Wave", 1.0, 5.0, 0.8, None, None]]
        history.add_event(Ended("Wave", 4.5, 3.5, 0.95))
        assert intervals(history) == [[0, "Wave", 1.0, 4.5, 0.95, None, None]]

    def test_event_of_a_kind_that_is_not_known_ends_nothing(self):
        history = History(600)
        history.add_event(Began("Wave", 1.0, 0.8))
        history.add_event(Paced("Wave", 2.0, 12, 31.25))
        assert intervals(history) == [
            [0, "Wave", 1.0, None, 0.8, None, None],
            [1, "Wave", 2.0, 2.0, None, "paced", None],
        ]

    def test_an_action_s_count_is_told_with_it_and_is_no_event_of_its_own(self):
        history = History(600)
        history.add_event(Began("Wave", 1.0, 0.8))
        seen = history.version
        history.add_event(Counted("Wave", 2.0, 3))
        assert history.news(seen)["intervals"] == [[0, "Wave", 1.0, None, 0.8, None, 3]]
        history.add_event(Counted("Clap", 2.5, 1))  # it began before anyone listened
        history.add_event(Ended("Wave", 4.0, 3.0, 0.9, 5))
        history.add_event(Ended("Clap", 4.0, 3.0, 0.9, 2))
        assert intervals(history) == [[0, "Wave", 1.0, 4.0, 0.9, None, 5], [1, "Clap", 1.0, 4.0, 0.9, None, 2]]

    def test_a_browser_gets_each_thing_once(self):
        history = History(600)
        history.add_event(Began("Wave", 1.0, 0.8))
        history.add_point(1.0, 2, 0.8, True)
        first, seen = history.news(0), history.version
        assert (len(first["intervals"]), first["points"]) == (1, [[1.0, 2, 0.8, True]])
        assert history.news(seen) == {**first, "intervals": [], "points": []}
        history.add_event(Ended("Wave", 2.0, 1.0, 0.9))
        history.add_point(2.0, 2, 0.5, False)
        assert history.news(seen) == {
            **first,
            "intervals": [[0, "Wave", 1.0, 2.0, 0.9, None, None]],
            "points": [[2.0, 2, 0.5, False]],
        }

    def test_what_is_older_than_the_history_is_dropped(self):
        history = History(60)
        for second in range(200):
            history.advance(second)
            history.add_point(second, 0, 0.5, True)
            history.add_event(Ended("Wave", second, 0.5, 0.9))
        news = history.news(0)
        assert [point[0] for point in news["points"]] == list(range(139, 200))
        assert [interval[3] for interval in news["intervals"]] == list(range(139, 200))

    def test_clock_that_starts_again_forgets_all(self):
        history = History(600)
        history.advance(100.0)
        history.add_event(Ended("Wave", 100, 1, 0.9))
        before, seen = history.news(0)["epoch"], history.version
        history.advance(0.0)
        news = history.news(seen)
        assert news["epoch"] != before
        assert news["intervals"] == []

    def test_a_little_backwards_is_no_new_clock(self):
        history = History(600)
        history.advance(10.0)
        history.advance(9.5)
        assert history.epoch == 0

    def test_hours_of_busy_events_take_bounded_memory(self):
        history = History(600)

        def hour(start: int) -> None:
            for tick in range(start, start + 36000):
                history.advance(tick / 10)
                history.add_point(tick / 10, 0, 0.5, True)
                history.add_event(Began("Wave", tick / 10, 0.8))

        hour(0)
        tracemalloc.start()
        hour(36000)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        news = history.news(0)
        assert len(news["intervals"]) <= 500
        assert len(news["points"]) <= 1200
        assert grown < 500_000  # the old ones, made before the counting, were replaced by new ones


class TestBoard:
    def test_newest_of_each_source(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation("a", 1.0, predicted=prediction(0, 0.9)))
        board.observe(observation("b", 5.0, predicted=prediction(1, 0.8)))
        board.observe(observation("a", 2.0, predicted=prediction(2, 0.7), captured=60, dropped=4))
        a, b = board.state()
        assert (a["name"], a["prediction"]["label"], a["timestamp"]) == ("a", LABELS[2], 2.0)
        assert (b["name"], b["prediction"]["label"], b["timestamp"]) == ("b", LABELS[1], 5.0)
        assert (a["captured"], a["dropped"], a["used"]) == (60, 4, 56)

    def test_other_labels_begin_anew(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation("a", 1.0, predicted=prediction(0, 0.9), events=[Began(LABELS[0], 1.0, 0.9)]))
        seen: dict[int, int] = {}
        before = board.news(seen)[0]["timeline"]
        board.relabel(LABELS[::-1])
        assert (board.labels, board.state()[0]["prediction"], board.state()[0]["events"]) == (LABELS[::-1], None, [])
        after = board.news(seen)[0]["timeline"]
        assert (after["epoch"], after["points"], after["intervals"]) == (before["epoch"] + 1, [], [])
        with pytest.raises(OptionError, match="labels"):
            board.observe(observation("a", 2.0, predicted=prediction(0, 0.9)))

    def test_prediction_stands_between_two_hops(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation(timestamp=1.0, predicted=prediction(3, 0.9)))
        board.observe(observation(timestamp=1.1))
        (state,) = board.state()
        assert state["prediction"]["label"] == LABELS[3]
        assert state["timestamp"] == 1.1

    def test_prediction_of_a_scene_that_is_over_is_dropped(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation(timestamp=1.0, predicted=prediction()))
        board.status(status("lost", "gone"))
        assert board.state()[0]["prediction"] is None
        board.observe(observation(timestamp=2.0, predicted=prediction()))
        board.observe(observation(timestamp=3.0, scene=2))
        assert board.state()[0]["prediction"] is None

    def test_states_follow_each_other(self):
        board = Told(Board(LABELS, 600))
        seen = []
        for step in (
            status("opened"),
            observation(),
            status("lost", "unplugged"),
            observation(),
            status("reopened"),
            observation(),
        ):
            (board.observe if isinstance(step, Seen) else board.status)(step)
            seen.append(board.state()[0]["state"])
        # A frame that was taken before the camera was lost does not bring it back.
        assert seen == ["opened", "running", "lost", "lost", "reopened", "running"]
        board.status(status("ended", "The file ended."))
        assert (board.state()[0]["state"], board.state()[0]["message"]) == ("ended", "The file ended.")

    def test_events_that_go_on(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation(timestamp=1.0, events=[Began("Lunges", 1.0, 0.7)]))
        board.observe(observation(timestamp=4.0))
        assert board.state()[0]["events"] == [
            {"label": "Lunges", "timestamp": 1.0, "seconds": 3.0, "peak_score": 0.7, "count": None}
        ]
        board.status(status("ended"))
        assert board.state()[0]["events"] == []

    def test_window_that_fills(self):
        board = Told(Board(LABELS, 600), window_seconds=5)
        board.observe(observation(timestamp=100.0))
        board.observe(observation(timestamp=102.0))
        assert board.state()[0]["window_filled"] == pytest.approx(0.4)
        board.observe(observation(timestamp=102.1, predicted=prediction(window_filled=0.5)))
        assert board.state()[0]["window_filled"] == 0.5

    def test_window_of_unknown_length_is_not_guessed(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation())
        assert board.state()[0]["window_filled"] is None

    def test_time_of_day_is_told_of_a_camera_only(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation("camera", 3.0))
        board.observe(observation("file", 3.0, live=False))
        camera, file = board.news({})
        assert camera["clock_zero"] is not None
        assert file["clock_zero"] is None

    def test_password_of_a_network_camera_is_not_shown(self):
        board = Told(Board(LABELS, 600))
        source = "camera rtsp://ann:s3cret@10.0.0.5:554/hall"
        board.status(status("lost", f"The {source} stopped.", source))
        board.observe(observation(source))
        text = json.dumps([board.state(), board.news({})])
        assert "s3cret" not in text
        assert "ann" not in text
        assert board.state()[0]["name"] == "camera rtsp://10.0.0.5:554/hall"
        assert board.picture("camera rtsp://10.0.0.5:554/hall") is not None

    def test_labels_of_another_recogniser_are_refused(self):
        with pytest.raises(OptionError, match=r"made for 10 labels.*has 2 others; give WebServer the labels"):
            Told(Board(LABELS, 600)).observe(observation(predicted=prediction(labels=("a", "b"))))

    def test_numbers_that_json_has_not_are_null(self):
        board = Told(Board(LABELS, 600))
        board.observe(observation(latency=float("nan")))
        assert json.loads(json.dumps(board.state(), allow_nan=False))[0]["latency_seconds"] is None

    def test_many_threads_at_once(self):
        board, rounds, threads = Told(Board(LABELS, 600)), 400, 6

        def feed(name: str) -> None:
            for i in range(rounds):
                board.observe(
                    observation(name, i / 10, predicted=prediction(i % 10, 0.9), events=[Began("x", i / 10, 0.9)])
                )

        def read() -> None:
            for _ in range(200):
                json.dumps([board.state(), board.news({})])

        running = [threading.Thread(target=feed, args=(f"camera {i}",)) for i in range(threads)]
        running += [threading.Thread(target=read) for _ in range(2)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert board.version == 2 * rounds * threads  # a frame and an event
        assert sorted(source["name"] for source in board.state()) == [f"camera {i}" for i in range(threads)]


class TestPictures:
    def test_wide_frames_are_made_smaller_and_others_stay(self):
        pictures = Pictures(320, 10)
        wide = pictures.picture(0, 1, np.zeros((720, 1280, 3), np.uint8))
        small = pictures.picture(1, 1, np.zeros((48, 64, 3), np.uint8))
        assert (wide.width, wide.height) == (320, 180)
        assert cv2.imdecode(np.frombuffer(wide.jpeg, np.uint8), 1).shape == (180, 320, 3)
        assert cv2.imdecode(np.frombuffer(small.jpeg, np.uint8), 1).shape == (48, 64, 3)

    def test_red_stays_red(self):
        frame = np.zeros((64, 64, 3), np.uint8)
        frame[:, :, 0] = 255
        jpeg = Pictures(640, 10).picture(0, 1, frame).jpeg
        blue, green, red = cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)[32, 32]
        assert red > 240
        assert max(blue, green) < 15

    def test_all_who_ask_share_one_encoding(self):
        pictures, frame = Pictures(640, 60), np.zeros((48, 64, 3), np.uint8)
        first = pictures.picture(0, 1, frame)
        assert all(pictures.picture(0, 1, frame) is first for _ in range(8))
        assert pictures.encoded == 1

    def test_no_more_than_so_many_a_second(self):
        pictures, frame = Pictures(640, 0.1), np.zeros((48, 64, 3), np.uint8)
        assert {pictures.picture(0, number, frame).number for number in range(50)} == {0}
        assert pictures.encoded == 1
