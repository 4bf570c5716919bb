"""The text output of ``edgevid benchmark``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Optional

from ..benchmarking.machine import machine_name, warnings_about
from ..benchmarking.reference import COLUMNS, LEAST_PART, Checked, as_csv
from .output import duration, table

_NOISY = 0.1
_SOME_RATIOS = 12
_DEEPEST = 4
_SENSORS = {"temperature_celsius": "temperature", "frequency_mhz": "frequency", "throttling": "throttling"}


def report_lines(report: dict[str, Any]) -> list[str]:
    """A report for people."""
    head = report["headline"]
    if head is None:
        return ["Nothing could be run.", *_machine_lines(report)]
    chosen = next(run for run in report["runs"] if _key(run) == _key(head))
    lines = [
        f"{head['predictions_per_second']:.1f} predictions a second; {head['bundle']} needs {head['needed_per_second']:.1f}: "
        f"headroom {head['headroom']:.1f} times ({head['runtime']}, {_threads(head['threads'])})",
        *(f"warning: {text}" for text in warnings_about(report["machine"])),
        "",
        *_machine_lines(report),
        "",
        *table([_RUN_HEADING, *map(_run_row, report["runs"])], right=range(2, len(_RUN_HEADING))),
        "",
        f"Stages of {head['bundle']} on {head['runtime']}, {_threads(head['threads'])}; ms, {_stage_total(chosen)}:",
        *_stage_table(chosen["stages"]),
        "",
        "Networks alone, ms:",
        *_network_table(chosen["networks"]),
        "",
        "From the start of the process, ms (medians): " + _startup_text(chosen["startup"]),
        "Files: " + ", ".join(f"{name} {size:.1f} MB" for name, size in chosen["files_mb"]["files"].items()),
        "",
        *(line for run in report["runs"] if run.get("sustained") for line in _sustained_lines(run)),
    ]
    if report["source"] is not None:
        lines += ["", *_source_lines(report["source"])]
    return lines


def comparison_lines(comparison: dict[str, Any]) -> list[str]:
    """Ratios to an earlier report: the rates, and those that exceed the noise; the others are only counted."""
    ratios = comparison["ratios"]
    if not ratios:
        return ["Nothing can be compared: the reports have no run in common."]
    rates = [one for one in ratios if one["quantity"] == "predictions/s"]
    others = [one for one in ratios if one["verdict"] != "noise" and one not in rates]
    others.sort(key=lambda one: abs(one["ratio"] - 1), reverse=True)
    lines = [
        f"Compared with the report of {comparison['before']}: {comparison['within_noise']} of {comparison['compared']} ratios "
        "are within the noise.",
        f"How noisy: {comparison['machine_noise']:.0%}. A fixed calculation took {comparison['calibration_ratio']:.2f} times as "
        f"long as before; other programs took {_percent(comparison['others_share'])} of the CPUs, "
        f"{_percent(comparison['others_share_before'])} before. "
        "The noise of a ratio is that of its parts, if larger.",
        *(f"Not the same: {text}" for text in comparison["differences"]),
        "",
        *table([_RATIO_HEADING, *map(_ratio_row, [*rates, *others[:_SOME_RATIOS]])], right=(2, 4, 5, 6, 7)),
    ]
    if len(others) > _SOME_RATIOS:
        lines.append(f'and {len(others) - _SOME_RATIOS} more beyond the noise: see the JSON file\'s "comparison".')
    return lines


def check_lines(checked: Sequence[Checked], unknown: Sequence[dict[str, str]]) -> list[str]:
    """The table of boards: ratios, or the lines that it lacks."""
    lines = []
    if checked:
        heading = ("BUNDLE", "RUNTIME", "THREADS", "PREDICTIONS/S", "REFERENCE", "RATIO", "")
        rows = [
            (
                one.line["bundle"], one.line["runtime"], one.line["threads"], one.line["predictions_per_second"],
                one.reference["predictions_per_second"], f"{one.ratio:.2f}", "" if one.good else "SLOWER",
            )
            for one in checked
        ]  # fmt: skip
        slower = sum(not one.good for one in checked)
        lines += [
            f"Beside the reference for {checked[0].line['board']}: {slower} of {len(checked)} runs are slower than "
            f"{LEAST_PART:g} of it.",
            *table([heading, *rows], right=(2, 3, 4, 5)),
        ]
    if unknown:
        lines += [
            f"The table has no line for these runs on {unknown[0]['board']}. If they were measured on an idle, well-cooled "
            "board, add them:",
            ",".join(COLUMNS),
            *as_csv(unknown),
        ]
    return lines


_RUN_HEADING = (
    "BUNDLE", "RUNTIME", "THREADS", "PREDICTIONS/S", "NEEDED", "NOISE", "CAPTURE TO PREDICTION ms", "P95", "P99", "FIRST s",
    "PEAK MB", "FILES MB",
)  # fmt: skip
_RATIO_HEADING = ("BUNDLE", "RUNTIME", "THREADS", "QUANTITY", "NOW", "BEFORE", "RATIO", "NOISE", "")


def _run_row(run: dict[str, Any]) -> tuple[str, ...]:
    named = (run["bundle"], run["runtime"], str(run["threads"]))
    if run["problem"] is not None:
        return (*named, "failed", *[""] * (len(_RUN_HEADING) - 4))
    rate, latency, peak = run["predictions_per_second"], run["latency"], run["peak_memory_mb"]
    return (
        *named,
        f"{rate['median']:.1f}",
        f"{run['needed_per_second']:.1f}",
        _percent(rate["spread"]),
        *(f"{latency[name]:.2f}" for name in ("median_ms", "p95_ms", "p99_ms")),
        f"{run['startup']['first_prediction_ms']['median'] / 1000:.2f}",
        "unknown" if peak is None else f"{peak['median']:.0f}",
        f"{run['files_mb']['total']:.1f}",
    )


def _machine_lines(report: dict[str, Any]) -> list[str]:
    machine, versions, noise = report["machine"], report["versions"], report["noise"]
    details = [machine["cpu"], f"{machine['cpus_usable']} CPUs", machine["machine"]]
    if machine["memory_gib"] is not None:
        details.append(f"{machine['memory_gib']:.1f} GiB")
    software = ", ".join(f"{name} {version}" for name, version in versions.items() if version and name != "reasons")
    states = [
        "temperature " + _or_reason(machine, "temperature_celsius", "{:.1f} °C"),
        "frequency " + _or_reason(machine, "frequency_mhz", "{:.0f} MHz"),
        "governor " + _or_reason(machine, "governor", "{}"),
    ]
    return [
        f"Machine:  {machine_name(machine)} ({', '.join(str(part) for part in details if part)})",
        f"System:   {machine['os']}, kernel {machine['kernel']}",
        f"Versions: {software}",
        f"State:    {'; '.join(states)}",
        f"Noise:    {noise['spread']:.1%} between {noise['blocks']} times the same calculation; other programs took "
        + _or_reason(noise, "others_share", "{:.0%} of the CPUs")
        + (": small differences mean nothing" if max(noise["spread"], noise["others_share"] or 0.0) > _NOISY else "")
        + f". The benchmark took {duration(report['took_seconds'])}",
    ]


def _stage_total(run: dict[str, Any]) -> str:
    return f"of {run['traced_ms_per_prediction']:.2f} ms from one prediction to the next"


def _stage_table(stages: dict[str, Any]) -> list[str]:
    heading = ("STAGE", "CALLS", "MEDIAN", "MEAN", "STD", "MIN", "P5", "P95", "P99", "MAX", "A PREDICTION", "SHARE")
    rows = [_stage_row(name, stages[name], depth) for name, depth in _in_order(stages)]
    return table([heading, *rows], right=range(1, len(heading)))


def _in_order(stages: dict[str, Any], inside: Optional[str] = None, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Names of the measured stages, each followed by the stages that are part of it."""
    for name, stage in stages.items():
        # a stage that several others share is listed below the last of them
        last = next((other for other in reversed(stages) if other in stage["part_of"]), None)
        if last == inside and "ms_per_prediction" in stage and depth < _DEEPEST:
            yield name, depth
            yield from _in_order(stages, name, depth + 1)


