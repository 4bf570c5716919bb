"""``edgevid benchmark``: the report is complete, compared and checked; bad input is reported."""

from __future__ import annotations

import contextlib
import copy
import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgevid import OptionError
from edgevid.benchmarking import measuring, runs
from edgevid.benchmarking.comparison import compare, read_report
from edgevid.benchmarking.figures import latency_fields, rounded, spread
from edgevid.benchmarking.measuring import Benchmark, BenchmarkOptions
from edgevid.benchmarking.reference import COLUMNS, lines_of, read_boards
from edgevid.benchmarking.scene import FPS, SECONDS, RepeatedClip, write_clip
from edgevid.benchmarking.tracing import Point, Tracer, embedder_names, points_of
from edgevid.benchmarking.watch import Watch
from edgevid.cli import main
from edgevid.support.child_process import ChildError

ROOT = Path(__file__).parents[2]
BUNDLE = "exercises10-light"
LITERT_FIELDS = {"init_ms", "warmup_first_ms", "warmup_avg_ms", "avg_ms", "min_ms", "max_ms", "median_ms", "std_ms",
                 "p5_ms", "p95_ms", "p99_ms", "num_runs"}  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, 64, 48)
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> tuple[Path, str]:
    """A report of the smallest benchmark, with a source, and what was printed."""
    path = tmp_path_factory.mktemp("report") / "report.json"
    printed = io.StringIO()
    arguments = [BUNDLE, "--threads", "1", "--rounds", "1", "--seconds", "0.2", "--frame-size", "64x48"]
    with contextlib.redirect_stdout(printed):
        assert main(["benchmark", *arguments, "--source", str(clip), "--json", str(path)]) == 0
    return path, printed.getvalue()


@pytest.fixture
def report(measured: tuple[Path, str]) -> dict[str, Any]:
    return json.loads(measured[0].read_text(encoding="utf-8"))


