"""Clips cut out of films."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from support.videos import number_of

from edgevid import OptionError, VideoFile
from edgevid.datasets.clips import DatasetError
from edgevid.recording.film import Interval, cut, interval, parse_time, read_intervals


def cuts(path: Path, *intervals: tuple[float, float], seconds: float = 1.0) -> list[tuple[int, int]]:
    """The first and the last number of each clip."""
    found = []
    with VideoFile(path) as film:
        for one, taken in cut(film, [Interval(*times, "wave") for times in intervals], seconds):
            numbers = [number_of(frame.image) for frame in taken.frames()]
            assert numbers == list(range(numbers[0], numbers[-1] + 1))
            assert one.label == taken.label
            found.append((numbers[0], numbers[-1]))
    return found


@pytest.fixture
def film(make_video) -> Path:
    """3.6 s of numbered frames, ten a second."""
    return make_video("film.avi", 36, 10.0)


def test_a_film_gives_clips_of_one_length(film):
    assert cuts(film, (0, math.inf)) == [(0, 9), (10, 19), (20, 29), (30, 35)]
    assert cuts(film, (0, math.inf), seconds=1.3) == [(0, 12), (13, 25), (26, 35)]
    assert cuts(film, (0, math.inf), seconds=60) == [(0, 35)]


def test_a_rest_of_less_than_half_is_left_out(film):
    assert cuts(film, (0.5, 2.9)) == [(5, 14), (15, 24)]
    assert cuts(film, (0.5, 3.0)) == [(5, 14), (15, 24), (25, 29)]
    assert cuts(film, (1.0, 1.3)) == [(10, 12)], "a short interval is a clip"


def test_intervals_may_overlap_and_lie_outside(film):
    assert cuts(film, (2.0, 3.0), (1.5, 2.5), (9, 10), (0.0, 0.1)) == [(15, 24), (20, 29)]


def test_times():
    assert [parse_time(text) for text in ("0", "75.5", "1:15.5", "01:01:15", " 2:00 ")] == [0, 75.5, 75.5, 3675, 120]
    for text in ("", "-1", "1:60", "1:60:00", "a", "1:2:3:4", "nan"):
        with pytest.raises(OptionError, match=r"expected seconds, minutes:seconds"):
            parse_time(text)
    with pytest.raises(OptionError, match="an end after its beginning"):
        interval(2, 2, "wave")


def test_a_file_of_intervals(tmp_path):
    path = tmp_path / "what.csv"
    path.write_text("\ufefflabel,begin,end,who\nwave,1,2.5,Ann\nclap,0:10,0:12,\n", encoding="utf-8")
    assert read_intervals(path) == [Interval(1, 2.5, "wave"), Interval(10, 12, "clap")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin,end\n1,2\n", "has the columns begin, end; expected"),
        ("begin,end,label\n", "names no intervals"),
        ("begin,end,label\n1,2,wave\n2,1,wave\n", "line 3: .*an end after"),
        ("begin,end,label\n1,,wave\n", "line 2: The time ''"),
        ("begin,end,label\n1,2\n", "line 2: The label ''"),
        ("begin,end,label\n1,2,a/b\n", "line 2: The label 'a/b'"),
        (None, "cannot be read: .*No such file"),
    ],
)
def test_wrong_files_of_intervals(tmp_path, text, message):
    path = tmp_path / "what.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_intervals(path)
