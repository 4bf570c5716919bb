"""Loops over a runner: ``for prediction in runner`` and ``async for``."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings

import pytest
from support.stand_ins import Endless, Scripted, StandInRecognizer, video
from support.waiting import reached

import edgevid
from edgevid import EdgevidError, EdgevidWarning
from edgevid.runner import iteration
from edgevid.runner.iteration import PredictionLog

JUMPS = [0, 1, 0.5, 0, 1, 1, 0.25]

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


async def gathered(runner: edgevid.Runner) -> list[edgevid.Prediction]:
    return [prediction async for prediction in runner]


@pytest.fixture(params=["for", "async for"])
def loop(request: pytest.FixtureRequest):
    """All predictions of a runner, by a loop of either kind."""
    return list if request.param == "for" else lambda runner: asyncio.run(gathered(runner))


class TestFile:
    def test_each_prediction_comes_however_late_the_loop_begins(self, stand_in: StandInRecognizer, loop):
        expected = list(stand_in.stream(video(JUMPS)))
        with stand_in.start(video(JUMPS)) as runner:
            assert loop(runner) == expected
            assert not runner.running
            assert loop(runner) == expected  # once more, from the beginning

    def test_the_recognition_waits_for_nobody(self, stand_in: StandInRecognizer):
        with stand_in.start(video([0.5] * 200)) as runner:
            assert next(iter(runner)).timestamp == pytest.approx(0.1)
            assert runner.wait(20)
            assert runner.stats().predictions == 199

    def test_the_error_that_stopped_it_ends_the_loop(self, stand_in: StandInRecognizer, loop):
        def fail() -> None:
            raise RuntimeError("cable")

        runner = stand_in.start(Scripted([*video(JUMPS), fail]))
        with pytest.raises(RuntimeError, match="cable"):
            loop(runner)

    def test_what_a_callback_raises_ends_the_loop(self, stand_in: StandInRecognizer, loop):
        def fail(prediction: edgevid.Prediction) -> None:
            raise RuntimeError("arm")

        with pytest.raises(RuntimeError, match="arm"):
            loop(stand_in.start(Endless(), on_prediction=fail))

    def test_what_falls_far_behind_is_told(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(iteration, "_MOST_WAITING", 8)
        log, predictions = PredictionLog(), list(StandInRecognizer().stream(video([0.5] * 30)))
        for prediction in predictions:
            log.put(prediction)
        log.end()

        class Ended:
            def check_other_thread(self) -> None: ...

            def wait(self) -> None: ...

        with pytest.warns(EdgevidWarning, match="slower than the file is read") as told:
            seen = list(iteration.each(log, Ended()))
        assert seen == predictions[-8:]
        assert len(told) == 1


class TestCamera:
    def test_the_newest_comes_and_what_was_missed_is_not_told(self, stand_in: StandInRecognizer):
        with warnings.catch_warnings(), stand_in.start(Endless()) as runner:
            warnings.simplefilter("error")
            seen, before = [], 0
            for prediction in runner:
                seen.append(prediction.timestamp)
                if len(seen) == 3:
                    break
                before = runner.stats().predictions
                assert reached(lambda least=before + 20: runner.stats().predictions > least)
        assert seen[1] > seen[0] + 1.9
        assert seen[2] > seen[1] + 1.9

    def test_a_stop_from_elsewhere_ends_the_loop(self, stand_in: StandInRecognizer, loop):
        source = Scripted([*video(JUMPS)], live=True)
        source.script.append(source.wait_for_close)
        runner = stand_in.start(lambda: source)
        threading.Timer(0.1, runner.stop_soon).start()
        loop(runner)
        assert not runner.running

    def test_a_callback_that_loops_over_its_runner_is_refused(self, stand_in: StandInRecognizer):
        runners, ready = [], threading.Event()

        def wait(prediction: edgevid.Prediction) -> None:
            assert ready.wait(20)
            next(iter(runners[0]))

        runners.append(stand_in.start(Endless(), on_prediction=wait))
        ready.set()
        with pytest.raises(EdgevidError, match=r"A callback .* looped over it"):
            runners[0].wait(20)

    def test_the_event_loop_goes_on_and_a_cancelled_task_leaves_the_runner(self, stand_in: StandInRecognizer):
        async def run() -> None:
            source = Scripted(video(JUMPS[:2]), live=True)
            source.script.append(source.wait_for_close)
            async with stand_in.start(source) as runner:
                task = asyncio.ensure_future(gathered(runner))
                for _ in range(10):  # the camera gives nothing meanwhile
                    await asyncio.wait_for(asyncio.sleep(0.005), 20)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert runner.running
                source.close()

        began = time.monotonic()
        asyncio.run(run())
        assert time.monotonic() - began < 15  # else it waited until the camera's script gives up
