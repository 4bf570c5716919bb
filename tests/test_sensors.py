"""What the machine reports about itself, in trees like /sys and /proc."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgevid.benchmarking import machine
from edgevid.support import hardware, sensors


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that reports nothing."""
    for name in ("_THERMAL", "_CPUS", "_FIRMWARE"):
        monkeypatch.setattr(sensors, name, tmp_path / name)
    for name in ("_BOARD", "_CPUINFO"):
        monkeypatch.setattr(hardware, name, tmp_path / name)
    monkeypatch.setattr(machine, "_RELEASE", tmp_path / "_RELEASE")
    monkeypatch.setattr(sensors.shutil, "which", lambda name: None)


def say(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def zone(tmp_path: Path):
    """``zone(kind, text)`` adds a temperature sensor that reads ``text``."""

    def add(kind: str, text: str) -> None:
        folder = tmp_path / "_THERMAL" / f"thermal_zone{len(list((tmp_path / '_THERMAL').glob('*')))}"
        say(folder / "type", f"{kind}\n")
        say(folder / "temp", text)

    return add


@pytest.fixture
def raspberry_pi(tmp_path: Path, zone) -> None:
    """A Raspberry Pi 4 that became hot."""
    say(tmp_path / "_BOARD", "Raspberry Pi 4 Model B Rev 1.4\0")
    say(tmp_path / "_RELEASE", 'NAME="Raspbian"\nPRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\n')
    for number in range(4):
        folder = tmp_path / "_CPUS" / f"cpu{number}" / "cpufreq"
        say(folder / "scaling_cur_freq", "1500000\n" if number else "1100000\n")
        say(folder / "cpuinfo_max_freq", "1800000\n")
        say(folder / "scaling_governor", "ondemand\n")
    say(tmp_path / "_FIRMWARE", "20002\n")
    zone("cpu-thermal", "81348\n")


class TestTemperature:
    def test_sensor_of_a_raspberry_pi(self, zone):
        zone("cpu-thermal", "61348\n")
        assert sensors.readings()["temperature_celsius"] == 61.3

    def test_the_hottest_of_the_cpu_counts_and_the_battery_does_not(self, zone):
        for kind, text in (
            ("acpitz", "90000"),
            ("cpu-0-thermal", "50000"),
            ("cpu-1-thermal", "55000"),
            ("battery", "99000"),
        ):
            zone(kind, text)
        assert sensors.cpu_temperature() == 55.0

    def test_sensors_that_say_nothing_are_passed_over(self, zone):
        for text in ("", "0", "-274000", "rubbish"):
            zone("cpu", text)
        zone("acpitz", "40000")
        assert sensors.cpu_temperature() == 40.0

    def test_machine_without_sensors(self):
        assert sensors.cpu_temperature() is None
        assert sensors.readings()["temperature_celsius"] is None


class TestThrottling:
    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ("0\n", []),
            ("throttled=0x0\n", []),
            ("20002\n", ["frequency capped now", "frequency capped since it was started"]),
            ("throttled=0x50005\n", ["under-voltage now", "throttled now", "under-voltage since it was started",
                                     "throttled since it was started"]),
        ],
    )  # fmt: skip
    def test_what_the_firmware_says(self, tmp_path, said, words):
        say(tmp_path / "_FIRMWARE", said)
        assert sensors.throttling() == words

    @pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for vcgencmd is a shell script")
    @pytest.mark.parametrize(
        ("script", "words"),
        [("echo throttled=0x8", ["soft temperature limit now"]), ("echo VCHI initialization failed", None), ("exit 1", None)],
    )  # fmt: skip
    def test_vcgencmd_is_asked_where_the_kernel_does_not_say(self, tmp_path, monkeypatch, script, words):
        program = tmp_path / "vcgencmd"
        program.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] && {script}\n')
        program.chmod(0o755)
        monkeypatch.setattr(sensors.shutil, "which", lambda name: str(program))
        assert sensors.throttling() == words

    def test_elsewhere_cooling_by_slowing_down_says_it(self, tmp_path):
        for number, (kind, state) in enumerate([("pwm-fan", 2), ("cpufreq-cpu0", 0), ("thermal-cpufreq-1", 3)]):
            folder = tmp_path / "_THERMAL" / f"cooling_device{number}"
            say(folder / "type", kind)
            say(folder / "cur_state", str(state))
            say(folder / "max_state", "5")
        assert sensors.throttling() == ["thermal-cpufreq-1 at 3 of 5"]

    def test_a_fan_alone_says_nothing_of_it(self, tmp_path):
        say(tmp_path / "_THERMAL" / "cooling_device0" / "type", "pwm-fan")
        assert sensors.throttling() is None


class TestMachine:
    def test_a_raspberry_pi(self, raspberry_pi):
        found = machine.describe_machine()
        assert found["board"] == machine.machine_name(found) == "Raspberry Pi 4 Model B Rev 1.4"
        assert found["os"] == "Raspbian GNU/Linux 12 (bookworm)"
        assert (found["frequency_mhz"], found["highest_frequency_mhz"]) == (1400.0, 1800.0)
        assert found["governor"] == "ondemand"
        assert found["temperature_celsius"] == pytest.approx(81.348)
        assert found["throttling"] == ["frequency capped now", "frequency capped since it was started"]

    def test_what_spoils_a_measurement_is_said(self, raspberry_pi, tmp_path):
        found = {**machine.describe_machine(), "load_before": 0.0}
        governor, slowed = machine.warnings_about(found)
        assert "governor is ondemand, not performance" in governor
        assert "frequency capped now" in slowed
        (busy,) = machine.warnings_about({**found, "governor": "performance", "throttling": [], "load_before": 0.5})
        assert "50%" in busy

    def test_a_machine_that_says_nothing_has_a_reason_for_each_fact(self):
        found = machine.describe_machine()
        unknown = {"board", "governor", "highest_frequency_mhz", "temperature_celsius", "frequency_mhz", "throttling"}
        assert unknown <= {name for name, value in found.items() if value is None}
        assert found["reasons"].keys() == {name for name, value in found.items() if value is None}
        assert all(found["reasons"].values())
        assert machine.machine_name(found) == f"{found['machine']}, {found['cpus_usable']} CPUs"
        assert not machine.warnings_about({**found, "load_before": None})


class TestBusy:
    def test_what_was_stolen_is_busy_and_waiting_is_idle(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sensors, "_STAT", tmp_path / "stat")
        assert sensors.cpu_seconds() is None
        say(tmp_path / "stat", "cpu  1000 100 300 5000 500 10 20 70 900 0\ncpu0 1 2 3\n")
        monkeypatch.setattr(sensors.os, "sysconf", lambda name: 100, raising=False)
        assert sensors.cpu_seconds() == (pytest.approx(15.0), pytest.approx(70.0))