def empty_fields(value: Any, place: str = "") -> Iterator[str]:
    """Where something is None, or an empty text, without a reason beside it."""
    if isinstance(value, dict):
        for name, part in value.items():
            if part is None or part == "":
                if not value.get("reasons", {}).get(name) and name != "problem":
                    yield f"{place}.{name}"
            else:
                yield from empty_fields(part, f"{place}.{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            if not place.endswith(".readings"):  # the reasons are beside the list
                yield from empty_fields(part, f"{place}[{number}]")


class TestReport:
    def test_no_field_is_empty_without_a_reason(self, report):
        assert list(empty_fields(report)) == []
        assert list(empty_fields({"a": [{"b": None}]})) == [".a[0].b"], "this test can fail"

    def test_a_run_has_everything(self, report):
        (run,) = report["runs"]
        assert (run["bundle"], run["threads"], run["problem"], run["needed_per_second"]) == (BUNDLE, 1, None, 5.0)
        assert run["headroom"] == pytest.approx(run["predictions_per_second"]["median"] / 5, rel=0.01)
        assert run["startup"]["import_ms"]["median"] < run["startup"]["first_embedding_ms"]["median"]
        assert run["startup"]["first_embedding_ms"]["median"] < run["startup"]["first_prediction_ms"]["median"]
        assert run["first_prediction_after_stream_seconds"] == pytest.approx(1.8, abs=0.05), "10 samples, 0.2 s apart"
        assert set(run["files_mb"]["files"]) == {"mobilenet_v2_1.0_160_block13_uint8.tflite", "classifier.npz"}
        assert run["sustained"]["predictions"] >= 2
        (network,) = run["networks"].values()
        assert set(network["latency"]) >= LITERT_FIELDS
        assert network["model_size_mb"] == pytest.approx(0.9, abs=0.05)

    def test_the_stages_are_those_of_the_pipeline_and_sum_up_to_it(self, report):
        (run,) = report["runs"]
        stages = run["stages"]
        network = "network mobilenet_v2_1.0_160_block13_uint8"
        embedders = ["motion-region (difference)", "flow-histogram (region)"]
        apart = {"capture", "decode", "sampling", "region", *embedders, "classifier", "repetitions", "events", "other"}
        assert {name for name, stage in stages.items() if not stage["part_of"]} == apart
        assert stages[network]["part_of"] == [embedders[0]]
        assert stages["flow"]["part_of"] == [embedders[1]]
        assert stages[network]["calls_per_prediction"] == pytest.approx(1, abs=0.5)
        assert stages["capture"]["calls_per_prediction"] == pytest.approx(5, abs=2.5), "25 frames a second, 5 samples"
        assert sum(stages[name]["share"] for name in apart) == pytest.approx(1, abs=0.01)
        assert all(stages[name]["share"] >= 0 for name in apart)

    def test_a_source_is_measured_too(self, report, clip):
        source = report["source"]
        assert (source["name"], source["live"], source["reasons"]) == (str(clip), False, {})
        assert source["stages"]["decode"]["latency"]["num_runs"] >= source["predictions"] > 0

    def test_the_first_line_says_what_a_user_wants(self, measured, report):
        head = report["headline"]
        rate, headroom = head["predictions_per_second"], head["headroom"]
        lines = measured[1].splitlines()
        assert lines[0] == (
            f"{rate:.1f} predictions a second; {BUNDLE} needs 5.0: headroom {headroom:.1f} times "
            f"({head['runtime']}, 1 thread)"
        )
        assert any(line.split()[0] == "capture" for line in lines if line)

    def test_it_can_be_read_again(self, measured, call):
        outcome = call("benchmark", "--read", measured[0])
        assert (outcome.code, outcome.out) == (0, measured[1])


class TestComparison:
    def test_the_same_report_differs_in_nothing(self, measured, call):
        outcome = call("benchmark", "--read", measured[0], "--compare", measured[0])
        said = compare(*[read_report(measured[0])] * 2)
        assert outcome.code == 0
        assert f"{said['compared']} of {said['compared']} ratios are within the noise" in outcome.out
        assert "How noisy: " in outcome.out
        assert said["compared"] > 15
        assert {one["ratio"] for one in said["ratios"]} == {1.0}

    def test_what_is_slower_than_noise_can_be_is_worse(self, report):
        before = copy.deepcopy(report)
        for number in (report, before):
            number["noise"].update(spread=0.02, others_share=0.0)
            number["runs"][0]["predictions_per_second"]["spread"] = 0.1
        report["runs"][0]["predictions_per_second"]["median"] *= 0.8
        report["settings"]["rounds"] = 9
        said = compare(report, before)
        (rate,) = (one for one in said["ratios"] if one["quantity"] == "predictions/s")
        assert (rate["ratio"], rate["noise"], rate["verdict"]) == (pytest.approx(0.8), 0.1, "worse")
        assert said["within_noise"] == said["compared"] - 1
        assert said["differences"] == ["rounds: 9 now, 1 before"]
        assert next(
            one for one in compare(before, report)["ratios"] if one["quantity"] == "predictions/s"
        )["verdict"] == "better"  # fmt: skip

    def test_a_machine_that_became_slower_explains_its_part(self, report):
        report["noise"].update(spread=0.02, others_share=0.0)
        before = copy.deepcopy(report)
        report["noise"]["latency"]["median_ms"] *= 1.5
        said = compare(report, before)
        assert said["calibration_ratio"] == pytest.approx(1.5)
        assert said["machine_noise"] == pytest.approx(0.5)

    def test_programs_that_took_half_of_the_cpus_may_have_doubled_a_time(self, report):
        busy = copy.deepcopy(report)
        report["noise"].update(spread=0.02, others_share=None)
        busy["noise"].update(spread=0.02, others_share=0.5)
        assert compare(busy, report)["machine_noise"] == compare(report, busy)["machine_noise"] == pytest.approx(1.0)
        assert compare(report, report)["machine_noise"] == 0.05

    def test_reports_without_a_common_run(self, measured, report, call, tmp_path):
        report["runs"][0]["bundle"] = report["headline"]["bundle"] = "another"
        (tmp_path / "other.json").write_text(json.dumps(report))
        outcome = call("benchmark", "--read", measured[0], "--compare", tmp_path / "other.json")
        assert outcome.code == 0
        assert "Nothing can be compared" in outcome.out


class TestReference:
    def test_the_table_of_the_project_is_good(self):
        path = ROOT / "benchmarks" / "reference" / "boards.csv"
        assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(COLUMNS)
        lines = read_boards(path)
        assert len({tuple(line[name] for name in COLUMNS[:6]) for line in lines}) == len(lines), "one line for each run"

    def test_a_board_that_is_not_in_it_gets_its_lines(self, measured, report, call, tmp_path):
        (tmp_path / "boards.csv").write_text(",".join(COLUMNS) + "\n")
        outcome = call("benchmark", "--read", measured[0], "--check", tmp_path / "boards.csv")
        assert outcome.code == 0
        lines = outcome.out[outcome.out.index(",".join(COLUMNS)) :]
        (tmp_path / "boards.csv").write_text(lines)
        assert read_boards(tmp_path / "boards.csv") == lines_of(report)

    @pytest.mark.parametrize(("times", "code"), [(1.3, 0), (1.4, 1)])
    def test_slower_than_three_quarters_is_a_failure(self, measured, report, call, tmp_path, times, code):
        (line,) = lines_of(report)
        line["predictions_per_second"] = str(float(line["predictions_per_second"]) * times)
        with (tmp_path / "boards.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerow(line)
        outcome = call("benchmark", "--read", measured[0], "--check", tmp_path / "boards.csv")
        assert outcome.code == code
        assert ("SLOWER" in outcome.out) == bool(code)
        assert f"{1 / times:.2f}" in outcome.out

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("board,cpu\nx,y\n", "line 2: no runtime"),
            (",".join(COLUMNS) + "\n" + ",".join("x" * len(COLUMNS)) + "\n", "predictions_per_second is 'x'"),
            (b"\xff\xfe", "it is not CSV"),
            (None, "No such file"),
        ],
    )
    def test_another_file_is_told(self, call, tmp_path, content, said):
        path = tmp_path / "boards.csv"
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        outcome = call("benchmark", "--check", path)
        assert outcome.code == 1
        assert said in outcome.err


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["--threads", "0"], 2, "whole number of 1 or more"),
            (["--threads", "1,x"], 2, "whole number of 1 or more"),
            (["--rounds", "0"], 2, "whole number of 1 or more"),
            (["--seconds", "0"], 2, "seconds above 0"),
            (["--frame-size", "320"], 2, "such as 640x480"),
            (["--frame-size", "33x48"], 2, "MPEG-4 needs even numbers"),
            (["--frame-size", "8x8"], 2, "from 32 to 8192"),
            (["--runtime", "torch"], 2, "'torch' is not a runtime"),
            (["none-such"], 1, "No bundle 'none-such'"),
            (["--read", "none.json"], 1, "none.json cannot be read"),
            (["--compare", __file__], 1, "it is not JSON"),
            (["--json", "none/report.json"], 1, "there is no folder none"),
        ],
    )
    def test_is_told_before_anything_is_measured(self, call, tmp_path, monkeypatch, arguments, code, said):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(measuring, "ask", lambda *_: pytest.fail("it was measured"))
        outcome = call("benchmark", *arguments)
        assert outcome.code == code
        assert said in outcome.err
        assert outcome.out == ""

    @pytest.mark.parametrize("content", ["[]", "{}", '{"benchmark": "edgevid", "format": 1}'])
    def test_json_of_another_kind_is_told(self, call, tmp_path, content):
        (tmp_path / "report.json").write_text(content)
        outcome = call("benchmark", "--read", tmp_path / "report.json")
        assert outcome.code == 1
        assert "is not a report of this edgevid's benchmark" in outcome.err

    def test_a_bundle_that_cannot_be_run_is_told_and_the_rest_goes_on(self, call, monkeypatch, report, tmp_path):
        def answer(arguments: list[str], timeout_seconds: float) -> dict[str, Any]:
            if json.loads(arguments[2])["bundle"] == "exercises10-motion":
                raise ChildError("the process that tried it was ended by signal 11")
            return {
                "startup": dict.fromkeys(runs.STARTUP, 1.0), "first_prediction_at": 1.8, "peak_bytes": None, "networks": {},
                "run": {"began": 0.0, "ended_ms": [1.0, 2.0], "latency_ms": [1.0, 1.0]},
                "trace": {"spans": {"capture": [0.5]}, "part_of": {}, "ended_ms": [1.0], "latency_ms": [1.0]},
            }  # fmt: skip

        monkeypatch.setattr(measuring, "ask", answer)
        path = tmp_path / "report.json"
        arguments = ["--threads", "1", "--seconds", "0.1", "--frame-size", "64x48", "--json", path]
        outcome = call("benchmark", BUNDLE, "exercises10-motion", *arguments)
        assert outcome.code == 1
        assert "exercises10-motion" in outcome.err
        assert "ended by signal 11" in outcome.err
        assert outcome.out.startswith(f"1000.0 predictions a second; {BUNDLE} needs 5.0")
        written = json.loads(path.read_text())
        assert list(empty_fields(written)) == []
        assert [run["problem"] is None for run in written["runs"]] == [True, False] * (len(written["runs"]) // 2)
        outcome = call("benchmark", "exercises10-motion", *arguments)
        assert outcome.code == 1
        assert outcome.out.startswith("Nothing could be run.")

    @pytest.mark.parametrize("options", [{"threads": [0]}, {"rounds": 0}, {"seconds": 0.0}, {"frame_size": (64, 9000)}])
    def test_options_are_checked(self, options):
        with pytest.raises(OptionError):
            BenchmarkOptions(**options)


class Steps:
    def whole(self) -> None:
        self.part()
        self.apart()

    def part(self) -> None:
        self.apart()

    def apart(self) -> None:
        pass

    def broken(self) -> None:
        raise ValueError("broken")


class TestTracing:
    def test_what_is_told_apart_is_taken_off_its_callers(self, monkeypatch):
        clock = iter(range(100))
        monkeypatch.setattr("edgevid.benchmarking.tracing.time.perf_counter", lambda: next(clock))
        tracer, steps = Tracer(), Steps()
        points = [
            Point(Steps, "whole", "whole"),
            Point(Steps, "part", "part"),
            Point(Steps, "apart", "apart", apart=True),
        ]
        with tracer.around(points):
            steps.whole()
        # the clock: whole 0, part 1, apart 2 to 3, part's end 4, apart 5 to 6, the end 7
        assert tracer.spans == {"whole": [5000.0], "part": [2000.0], "apart": [1000.0, 1000.0]}
        assert tracer.part_of == {"part": {"whole"}}

    def test_functions_are_as_before_also_after_an_error(self):
        class Inherits(Steps):
            pass

        before, tracer, steps = dict(vars(Steps)), Tracer(), Inherits()
        with tracer.around([Point(Steps, "broken", "broken"), Point(Inherits, "part", "inherited")]):
            steps.part()
            with pytest.raises(ValueError, match="broken"):
                steps.broken()
        assert dict(vars(Steps)) == before
        assert "part" not in vars(Inherits)
        assert set(tracer.spans) == {"broken", "inherited"}

    def test_all_points_of_the_pipeline_are_there_and_are_given_back(self, motion_recognizer, recognizer):
        for opened in (motion_recognizer, recognizer):
            points = points_of(opened.embedders)
            before = [getattr(point.owner, point.name) for point in points]
            with Tracer().around(points):
                assert all(getattr(p.owner, p.name) is not old for p, old in zip(points, before))
            assert [getattr(point.owner, point.name) for point in points] == before

    def test_embedders_are_told_from_one_another(self, default_recognizer, motion_recognizer):
        names = embedder_names(default_recognizer.embedders)
        assert names == ["motion-region", "motion-region (difference)", "flow-histogram (region)"]
        assert embedder_names(motion_recognizer.embedders * 2) == [names[2], f"{names[2]} 2"]


class TestClip:
    def test_it_follows_itself_without_a_cut(self, clip, motion_recognizer):
        stream = motion_recognizer.open_stream()
        with RepeatedClip(clip) as source:
            for timestamp, frame in source.frames(stream.wants):
                stream.push(frame, timestamp)
                if timestamp > 2.5 * SECONDS:
                    break
        assert stream.scenes == 1
        assert stream.samples == pytest.approx(2.5 * SECONDS * 5, abs=2)
        assert stream.cycles > 0, "something moves to and fro"

    def test_its_timestamps_go_on(self, clip):
        with RepeatedClip(clip) as source:
            frames = source.frames()
            times = [next(frames).timestamp for _ in range(round(FPS * SECONDS) + 5)]
        assert np.diff(times) == pytest.approx(1 / FPS)


class TestFigures:
    def test_latency_fields(self):
        fields = latency_fields([1.0, 2.0, 3.0, 10.0])
        assert fields.keys() == LITERT_FIELDS - {"init_ms", "warmup_first_ms", "warmup_avg_ms"}
        assert (fields["avg_ms"], fields["min_ms"], fields["max_ms"], fields["median_ms"]) == (4.0, 1.0, 10.0, 2.5)
        assert (fields["std_ms"], fields["num_runs"]) == (pytest.approx(12.5**0.5), 4)

    def test_spread(self):
        assert spread([[1.0, 1.0, 9.0], [], [1.2]]) == pytest.approx(0.2)
        assert spread([[1.0]]) is spread([]) is None

    def test_rounded(self):
        assert rounded({"a": [123456.0, 0.000123456], "b": "x", "c": 123456}) == {
            "a": [123500.0, 0.0001235], "b": "x", "c": 123456,
        }  # fmt: skip

    def test_a_rate_that_does_not_last(self, monkeypatch):
        """Ten a second for 5 s, then five a second for 5 s, while it gets hot."""
        states = iter([50.0, 60.0, 70.0])
        facts = {"frequency_mhz": (None, "it does not say"), "throttling": (["throttled now"], "")}
        monkeypatch.setattr(
            "edgevid.benchmarking.watch.state_facts", lambda: {"temperature_celsius": (next(states), ""), **facts}
        )
        monkeypatch.setattr("edgevid.benchmarking.watch.time.monotonic", iter([100.0, 105.0, 110.0]).__next__)
        watch = Watch(1000.0)
        for _ in range(3):
            watch._read()
        ended = [*np.arange(1, 51) * 100.0, *(5000 + np.arange(1, 26) * 200.0)]
        run = {"began": 100.0, "ended_ms": ended, "latency_ms": [1.0] * 75}
        said = runs.assembled_sustained(run, watch)
        assert said["predictions_per_second"] == pytest.approx(7.5)
        assert said["last_to_first"] == pytest.approx(0.5, abs=0.1)
        assert said["temperature_celsius"] == {"first": 50.0, "min": 50.0, "max": 70.0, "last": 70.0}
        assert said["throttling"] == ["throttled now"]
        assert said["frequency_mhz"] is None
        assert said["reasons"] == {"frequency_mhz": "it does not say"}
        assert [reading["seconds"] for reading in said["readings"]] == [0.0, 5.0, 10.0]


def test_what_is_measured_unless_the_caller_says_otherwise(monkeypatch):
    monkeypatch.setattr(measuring, "usable_cpus", lambda: 3)
    benchmark = Benchmark(BenchmarkOptions())
    assert {one.threads for one in benchmark.combinations} == {1, 2}
    assert {one.bundle for one in benchmark.combinations} >= {"exercises10", BUNDLE}
    assert benchmark.visits == 3 * len(benchmark.combinations) + len(benchmark.combinations) // 2


def test_boards_run_a_thin_script():
    command = [sys.executable, str(ROOT / "benchmarks" / "latency.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert "edgevid benchmark" in done.stdout
