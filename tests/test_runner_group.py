"""recognizer.start_many: several sources on one recogniser."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.stand_ins import AT_ONCE, LABELS, Endless, Keeping, Scripted, StandInRecognizer, video
from support.videos import moving_frames
from support.waiting import reached

import edgevid
from edgevid import EdgevidError, OptionError, SourceError, StreamOptions
from edgevid.runner import runner_group as runner_group_module
from edgevid.runner import running as running_module
from edgevid.runner.source_names import named_sources, source_name, split_names

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class TestNames:
    @pytest.mark.parametrize(
        ("source", "name"),
        [
            (0, "camera 0"), ("1", "camera 1"), ("clips/a.mp4", "clips/a.mp4"), ("/dev/video2", "/dev/video2"),
            ("rtsp://me:secret@yard/stream?a=b@c", "rtsp://yard/stream?a=***"), ([], "iterable of frames"),
            (Scripted([], name="mine"), "mine"), (lambda: Scripted([]), "source"),
        ],
    )  # fmt: skip
    def test_a_source_is_called_after_what_it_is_and_no_password_is_shown(self, source: object, name: str):
        assert source_name(source) == name

    def test_no_two_have_the_same(self):
        assert list(named_sources(["a.mp4", 0, "a.mp4", "0", "a.mp4", "a.mp4 (2)"])) == [
            "a.mp4", "camera 0", "a.mp4 (2)", "camera 0 (2)", "a.mp4 (3)", "a.mp4 (2) (2)",
        ]  # fmt: skip

    def test_those_of_a_command_line(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "take=2.mp4").touch()
        texts = [
            "door=0", " front yard=rtsp://me:a=b@yard/x?channel=1", "camera 1=c=d.mp4", "1", "take=2.mp4", "rtsp://h/?a=b",
            "clips/a=b.mp4", "C:\\a=b.mp4", "user@host=1", "=0", "\udcff=0", "\udcff",
        ]  # fmt: skip
        sources, names = split_names(texts)
        assert sources == ["0", "rtsp://me:a=b@yard/x?channel=1", "c=d.mp4", "1", *texts[4:10], "0", "\udcff"]
        assert names == ["door", "front yard", "camera 1", *[None] * 7, "\udcff", None]
        assert list(named_sources(sources, names))[:4] == ["door", "front yard", "camera 1", "camera 1 (2)"]
        for wrong in (["door=0", "door=1"], ["door="]):
            with pytest.raises(OptionError, match="door"):
                split_names(wrong)

    @pytest.mark.parametrize("one", [0, "door.mp4", Endless("door")])
    def test_a_single_source_is_refused(self, stand_in: StandInRecognizer, one: object):
        """A camera is iterable, but its frames are not sources."""
        with pytest.raises(OptionError, match="expected several sources"):
            stand_in.start_many(one)

    def test_the_caller_may_choose_them(self, stand_in: StandInRecognizer):
        keeping = Keeping()
        cameras = {"door": Scripted(video([0, 0])), "yard": Scripted(video([1, 1]))}
        with stand_in.start_many(cameras, outputs=[keeping]) as group:
            group.wait()
        assert list(group.runners) == ["door", "yard"]
        assert {message.source for message in keeping.messages} == {"door", "yard"}


class TestEachByItself:
    def test_each_source_has_its_own_window_smoothing_and_events(self, stand_in: StandInRecognizer):
        got: dict[str, list] = {"still": [], "jumping": []}
        sources = {"still": Scripted(video([0] * 30)), "jumping": Scripted(video([1] * 30))}
        with stand_in.start_many(
            sources,
            on_prediction=lambda name, prediction: got[name].append(prediction),
            on_event=lambda name, event: got[name].append(event),
            smoothing="mean:5",
            events=AT_ONCE,
        ) as group:
            group.wait()
        for name, label in zip(got, LABELS):
            assert len(got[name]) == 29 + 2  # predictions, one event that began and one that ended
            assert {getattr(item, "label", None) for item in got[name]} == {label}
            assert all(getattr(item, "score", 1.0) == 1.0 for item in got[name])
            assert group.stats()[name].predictions == 29

    @pytest.mark.parametrize("bundle", ["recognizer", "default_recognizer"])
    def test_results_are_those_of_one_thread_alone(self, bundle: str, request: pytest.FixtureRequest):
        """The real networks, shared by three streams and a thread that classifies clips."""
        recognizer: edgevid.Recognizer = request.getfixturevalue(bundle)
        clips = [[(k / 10, f) for k, f in enumerate(moving_frames(8, 64, 48, seed=s))] for s in range(3)]
        options = StreamOptions(window_seconds=2.5, min_filled=0.0)
        alone = [[p.probabilities for p in recognizer.stream(clip, options)] for clip in clips]
        whole = recognizer.classify([frame for _, frame in clips[0]]).probabilities
        together: dict[str, list] = {str(k): [] for k in range(3)}
        with recognizer.start_many(
            dict(zip(together, clips)),
            on_prediction=lambda name, p: together[name].append(p.probabilities),
            stream=options,
        ) as group:
            again = [recognizer.classify([frame for _, frame in clips[0]]).probabilities for _ in range(3)]
            group.wait()
        np.testing.assert_array_equal(list(together.values()), alone)
        np.testing.assert_array_equal(again, [whole] * 3)


class TestTrouble:
    def test_one_that_fails_does_not_stop_the_others(self, stand_in: StandInRecognizer):
        def fail() -> None:
            raise SourceError("The cable is out.")

        statuses = []
        go_on = threading.Event()
        good = Scripted([*video([0] * 5), lambda: go_on.wait(30), *video([0] * 5, start=10.0)])
        sources = {"bad": Scripted([*video([0]), fail]), "absent": "absent.mp4", "good": good}
        with stand_in.start_many(
            sources, on_status=lambda name, status: statuses.append((name, status.state))
        ) as group:
            assert reached(lambda: set(group.failed) == {"bad", "absent"})
            assert group.running
            go_on.set()
            with pytest.raises(SourceError, match="The cable is out"):
                group.wait()
        assert group.stats()["good"].predictions == 9
        assert ("bad", "failed") in statuses
        assert ("absent", "failed") in statuses
        assert ("good", "ended") in statuses
        assert list(group.failed) == ["bad", "absent"]

    def test_a_callback_that_raises_stops_all(self, stand_in: StandInRecognizer):
        def fail(name: str, prediction: edgevid.Prediction) -> None:
            if name == "b":
                raise ZeroDivisionError

        group = stand_in.start_many({"a": Endless(), "b": Endless(), "c": Endless()}, on_prediction=fail)
        with pytest.raises(ZeroDivisionError):
            group.wait(20)
        assert not any(runner.running for runner in group.runners.values())

    def test_a_callback_that_raises_ends_a_wait_though_another_source_blocks(
        self, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(runner_group_module, "STOP_SECONDS", 0.2)
        released = threading.Event()
        blocked = Scripted([*video([0, 0]), lambda: released.wait(30)])
        group = stand_in.start_many({"a": blocked, "b": Endless()}, on_event=lambda name, e: 1 / 0, events=AT_ONCE)
        with pytest.raises(ZeroDivisionError):
            group.wait(20)
        released.set()

    def test_stop_from_within_a_callback_of_one_ends_all(self, stand_in: StandInRecognizer):
        groups, ready = [], threading.Event()

        def stop(name: str, prediction: edgevid.Prediction) -> None:
            assert ready.wait(20)
            groups[0].stop()

        groups.append(stand_in.start_many([Endless("a"), Endless("b")], on_prediction=stop))
        ready.set()
        assert groups[0].wait(20)

    def test_a_wait_within_a_callback_is_refused(self, stand_in: StandInRecognizer):
        groups, ready = [], threading.Event()

        def wait(name: str, prediction: edgevid.Prediction) -> None:
            assert ready.wait(20)
            groups[0].wait()

        groups.append(stand_in.start_many([Endless("a")], on_prediction=wait))
        ready.set()
        with pytest.raises(EdgevidError, match="use stop"):
            groups[0].wait(20)

    def test_stop_waits_no_longer_for_several_than_for_one(
        self, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
    ):
        for module in (running_module, runner_group_module):
            monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
        released = threading.Event()
        sources = [Scripted([*video([0, 0]), lambda: released.wait(30)], name=str(k)) for k in range(8)]
        with stand_in.start_many(sources) as group:
            assert reached(lambda: all(s.predictions for s in group.stats().values()))
        assert all(runner.running for runner in group.runners.values())  # left behind
        released.set()
        assert group.wait(20)

    def test_stop_twice_and_an_error_of_the_block(self, stand_in: StandInRecognizer):
        with pytest.raises(KeyError), stand_in.start_many([Endless("a"), Endless("b")]) as group:
            raise KeyError
        assert not group.running
        group.stop()
        group.stop()

    def test_what_was_started_is_stopped_where_the_rest_cannot_be(self, stand_in: StandInRecognizer, monkeypatch):
        started = []
        real = runner_group_module.Runner

        def start(*arguments, **options):
            if started:
                raise KeyboardInterrupt
            started.append(real(*arguments, **options))
            return started[0]

        monkeypatch.setattr(runner_group_module, "Runner", start)
        with pytest.raises(KeyboardInterrupt):
            stand_in.start_many([Endless("a"), Endless("b")])
        assert not started[0].running

    def test_wrong_use(self, stand_in: StandInRecognizer):
        with pytest.raises(OptionError, match="no source"):
            stand_in.start_many([])
        with pytest.raises(OptionError, match="as a string"):
            stand_in.start_many([Endless()], smoothing=edgevid.events.smoothing.MeanSmoothing(5))
        with pytest.raises(OptionError, match="hop=0"):
            stand_in.start_many([Endless()], stream=StreamOptions(hop=0))
        with pytest.raises(OptionError, match="max_second=5"):
            stand_in.start_many([Endless()], max_second=5)