def _stage_row(name: str, stage: dict[str, Any], depth: int) -> tuple[str, ...]:
    latency = stage["latency"]
    fields = ("median", "avg", "std", "min", "p5", "p95", "p99", "max")
    figures = [""] * (len(fields) + 1)
    if latency is not None:
        figures = [f"{stage['calls_per_prediction']:.1f}", *(f"{latency[f'{field}_ms']:.3f}" for field in fields)]
    share = stage["share"]
    return "  " * depth + name, *figures, f"{stage['ms_per_prediction']:.3f}", "" if share is None else f"{share:.0%}"


def _network_table(networks: dict[str, Any]) -> list[str]:
    if not networks:
        return ["none: the bundle has no network"]
    heading = ("NETWORK", "OPEN", "FIRST RUN", "MEDIAN", "MIN", "P95", "RUNS", "DELEGATED", "SIZE")
    rows = []
    for name, network in networks.items():
        latency = network["latency"]
        figures = [latency[f"{field}_ms"] for field in ("init", "warmup_first", "median", "min", "p95")]
        rows.append(
            (
                name, *(f"{figure:.3f}" for figure in figures), str(latency["num_runs"]), f"{network['delegated_parts']} parts",
                f"{network['model_size_mb']:.1f} MB",
            )
        )  # fmt: skip
    return table([heading, *rows], right=range(1, len(heading)))


