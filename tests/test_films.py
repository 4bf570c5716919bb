"""benchmarks/films.py: what counts as announced and as false; and what a bundle's card says about events."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.stand_ins import StandInRecognizer, video

from edgevid import BundleError
from edgevid.datasets.clips import Clip
from edgevid.events import Began, Ended, EventDefaults, EventOptions
from edgevid.offline import find_events

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
from film_scores import Score, Segment, merged
from films import make_films

SEGMENTS = [Segment("a", 0, 6), Segment(None, 6, 12), Segment("b", 12, 14), Segment("a", 14, 20)]


def began(label: str, timestamp: float) -> Began:
    return Began(label, timestamp, 0.9)


def scored(*events: Began) -> Score:
    score = Score()
    score.add(SEGMENTS, events)
    return score


class TestScore:
    def test_long_segments_are_announced_by_the_first_event_in_them(self):
        score = scored(began("a", 2.0), began("a", 4.0), began("b", 13.0), began("a", 17.0))
        assert (score.long, score.announced, score.delays) == (2, 2, [2.0, 3.0])  # b is too short to count
        assert (score.share, score.median_delay, score.false_a_minute) == (1.0, 2.5, 0.0)

    def test_an_event_of_another_label_is_false_wherever_it_lies(self):
        score = scored(began("b", 3.0), began("a", 8.0), began("a", 13.5))
        assert (score.in_other, score.in_unknown, score.late, score.announced) == (2, 1, 0, 0)
        assert score.false_a_minute == pytest.approx(3 * 60 / 20)

    def test_a_late_event_announces_nothing_and_is_false(self):
        score = scored(began("a", 6.5))
        assert (score.announced, score.in_unknown, score.late) == (0, 1, 1)
        assert score.as_dict()["false_events_a_minute_but_for_late_ones"] == 0

    def test_an_event_on_the_edge_belongs_to_what_begins_there(self):
        assert scored(began("a", 14.0)).delays == [0.0]

    def test_what_ends_counts_for_nothing(self):
        score = Score()
        score.add(SEGMENTS, [Ended("b", 3.0, 1.0, 0.9)])
        assert score.false_a_minute == 0

    def test_films_add_up(self):
        score = scored(began("a", 1.0))
        score.add(SEGMENTS, [began("b", 1.0)])
        assert (score.long, score.announced, score.in_other, score.seconds) == (4, 1, 1, 40)


def test_neighbours_of_one_class_are_one_segment_and_unknown_ones_are_not():
    parts = [Segment("a", 0, 3), Segment("a", 3, 7), Segment(None, 7, 8), Segment(None, 8, 9), Segment("a", 9, 12)]
    assert merged(parts) == [Segment("a", 0, 7), Segment(None, 7, 8), Segment(None, 8, 9), Segment("a", 9, 12)]


def test_films_hold_each_known_clip_once_and_an_unknown_one_after_every_two():
    known = [Clip(Path(f"k{n}"), "ab"[n % 2], "1") for n in range(90)]
    films = make_films(known, [Clip(Path("u0"), "x", "1"), Clip(Path("u1"), "x", "1")], seed=0)
    assert [len(film) for film in films] == [67, 67]
    assert sorted(path.name for film in films for label, path in film if label) == sorted(c.path.name for c in known)
    assert all((label is None) == (place % 3 == 2) for film in films for place, (label, _) in enumerate(film))
    assert films == make_films(known, [Clip(Path("u0"), "x", "1"), Clip(Path("u1"), "x", "1")], seed=0)


class TestCard:
    def test_it_says_how_events_are_told(self):
        card = {"events": {"enter": 0.5, "min_seconds": 1, "smoothing": "mean:5"}}
        assert EventDefaults.of_card(card) == EventDefaults(EventOptions(0.5, min_seconds=1), "mean:5")

    def test_it_may_say_nothing(self):
        assert EventDefaults.of_card({}) == EventDefaults(EventOptions(), "none")

    @pytest.mark.parametrize("entry", [{"enter": 2}, {"sharpness": 1}, {"smoothing": "much"}, {"smoothing": 5}, 7])
    def test_what_is_wrong_is_named(self, entry: object):
        with pytest.raises(BundleError, match="'events'"):
            EventDefaults.of_card({"name": "mine", "events": entry})

    @pytest.mark.parametrize("how", ["find_events", "start"])
    def test_it_holds_where_the_caller_says_nothing(self, how: str):
        recognizer, frames = StandInRecognizer(), video([0.0] * 3 + [0.7] * 8)
        recognizer.events = EventDefaults(EventOptions(enter=0.65, min_seconds=0.3), "mean:3")

        def times(**options: object) -> list[float]:
            if how == "find_events":
                given = {"options" if name == "events" else name: value for name, value in options.items()}
                events = find_events(recognizer, frames, **given)
            else:
                events = []
                with recognizer.start(frames, on_event=events.append, **options) as runner:
                    runner.wait()
            return [event.timestamp for event in events if isinstance(event, Began) and event.label == "jump"]

        whole = times()
        assert whole == times(events=EventOptions(enter=0.65, min_seconds=0.3), smoothing="mean:3")
        assert whole[0] > times(smoothing="none")[0] > times(smoothing="none", events=EventOptions(0.65, None, 0.0))[0]