def _startup_text(startup: dict[str, Any]) -> str:
    names = {
        "python_ms": "Python", "import_ms": "import edgevid", "import_all_ms": "with what a recogniser needs", "load_ms": "load",
        "first_embedding_ms": "first embedding after", "first_prediction_ms": "first prediction after",
    }  # fmt: skip
    return ", ".join(f"{text} {startup[name]['median']:.0f}" for name, text in names.items())


def _sustained_lines(run: dict[str, Any]) -> Iterator[str]:
    sustained = run["sustained"]
    temperature, frequency, throttling = (
        sustained[name] for name in ("temperature_celsius", "frequency_mhz", "throttling")
    )
    lasted = sustained["last_to_first"]
    said = [
        f"{sustained['predictions_per_second']:.1f} predictions/s over {duration(sustained['seconds'])}",
        "" if lasted is None else f"at its end {lasted:.2f} times those of its beginning",
        "" if temperature is None else f"{temperature['first']:.0f} to {temperature['max']:.0f} °C",
        "" if frequency is None else f"{frequency['min']:.0f} to {frequency['max']:.0f} MHz",
        "" if throttling is None else ", ".join(throttling) or "not throttled",
    ]
    missing = [name for name in _SENSORS if name in sustained["reasons"]]
    yield (
        f"{run['bundle']} on {run['runtime']}, {_threads(run['threads'])}: {', '.join(filter(None, said))}"
        + (f" (unknown here: {', '.join(_SENSORS[name] for name in missing)})" if missing else "")
    )


def _source_lines(source: dict[str, Any]) -> list[str]:
    stats = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in source["stats"].items() if value)
    if source["latency"] is None:
        return [f"{source['name']}: {source['reasons']['latency']} ({stats})"]
    latency = source["latency"]
    return [
        f"{source['name']} with {source['bundle']}: {source['predictions_per_second']:.1f} predictions/s, from capture to "
        f"prediction {latency['median_ms']:.2f} ms (p95 {latency['p95_ms']:.2f}, p99 {latency['p99_ms']:.2f}); frames: {stats}",
        *_stage_table(source["stages"]),
    ]


def _ratio_row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["bundle"], one["runtime"], str(one["threads"]), one["quantity"], f"{one['now']:.4g}", f"{one['before']:.4g}",
        f"{one['ratio']:.2f}", _percent(one["noise"]), one["verdict"],
    )  # fmt: skip


def _key(run: dict[str, Any]) -> tuple[str, str, int]:
    return run["bundle"], run["runtime"], run["threads"]


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def _percent(part: Optional[float]) -> str:
    if part is None:
        return "unknown"
    return f"{part:.0%}" if part <= 1 else "> 100%"


def _or_reason(facts: dict[str, Any], name: str, form: str) -> str:
    value = facts[name]
    return f"unknown ({facts['reasons'][name].partition(':')[0]})" if value is None else form.format(value)
