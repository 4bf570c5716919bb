"""edgevid.outputs.mqtt, against a real mosquitto."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import pytest
from support import hostile_broker
from support.hostile_broker import CONNACK, HostileBroker, packet
from support.mosquitto import MOSQUITTO, Gate, Listener, Mosquitto, retained, wait_for
from support.system import free_port, open_files, threads_named
from support.telling import Paced, Seen, Told

from edgevid import ExtraNotInstalledError, OptionError, Prediction
from edgevid.events import Began, Counted, Ended, Event
from edgevid.frames import Region
from edgevid.outputs.mqtt import MqttPublisher
from edgevid.outputs.mqtt import client as client_module
from edgevid.outputs.mqtt import outbox as outbox_module
from edgevid.outputs.mqtt import publisher as publisher_module
from edgevid.outputs.mqtt.broker_address import parse_broker_address
from edgevid.outputs.mqtt.client import Allowance
from edgevid.outputs.mqtt.outbox import Outbox
from edgevid.outputs.mqtt.topics import Topics, default_node_id, slug
from edgevid.runner.messages import Sampled
from edgevid.sources.base import SourceStats, SourceStatus

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

LABELS = ("jump", "walk", "wave")
CONFIG = "homeassistant/device/edgevid_node/config"

needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def observation(
    source: str = "camera 0",
    *,
    timestamp: float = 100.0,
    scores: Optional[Sequence[float]] = (0.1, 0.8, 0.1),
    events: Sequence[Event] = (),
    latency: float = 0.05,
    live: bool = True,
    labels: tuple[str, ...] = LABELS,
    scene: int = 1,
    **stats: Any,
) -> Seen:
    prediction = None
    if scores is not None:
        prediction = Prediction(labels=labels, probabilities=np.array(scores, np.float32), timestamp=timestamp)
    sampled = Sampled(
        source=source,
        timestamp=timestamp,
        frame=np.zeros((2, 2, 3), np.uint8),
        prediction=prediction,
        latency_seconds=latency,
        stats=SourceStats(age_seconds=0.04 if live else None, **stats),
        live=live,
        scene=scene,
    )
    return Seen(sampled, tuple(events))


def began(label: str = "walk", timestamp: float = 100.0) -> Began:
    return Began(label, timestamp, 0.8)


def ended(label: str = "walk", timestamp: float = 100.0) -> Ended:
    return Ended(label, timestamp, 2.5, 0.9)


def status(state: str, source: str = "camera 0", message: str = "") -> SourceStatus:
    return SourceStatus(source, state, message, time.monotonic())


def seconds_since(iso: str) -> float:
    return (datetime.now(timezone.utc) - datetime.fromisoformat(iso)).total_seconds()


def mqtt_threads() -> list[threading.Thread]:
    return threads_named("edgevid mqtt", "paho-mqtt-client-edgevid")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    with Mosquitto(tmp_path) as started:
        yield started


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    with Listener(broker.port) as opened:
        yield opened


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Told]]:
    """``publish(port, **options)`` makes a publisher that retries fast; ``publisher.said`` is what it told the user."""
    monkeypatch.setattr(client_module, "_FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(client_module, "_LAST_RETRY_SECONDS", 0.2)
    monkeypatch.delenv("EDGEVID_MQTT_PASSWORD", raising=False)
    made: list[Told] = []

    def make(port: int, url: str = "mqtt://127.0.0.1:{port}", **options: Any) -> Told:
        said: list[str] = []
        options = {"name": "Node", "interval_seconds": 0.0, "stats_seconds": 0.0, "on_message": said.append, **options}
        publisher = Told(MqttPublisher(url.format(port=port), options.pop("labels", LABELS), **options))
        publisher.said = said  # type: ignore[attr-defined]
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.close()
    wait_for(lambda: not mqtt_threads(), "no thread is left")


class TestAddress:
    def test_parts_of_the_url(self):
        address = parse_broker_address("mqtt://me:pass%40word@broker.local:1884/")
        assert (address.host, address.port, address.tls) == ("broker.local", 1884, False)
        assert (address.user, address.password) == ("me", "pass@word")

    @pytest.mark.parametrize(
        ("url", "host", "port", "tls"),
        [
            ("mqtt://host", "host", 1883, False),
            ("mqtts://host", "host", 8883, True),
            ("mqtt://[::1]", "::1", 1883, False),
        ],
    )
    def test_defaults(self, url: str, host: str, port: int, tls: bool):
        address = parse_broker_address(url)
        assert (address.host, address.port, address.tls, address.user) == (host, port, tls, None)

    def test_the_password_comes_from_the_argument_then_the_url_then_the_environment(self, monkeypatch):
        monkeypatch.setenv("EDGEVID_MQTT_PASSWORD", "of the environment")
        assert parse_broker_address("mqtt://me@host").password == "of the environment"
        assert parse_broker_address("mqtt://me:url@host").password == "url"
        assert parse_broker_address("mqtt://me:url@host", "argument").password == "argument"
        assert parse_broker_address("mqtt://host").password is None

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("broker.local", "does not begin with mqtt://"),
            ("http://broker", "does not begin with mqtt://"),
            ("localhost:1883", "does not begin with mqtt://"),
            ("mqtt://", "names no host"),
            ("mqtt://me:secret@", "names no host"),
            ("mqtt://host:99999", "port"),
            ("mqtt://host:0", "port"),
            ("mqtt://host:mqtt", "port"),
            ("mqtt://me:sec#ret@host", "port"),
            ("mqtt://host/topic", "something follows"),
            ("mqtt://host?x=1", "something follows"),
            ("mqtt://ho st", "white space"),
            ("mqtt://[::1", "cannot be read"),
            ("mqtt://a..b", "cannot be read"),
            ("mqtt://:secret@host", "without a user"),
            ("", "does not begin with mqtt://"),
            ("mqtt://me:\ud800@host", "not text"),
            (f"mqtt://{'a' * 70}.local", "cannot be read"),
            (f"mqtt://host:{'9' * 5000}", "cannot be read"),
            (1883, "not a string"),
        ],
    )
    def test_a_bad_url_is_told_in_words_that_hold_no_password(self, url: Any, reason: str):
        with pytest.raises(OptionError, match=reason) as caught:
            parse_broker_address(url)
        assert "expected mqtt://" in str(caught.value)
        assert not re.search("secret|sec#ret", str(caught.value))

    def test_its_text_holds_no_password(self):
        address = parse_broker_address("mqtt://me:secret@host")
        assert str(address) == "host:1883"
        assert "secret" not in repr(address)


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"topic_prefix": ""},
            {"topic_prefix": "a/#"},
            {"topic_prefix": "/a"},
            {"topic_prefix": "a/"},
            {"topic_prefix": "$SYS"},
            {"topic_prefix": "\ud800"},
            {"topic_prefix": "x" * 300},
            {"discovery_prefix": "\ud800"},
            {"name": "\ud800"},
            {"interval_seconds": 1e308},
            {"max_events": 10**400},
            {"discovery_prefix": "home+"},
            {"node_id": "a/b"},
            {"node_id": ""},
            {"name": "  "},
            {"max_events": 0},
            {"max_events": True},
            {"interval_seconds": -1},
            {"interval_seconds": float("nan")},
            {"stats_seconds": "1"},
            {"ca_file": "ca.pem"},
        ],
    )
    def test_a_bad_option_is_an_error_and_starts_no_thread(self, options: dict[str, Any]):
        with pytest.raises(OptionError, match=next(iter(options))):
            MqttPublisher("mqtt://127.0.0.1:1", LABELS, **options)
        assert mqtt_threads() == []

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_a_ca_file_that_cannot_be_read(self, tmp_path: Path, content: Optional[str]):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(OptionError, match="cannot be read as PEM"):
            MqttPublisher("mqtts://127.0.0.1:1", LABELS, ca_file=path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_ca_file_that_is_a_pipe_is_refused_at_once(self, tmp_path: Path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OptionError, match="it is not a regular file"):
            MqttPublisher("mqtts://127.0.0.1:1", LABELS, ca_file=tmp_path / "pipe")

    def test_without_paho_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
        with pytest.raises(ExtraNotInstalledError, match=r"pip install -e .*\[mqtt\]'"):
            MqttPublisher("mqtt://127.0.0.1:1", LABELS)


class TestSlugs:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("camera 0", "camera_0"),
            ("a/b+c#d e", "a_b_c_d_e"),
            ("Küche", "kuche"),
            ("$SYS", "sys"),
            ("/dev/video0", "dev_video0"),
        ],
    )
    def test_a_slug_is_safe_in_a_topic(self, name: str, expected: str):
        assert slug(name) == expected

    @pytest.mark.parametrize("name", ["", "+/#", "カメラ", "\ud800", "\0"])
    def test_names_without_a_letter_get_one_that_stays_the_same(self, name: str):
        assert re.fullmatch("x[0-9a-f]{8}", slug(name))
        assert slug(name) == slug(name)
        assert slug("カメラ") != slug("門")

    def test_a_slug_is_short_and_unlike_those_taken(self):
        assert len(slug("x" * 10_000)) <= 48
        assert slug("cam+1", taken={"cam_1", "cam_1_2"}) == "cam_1_3"


class TestOutbox:
    """What is kept and when it is due, with no network."""

    def make(self, **options: Any) -> Told:
        settings: dict[str, Any] = {
            "discovery_prefix": None,
            "interval_seconds": 0.0,
            "stats_seconds": 0.0,
            "max_events": 5,
            **options,
        }
        return Told(Outbox(Topics("edgevid", "node"), "Node", LABELS, **settings))

    def drain(self, outbox: Told) -> dict[str, Any]:
        """The payloads that are due now, by the last level of their topics: the newest, and a list of all events."""
        due: dict[str, Any] = {}
        for message in iter(outbox.next, None):
            leaf, payload = message.topic.rpartition("/")[2], json.loads(message.payload)
            due.update({"events": [*due.get("events", []), payload]} if leaf == "event" else {leaf: payload})
        return due

    def test_action_is_unknown_then_none_then_the_one_that_began_last(self):
        outbox = self.make()
        outbox.observe(observation(scores=None))
        assert self.drain(outbox)["state"]["action"] == "unknown"
        outbox.observe(observation())
        assert self.drain(outbox)["state"]["action"] == "none"
        outbox.observe(observation(events=[began("jump")]))
        outbox.observe(observation(events=[began("walk")]))
        state = self.drain(outbox)["state"]
        assert (state["action"], state["score"]) == ("walk", 0.8)
        outbox.observe(observation(events=[ended("walk")]))
        state = self.drain(outbox)["state"]
        assert (state["action"], state["score"]) == ("jump", 0.1)
        outbox.observe(observation(events=[ended("jump")]))
        state = self.drain(outbox)["state"]
        assert (state["action"], state["score"]) == ("none", None)

    def test_since_is_when_the_action_began_and_does_not_move_while_it_goes_on(self):
        outbox = self.make()
        now = time.monotonic()
        outbox.observe(observation(timestamp=now, events=[began(timestamp=now - 1000)]))
        first = self.drain(outbox)["state"]
        assert 999 < seconds_since(first["since"]) < 1500
        assert -1 < seconds_since(first["time"]) < 500
        outbox.observe(observation(timestamp=now + 1, scores=(0.2, 0.6, 0.2)))
        second = self.drain(outbox)["state"]
        assert second["since"] == first["since"]
        assert (second["score"], second["seconds"]) == (0.6, round(now + 1, 3))

    def test_at_the_end_of_a_scene_the_action_is_unknown(self):
        outbox = self.make()
        outbox.observe(observation(events=[began()]))
        outbox.observe(observation(scores=None))  # between two hops
        assert self.drain(outbox)["state"]["action"] == "walk"
        outbox.events("camera 0", [ended()])
        outbox.observe(observation(scores=None, scene=2))
        assert self.drain(outbox)["state"]["action"] == "unknown"

    def test_a_source_that_is_gone_has_no_known_action_and_no_frames(self):
        outbox = self.make()
        outbox.observe(observation(events=[began()]))
        outbox.status(status("lost", message="The camera 0 is gone"))
        outbox.observe(observation())  # the frame that was under way
        sent = self.drain(outbox)
        assert sent["state"]["action"] == "unknown"
        assert (sent["stats"]["status"], sent["stats"]["message"]) == ("lost", "The camera 0 is gone")
        assert (sent["stats"]["frames_per_second"], sent["stats"]["latency_ms"]) == (0.0, None)
        outbox.status(status("reopened"))
        outbox.observe(observation())
        sent = self.drain(outbox)
        assert (sent["state"]["action"], sent["stats"]["status"]) == ("none", "reopened")

    def test_the_state_has_the_prediction_in_words_and_the_region(self):
        outbox = self.make()
        outbox.observe(observation())
        state = self.drain(outbox)["state"]
        assert (state["action"], state["prediction"], state["region"]) == (
            "none",
            "nothing recognised (walk 0.80)",
            None,
        )
        weak = observation(timestamp=101.0, scores=(0.1, 0.4, 0.5), events=[began("walk", 101.0)])
        predicted = replace(weak.sampled.prediction, region=Region(0.25, 0.0, 0.75, 1.0))
        outbox.observe(weak._replace(sampled=replace(weak.sampled, prediction=predicted)))
        state = self.drain(outbox)["state"]
        assert (state["action"], state["prediction"]) == ("walk", "walk 0.40"), (
            "the action that goes on, not the likeliest"
        )
        assert state["region"] == [0.25, 0.0, 0.75, 1.0]
        outbox.status(status("lost"))
        state = self.drain(outbox)["state"]
        assert (state["prediction"], state["region"]) == (None, None)

    def test_a_state_that_does_not_change_is_not_sent_again(self):
        outbox = self.make()
        outbox.observe(observation())
        assert "state" in self.drain(outbox)
        outbox.observe(observation(timestamp=101.0))
        assert "state" not in self.drain(outbox)

    def test_states_and_stats_wait_for_their_intervals_and_then_the_latest_is_sent(self):
        outbox = self.make(interval_seconds=3600.0, stats_seconds=7200.0)
        outbox.observe(observation())
        assert self.drain(outbox).keys() == {"state", "stats"}
        for label in LABELS:
            outbox.observe(observation(events=[began(label)]))
        assert self.drain(outbox).keys() == {"events"}
        assert not outbox.is_empty
        outbox.hurry()
        assert self.drain(outbox)["state"]["action"] == "wave"
        assert outbox.is_empty

    def test_a_status_does_not_wait(self):
        outbox = self.make(interval_seconds=3600.0, stats_seconds=3600.0)
        outbox.observe(observation())
        self.drain(outbox)
        outbox.status(status("ended"))
        sent = self.drain(outbox)
        assert (sent["state"]["action"], sent["stats"]["status"]) == ("unknown", "ended")

    def test_the_newest_events_are_kept_in_order_and_the_others_counted(self):
        outbox = self.make(max_events=5)
        for number in range(12):
            outbox.observe(observation(timestamp=float(number), events=[began(timestamp=float(number))]))
        assert (outbox.events_waiting, outbox.events_dropped) == (5, 7)
        sent = self.drain(outbox)
        assert [event["seconds"] for event in sent["events"]] == [7.0, 8.0, 9.0, 10.0, 11.0]
        assert sent["stats"]["events_dropped"] == 7

    def test_events_of_a_camera_have_their_own_wall_clock_and_those_of_a_file_their_frame_s(self):
        outbox = self.make()
        now = time.monotonic()
        # A lost camera: what ended with it is published when the loss is certain, which is later.
        outbox.observe(observation(timestamp=now - 1000))
        outbox.status(status("lost"))
        outbox.events("camera 0", [ended(timestamp=now - 1000)])
        outbox.observe(
            observation("clip.mp4", timestamp=7.0, latency=3000.0, events=[began(timestamp=5.0)], live=False)
        )
        camera, clip = self.drain(outbox)["events"]
        assert 999 < seconds_since(camera["time"]) < 1500
        assert 2999 < seconds_since(clip["time"]) < 3500
        assert camera["time"].endswith("+00:00")
        assert (camera["seconds"], clip["seconds"]) == (round(now - 1000, 3), 5.0)

    def test_stats_say_how_fast_and_how_late(self):
        outbox = self.make(interval_seconds=0.0)
        outbox.observe(observation(latency=0.02, captured=7, used=4, dropped=3, restarts=1))
        stats = self.drain(outbox)["stats"]
        assert (stats["frames_per_second"], stats["latency_ms"], stats["age_ms"]) == (None, 20.0, 40.0)
        assert [stats[name] for name in ("captured", "used", "dropped", "restarts")] == [7, 4, 3, 1]
        outbox.status(status("lost"))
        assert self.drain(outbox)["stats"]["frames_per_second"] == 0.0

    def test_numbers_that_json_has_no_word_for_become_null(self):
        outbox = self.make()
        outbox.observe(
            observation(timestamp=float("inf"), latency=float("nan"), events=[began(timestamp=float("-inf"))])
        )
        sent = self.drain(outbox)
        assert (sent["state"]["seconds"], sent["stats"]["latency_ms"]) == (None, None)
        assert sent["events"][0]["seconds"] is None

    def test_pictures_are_not_kept(self):
        outbox = self.make()
        seen = observation(events=[began()])
        picture = weakref.ref(seen.sampled.frame)
        outbox.observe(seen)
        del seen
        outbox._trackers.clear()  # the runner's
        assert picture() is None

    def test_a_count_is_an_event_and_part_of_the_state(self):
        outbox = self.make(interval_seconds=0.0)
        outbox.observe(observation(events=[began()]))
        assert self.drain(outbox)["state"]["count"] is None
        outbox.events("camera 0", [Counted("walk", 7.0, 12)])
        sent = self.drain(outbox)
        assert sent["state"]["count"] == 12
        (event,) = sent["events"]
        assert (event["event_type"], event["label"], event["seconds"], event["count"]) == ("counted", "walk", 7.0, 12)

    def test_an_event_of_a_kind_that_is_not_known_is_sent_with_all_that_it_has(self):
        outbox = self.make(discovery_prefix="homeassistant")
        outbox.observe(observation(events=[began()]))
        self.drain(outbox)
        outbox.events("camera 0", [Paced("walk", 7.0, 12, 31.25)])
        sent = self.drain(outbox)
        (event,) = sent["events"]
        assert (event["event_type"], event["label"], event["seconds"]) == ("paced", "walk", 7.0)
        assert (event["repetitions"], event["per_minute"]) == (12, 31.25)
        assert "state" not in sent  # walking goes on
        entities = sent["config"]["components"].values()
        assert [e["event_types"] for e in entities if e["platform"] == "event"] == [
            ["began", "counted", "ended", "paced"]
        ]


@needs_broker
class TestPublishing:
    def test_availability_state_and_stats_are_retained(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.status(status("opened", message="The camera 0 is open"))
        publisher.observe(observation(events=[began()]))
        listener.wait("edgevid/node/camera_0/state", lambda message: message.json["action"] == "walk")
        listener.wait("edgevid/node/camera_0/stats", lambda message: message.json["latency_ms"] is not None)
        kept = retained(broker.port)
        assert kept["edgevid/node/availability"] == "online"
        state = json.loads(kept["edgevid/node/camera_0/state"])
        assert state.keys() == {"action", "score", "count", "since", "time", "seconds", "prediction", "region"}
        assert (state["action"], state["score"]) == ("walk", 0.8)
        assert json.loads(kept["edgevid/node/camera_0/stats"])["status"] == "opened"

    def test_events_arrive_in_order_with_qos_1_and_are_not_retained(self, broker, listener, publish):
        publisher = publish(broker.port)
        expected = []
        for number in range(300):
            event: Event = began(timestamp=float(number)) if number % 2 == 0 else ended(timestamp=float(number))
            expected.append((["began", "ended"][number % 2], float(number)))
            publisher.observe(observation(timestamp=float(number), events=[event]))
        topic = "edgevid/node/camera_0/event"
        wait_for(lambda: len(listener.of(topic)) == 300, "all events arrive")
        assert [(message.json["event_type"], message.json["seconds"]) for message in listener.of(topic)] == expected
        assert {message.qos for message in listener.of(topic)} == {1}
        assert topic not in retained(broker.port)
        first, second = (message.json for message in listener.of(topic)[:2])
        assert first.keys() == {"event_type", "label", "source", "time", "seconds", "score"}
        assert (second["label"], second["source"]) == ("walk", "camera 0")
        assert (second["duration_seconds"], second["peak_score"]) == (2.5, 0.9)

    def test_two_sources_with_names_that_slug_alike(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.observe(observation("cam/1", events=[began("walk")]))
        publisher.observe(observation("cam#1", events=[began("jump")]))
        listener.wait("edgevid/node/cam_1/state", lambda message: message.json["action"] == "walk")
        listener.wait("edgevid/node/cam_1_2/state", lambda message: message.json["action"] == "jump")
        assert listener.wait("edgevid/node/cam_1_2/event").json["source"] == "cam#1"

    def test_hostile_labels_and_names_travel_unharmed(self, broker, listener, publish):
        labels = ('"quoted"\\', "{{ 1/0 }}", "läuft\n/+#\0", "x" * 5000, "\ud800", "none")
        publisher = publish(broker.port, labels=labels, name="{{ evil }} +/# \N{SNOWMAN}")
        source = "rtsp://me:secret@host/+/#"
        for number, label in enumerate(labels):
            scores = [float(number == other) for other in range(len(labels))]
            publisher.observe(observation(source, scores=scores, labels=labels, events=[began(label)]))
        topic = "edgevid/evil/rtsp_host/event"
        wait_for(lambda: len(listener.of(topic)) == len(labels), "all events arrive")
        assert [message.json["label"] for message in listener.of(topic)] == list(labels)
        config = json.loads(retained(broker.port)["homeassistant/device/edgevid_evil/config"])
        assert config["components"]["edgevid_evil_rtsp_host_action"]["options"][:2] == list(labels[:2])
        assert not any("secret" in message.topic + message.payload for message in listener.received)

    def test_close_sends_what_is_left_and_says_offline(self, broker, listener, publish):
        publisher = publish(broker.port, interval_seconds=3600.0)
        publisher.observe(observation(events=[began()]))
        listener.wait("edgevid/node/camera_0/state")
        publisher.observe(observation(events=[ended()]))
        publisher.close()
        assert mqtt_threads() == []
        listener.wait("edgevid/node/availability", lambda message: message.payload == "offline")
        kept = retained(broker.port)
        assert kept["edgevid/node/availability"] == "offline"
        assert json.loads(kept["edgevid/node/camera_0/state"])["action"] == "none"
        assert [message.json["event_type"] for message in listener.of("edgevid/node/camera_0/event")] == [
            "began",
            "ended",
        ]

    def test_close_waits_for_nothing_but_the_broker(self, broker, listener, publish, monkeypatch):
        monkeypatch.setattr(publisher_module, "_CLOSE_SECONDS", 100.0)
        publisher = publish(broker.port, interval_seconds=3600.0, stats_seconds=3600.0)
        publisher.observe(observation(events=[began()]))
        listener.wait("edgevid/node/camera_0/stats")
        publisher.observe(observation())  # only its stats, which no broker acknowledges, are left
        asked = time.monotonic()
        publisher.close()
        assert time.monotonic() - asked < 20
        assert mqtt_threads() == []

    def test_a_publisher_that_is_closed_at_once_still_sends_its_events(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.observe(observation(events=[began()]))
        publisher.close()
        listener.wait("edgevid/node/camera_0/event")
        listener.wait("edgevid/node/availability", lambda message: message.payload == "offline")

    def test_after_close_nothing_is_held_and_calls_do_nothing(self, broker, listener, publish):
        publish(broker.port).close()  # opens what the first use imports
        before = open_files()
        publisher = publish(broker.port)
        publisher.observe(observation())
        listener.wait("edgevid/node/camera_0/state")
        publisher.close()
        publisher.close()
        publisher.observe(observation(events=[began()]))
        publisher.status(status("lost"))
        assert mqtt_threads() == []
        assert open_files() - before == set()
        assert listener.of("edgevid/node/camera_0/event") == []

    def test_a_program_that_is_killed_goes_offline(self, broker, listener, repository):
        code = f"""if True:
            import time
            from edgevid.outputs.mqtt import MqttPublisher
            MqttPublisher("mqtt://127.0.0.1:{broker.port}", ["walk"], node_id="victim")
            time.sleep(600)
        """
        program = subprocess.Popen([sys.executable, "-c", code], cwd=repository)
        try:
            listener.wait("edgevid/victim/availability", lambda message: message.payload == "online")
        finally:
            program.kill()
            program.wait()
        listener.wait("edgevid/victim/availability", lambda message: message.payload == "offline")
        assert retained(broker.port)["edgevid/victim/availability"] == "offline"


@needs_broker
class TestDiscovery:
    def config(self, broker: Mosquitto) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(retained(broker.port)[CONFIG])
        return config

    def test_one_device_with_the_entities_of_each_source(self, broker, listener, publish):
        publisher = publish(broker.port, name="Front door", node_id="node")
        publisher.observe(observation("camera 0"))
        publisher.observe(observation("camera 1"))
        listener.wait(CONFIG, lambda message: len(message.json["components"]) == 14)
        config = self.config(broker)
        assert config["device"]["name"] == "Front door"
        assert config["device"]["identifiers"] == ["edgevid_node"]
        assert config["device"]["sw_version"] == config["origin"]["sw_version"]
        assert config["availability_topic"] == "edgevid/node/availability"
        components = config["components"]
        assert all(key == entity["unique_id"] for key, entity in components.items())
        action = components["edgevid_node_camera_1_action"]
        assert (action["platform"], action["device_class"]) == ("sensor", "enum")
        assert action["options"] == [*LABELS, "none"]
        assert action["state_topic"] == "edgevid/node/camera_1/state"
        event = components["edgevid_node_camera_0_event"]
        assert (event["platform"], event["event_types"]) == ("event", ["began", "counted", "ended"])
        assert event["state_topic"] == "edgevid/node/camera_0/event"
        for name in ("frames_per_second", "latency", "dropped", "status"):
            assert components[f"edgevid_node_camera_0_{name}"]["entity_category"] == "diagnostic"

    def test_each_value_that_an_entity_reads_is_published_where_it_looks(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.status(status("opened"))
        publisher.observe(observation(events=[began()]))
        listener.wait("edgevid/node/camera_0/event")
        listener.wait("edgevid/node/camera_0/stats", lambda message: message.json["latency_ms"] is not None)
        entities = self.config(broker)["components"].values()
        assert len(entities) == 7
        for entity in entities:
            payload = listener.of(entity["state_topic"])[-1].json
            if entity["platform"] == "event":
                assert payload["event_type"] in entity["event_types"]
                continue
            keys = re.findall(r"value_json\.(\w+)", entity["value_template"])
            assert keys
            assert set(keys) <= payload.keys()
            if "options" in entity:
                assert payload[keys[0]] in entity["options"]

    def test_home_assistant_s_birth_message_brings_everything_again(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.observe(observation())
        topics = [CONFIG, "edgevid/node/availability", "edgevid/node/camera_0/state", "edgevid/node/camera_0/stats"]
        for topic in topics:
            listener.wait(topic)
        listener.wait(CONFIG, lambda message: message.json["components"])
        listener.received.clear()
        listener.publish("homeassistant/status", "offline")
        listener.publish("homeassistant/status", "online")
        for topic in topics:
            listener.wait(topic)

    def test_prefixes_and_no_discovery(self, broker, listener, publish):
        publisher = publish(broker.port, topic_prefix="home/edge", node_id="a", discovery_prefix="ha")
        other = publish(broker.port, topic_prefix="home/edge", node_id="b", discovery_prefix=None)
        for one in (publisher, other):
            one.observe(observation())
        for topic in ("home/edge/a/camera_0/state", "home/edge/b/camera_0/state", "ha/device/edgevid_a/config"):
            listener.wait(topic)
        assert not any(re.match("homeassistant|.*edgevid_b/config", message.topic) for message in listener.received)


@needs_broker
class TestAbsentBroker:
    def test_absent_at_the_start_it_is_told_once_and_found_later(self, tmp_path, publish):
        broker = Mosquitto(tmp_path)
        publisher = publish(broker.port)
        publisher.observe(observation(events=[began()]))
        wait_for(lambda: publisher.said, "the absence is told")
        with broker:
            wait_for(lambda: len(publisher.said) == 2, "the broker is found")
            wait_for(lambda: "edgevid/node/camera_0/state" in retained(broker.port), "the state is there")
        assert "cannot be reached" in publisher.said[0]
        assert f"127.0.0.1:{broker.port}" in publisher.said[0]
        assert publisher.said[1].startswith("Connected")

    def test_a_server_that_is_no_broker_is_told_once_however_often_it_is_tried(self, publish):
        with socket.create_server(("127.0.0.1", 0)) as server:
            publisher = publish(server.getsockname()[1])
            for _ in range(4):
                server.accept()[0].close()
            wait_for(lambda: publisher.said, "it is told")
            publisher.close()
        assert len(publisher.said) == 1
        assert re.search("without an answer|cannot be reached", publisher.said[0])

    def test_by_default_the_trouble_is_a_warning_of_the_logger(self, caplog):
        publisher = MqttPublisher(f"mqtt://127.0.0.1:{free_port()}", LABELS)
        wait_for(lambda: "cannot be reached" in caplog.text, "it is logged")
        assert caplog.records[0].levelname == "WARNING"
        publisher.close()

    def test_a_hook_that_raises_ends_nothing(self, broker, listener, publish):
        def fail(text: str) -> None:
            raise RuntimeError(text)

        publisher = publish(broker.port, on_message=fail)
        publisher.observe(observation())
        listener.wait("edgevid/node/camera_0/state")

    @pytest.mark.parametrize("persistent", [False, True])
    def test_a_restart_loses_nothing_retained_and_events_of_the_meantime_arrive(self, tmp_path, publish, persistent):
        with Mosquitto(tmp_path, persistent=persistent) as broker, Gate(broker.port) as gate:
            publisher = publish(gate.port)
            publisher.observe(observation("cam a", events=[began("walk")]))
            publisher.observe(observation("cam b"))
            wait_for(lambda: len(retained(broker.port)) == 6, "all is retained")
            wait_for(lambda: not publisher._in_flight, "the first event is acknowledged")
            before = retained(broker.port)

            gate.shut()
            # A broker saves what it has when it is asked to end, not when it is killed.
            broker.stop(signal.SIGTERM if persistent else signal.SIGKILL)
            wait_for(lambda: any("lost" in text for text in publisher.said), "the loss is seen")
            times = [round(time.monotonic() - 1000.0 + number, 3) for number in range(200)]
            for number, timestamp in enumerate(times):
                event = (began if number % 2 else ended)("walk", timestamp)
                publisher.observe(observation("cam a", timestamp=timestamp, events=[event]))

            broker.start()
            with Listener(broker.port) as listener:
                assert retained(broker.port).keys() == (before.keys() if persistent else set())
                gate.open()
                topic = "edgevid/node/cam_a/event"
                wait_for(lambda: len(listener.of(topic)) >= 200, "the events arrive")
                received = [message.json for message in listener.of(topic)]
                assert [event["seconds"] for event in received] == times
                assert [
                    round(seconds_since(event["time"]) + event["seconds"] - time.monotonic()) for event in received
                ] == [0] * 200
                wait_for(lambda: retained(broker.port).keys() == before.keys(), "all is retained again")
            after = retained(broker.port)
            assert after["edgevid/node/availability"] == "online"
            assert after[CONFIG] == before[CONFIG]
            assert json.loads(after["edgevid/node/cam_a/state"])["action"] == "walk"

    def test_a_broker_that_stands_still_stops_no_inference_and_takes_no_memory(self, broker, listener, publish):
        publisher = publish(broker.port, max_events=100)
        publisher.observe(observation(timestamp=0.0))
        listener.wait("edgevid/node/camera_0/state")
        broker.send_signal(signal.SIGSTOP)
        try:
            big = status("opened", message="x" * 1_000_000)
            # Until the system's buffers are full.
            wait_for(lambda: publisher.status(big) or publisher._client.want_write(), "nothing more can be written")
            for number in range(1, 10_001):
                scores = (0.5, number / 20_000, 0.5 - number / 20_000)  # each a new state
                publisher.observe(
                    observation(timestamp=float(number), scores=scores, events=[began("walk", float(number))])
                )
            # All 10,000 were taken though the broker took none.
            assert listener.of("edgevid/node/camera_0/event") == []
            assert publisher._outbox.events_waiting <= 100
            assert len(publisher._in_flight) <= publisher_module._MAX_IN_FLIGHT
            assert len(publisher._client._out_packet) <= publisher_module._MAX_IN_FLIGHT + 1  # and a ping
            publisher.status(status("lost"))
        finally:
            broker.send_signal(signal.SIGCONT)
        topic = "edgevid/node/camera_0/event"
        listener.wait(topic, lambda message: message.json["seconds"] == 10_000.0)
        seconds = [message.json["seconds"] for message in listener.of(topic)]
        assert seconds == sorted(set(seconds))
        assert 100 <= len(seconds) <= 120
        listener.wait(
            "edgevid/node/camera_0/stats", lambda message: message.json["events_dropped"] == 10_000 - len(seconds)
        )

    def test_close_leaves_a_broker_that_stands_still(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.observe(observation())
        listener.wait("edgevid/node/camera_0/state")
        broker.send_signal(signal.SIGSTOP)
        try:
            publisher.observe(observation(events=[began()]))
            publisher.close()
            wait_for(lambda: not mqtt_threads(), "the thread ends")
        finally:
            broker.send_signal(signal.SIGCONT)
        assert re.match("Events that were not sent.*: 1$", publisher.said[-1])

    def test_close_leaves_an_attempt_that_hangs(self, publish, monkeypatch):
        monkeypatch.setattr(client_module, "_CONNECT_SECONDS", 100.0)
        with socket.create_server(("127.0.0.1", 0)) as server:
            publisher = publish(server.getsockname()[1], "mqtts://127.0.0.1:{port}")
            peer, _ = server.accept()  # but never speaks TLS
            publisher.observe(observation(events=[began()]))
            publisher.close()
            assert mqtt_threads() != []
            said = list(publisher.said)
            peer.close()
        wait_for(lambda: not mqtt_threads(), "the thread ends")
        assert publisher.said == said
        assert re.match("Events that were not sent.*: 1$", said[-1])

    def test_close_while_there_is_no_broker(self, publish):
        publisher = publish(free_port())
        publisher.observe(observation(events=[began()]))
        wait_for(lambda: publisher.said, "the absence is told")
        publisher.close()
        assert mqtt_threads() == []
        assert re.match("Events that were not sent.*: 1$", publisher.said[-1])


def without_end(data: bytes) -> Callable[[socket.socket, int], object]:
    """A broker that accepts the connection, then sends ``data`` endlessly and reads nothing."""

    def send(client: socket.socket, number: int) -> None:
        client.sendall(CONNACK)
        while True:
            client.sendall(data)

    return send


class TestHostileBroker:
    @pytest.mark.parametrize(
        "behave",
        [
            pytest.param(without_end(hostile_broker.message("a", bytes(1000)) * 100), id="messages"),
            pytest.param(without_end(hostile_broker.message("a", bytes(1000), qos=2) * 100), id="QoS 2"),
            pytest.param(without_end(packet(0x30, bytes(100_000), length=200_000_000)), id="a message of 200 MB"),
            pytest.param(without_end(packet(0xC0, b"") * 10_000), id="pings"),
            pytest.param(without_end(packet(0x62, b"\0\1") * 10_000), id="releases"),
            pytest.param(without_end(CONNACK * 10_000), id="welcomes"),
            pytest.param(without_end(b"\xff" * 10_000), id="no packets"),
        ],
    )
    def test_one_that_floods_is_left_and_tried_again(self, publish, behave):
        with HostileBroker(behave) as broker:
            publisher = publish(broker.port)
            publisher.observe(observation(events=[began()]))
            wait_for(lambda: broker.ended >= 2, "it is left, and again")
            assert len(publisher._client._in_messages) == 0
            assert len(publisher._client._out_packet) <= publisher_module._MAX_IN_FLIGHT + 5
            assert any(re.search("sends too much|was lost", text) for text in list(publisher.said))

    def test_what_a_flood_is(self):
        now = 0.0
        allowance = Allowance(100, 10, clock=lambda: now)
        assert allowance.take(60)
        assert not allowance.take(60)
        now = 5.0
        assert allowance.take(25)
        now = 1000.0
        assert allowance.take(100)
        assert not allowance.take(1)

    def test_one_that_ends_each_connection_is_tried_ever_more_seldom(self, publish):
        with HostileBroker(lambda client, number: client.sendall(CONNACK)) as broker:
            publish(broker.port)
            wait_for(lambda: len(broker.arrivals) >= 6, "it is tried again")
        assert broker.arrivals[5] - broker.arrivals[4] >= 0.2  # 0.02 at first

    def test_bytes_of_all_kinds_do_not_end_the_thread(self, publish, monkeypatch):
        monkeypatch.setattr(client_module, "_LAST_RETRY_SECONDS", 0.04)

        def behave(client: socket.socket, number: int) -> None:
            rng = random.Random(number)
            client.sendall(CONNACK if number % 4 else b"")
            for _ in range(5):
                command = rng.choice([0x20, 0x30, 0x31, 0x40, 0x90, 0xB0, 0xD0, rng.randrange(256)])
                client.sendall(packet(command, rng.randbytes(rng.randrange(40))))
            client.sendall(hostile_broker.message("a", b"")[:4] + b"\xff")  # a topic that is not text

        with HostileBroker(behave) as broker:
            publisher = publish(broker.port)
            publisher.observe(observation(events=[began()]))
            wait_for(lambda: len(broker.arrivals) >= 30, "it comes again and again")
            assert any(thread.name.startswith("paho") for thread in mqtt_threads())

    @needs_broker
    def test_a_silent_one_is_mentioned_soon_and_once(self, publish, monkeypatch):
        monkeypatch.setattr(publisher_module, "_SILENT_SECONDS", 0.05)
        monkeypatch.setattr(client_module, "_KEEPALIVE_SECONDS", 1)
        with HostileBroker(lambda client, number: client.recv(1)) as broker:
            publisher = publish(broker.port)
            wait_for(lambda: len(broker.arrivals) >= 2, "it is tried again")
            publisher.close()
        assert len(publisher.said) == 1
        assert "says nothing" in publisher.said[0]


@needs_broker
class TestOthers:
    """Home Assistant, the previous run, and another program of the same name."""

    def test_home_assistant_that_asks_again_and_again_is_answered_once_in_a_while(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.observe(observation())
        listener.wait("edgevid/node/camera_0/stats")
        for _ in range(100):
            listener.publish("homeassistant/status", "online")
        publisher.observe(observation(events=[began()]))  # it comes after what was asked for
        listener.wait("edgevid/node/camera_0/event")
        # when it was made, when the source came, when it was asked for
        assert len(listener.of(CONFIG)) <= 3

    def test_what_a_killed_run_left_does_not_stand_beside_online(self, broker, listener, publish):
        listener.publish("edgevid/node/camera_0/state", '{"action": "walk"}', retain=True)
        listener.publish("edgevid/node/gone/stats", '{"status": "opened"}', retain=True)
        publish(broker.port)
        listener.wait("edgevid/node/availability", lambda message: message.payload == "online")
        state = listener.of("edgevid/node/camera_0/state")[-1].json
        assert (state["action"], state["prediction"]) == ("unknown", None)
        assert listener.of("edgevid/node/gone/stats")[-1].json["status"] == "ended"
        kept = retained(broker.port)
        assert json.loads(kept["edgevid/node/camera_0/state"])["action"] == "unknown"

    def test_online_comes_after_what_stands_beside_it(self, broker, listener, publish):
        publisher = publish(broker.port)
        publisher.observe(observation(events=[began()]))
        listener.wait("edgevid/node/camera_0/event")
        listener.received.clear()
        listener.publish("homeassistant/status", "online")
        listener.wait("edgevid/node/availability")
        order = [message.topic for message in listener.received]
        assert order.index("edgevid/node/camera_0/state") < order.index("edgevid/node/availability")

    def test_offline_of_another_is_answered(self, broker, listener, publish, monkeypatch):
        monkeypatch.setattr(outbox_module, "_ONLINE_SECONDS", 0.05)
        publisher = publish(broker.port)
        wait_for(lambda: publisher._up, "it is connected")
        listener.publish("edgevid/node/availability", "offline", retain=True)
        wait_for(
            lambda: publisher.observe(observation()) or retained(broker.port)["edgevid/node/availability"] == "online",
            "again",
        )

    def test_two_programs_of_one_name_are_told(self, broker, publish):
        first = publish(broker.port)
        wait_for(lambda: first._up, "it is connected")
        second = publish(broker.port)
        for one in (first, second):
            wait_for(lambda one=one: len(one.said) == 2, "it is told")
            assert "Another program publishes" in one.said[1]

    def test_programs_without_names_differ_by_their_sources(self, monkeypatch):
        nodes = [
            default_node_id("board", sources)
            for sources in (["camera 0"], ["camera 1"], ["camera 0"], ["a" * 60 + "b"], ["a" * 60 + "c"], [])
        ]
        assert nodes[0] == nodes[2] == "board_camera_0"
        assert nodes[-1] == "board"
        assert len(set(nodes)) == 5
        assert max(map(len, nodes)) <= 48
        monkeypatch.setattr(socket, "gethostname", lambda: "board")
        publisher = MqttPublisher("mqtt://127.0.0.1:1", LABELS, sources=["camera 0"], on_message=print)
        publisher.close()
        assert publisher.topics.node_id == "board_camera_0"


@needs_broker
class TestPassword:
    @pytest.fixture
    def locked(self, tmp_path: Path) -> Iterator[tuple[Mosquitto, Callable[[str], None], Path]]:
        """A broker with the users "me" and "test" (the listener), a function that changes the password of "me", and the file."""
        tool = shutil.which("mosquitto_passwd")
        if tool is None:
            pytest.skip("mosquitto_passwd is not installed")
        passwords = tmp_path / "passwords"

        def change(password: str) -> None:
            passwords.write_text(f"me:{password}\ntest:test\n")
            passwords.chmod(0o600)
            subprocess.run([tool, "-U", str(passwords)], check=True)

        change("right")
        with Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as broker:
            yield broker, change, passwords

    def test_the_right_one(self, locked, publish, monkeypatch):
        broker, _, _ = locked
        publish(broker.port, "mqtt://me:right@127.0.0.1:{port}", node_id="a")
        publish(broker.port, "mqtt://me@127.0.0.1:{port}", node_id="b", password="right")
        monkeypatch.setenv("EDGEVID_MQTT_PASSWORD", "right")
        publish(broker.port, "mqtt://me@127.0.0.1:{port}", node_id="c")
        with Listener(broker.port, user="test", password="test") as listener:
            for node in "abc":
                listener.wait(f"edgevid/{node}/availability", lambda message: message.payload == "online")

    @pytest.mark.parametrize(
        ("login", "who"), [("me:wrong@", "the user 'me'"), ("me@", "the user 'me'"), ("", "without a user")]
    )
    def test_a_wrong_one_is_told_once_in_the_broker_s_words(self, locked, publish, login, who):
        broker, _, _ = locked
        publisher = publish(broker.port, f"mqtt://{login}127.0.0.1:{{port}}")
        wait_for(lambda: publisher.said, "the refusal is told")
        publisher.close()
        assert len(publisher.said) == 1
        assert who in publisher.said[0]
        assert "Not authorized" in publisher.said[0]
        assert "wrong" not in publisher.said[0]

    def test_it_goes_on_when_the_broker_learns_the_password(self, locked, publish):
        broker, change, _ = locked
        publisher = publish(broker.port, "mqtt://me:new@127.0.0.1:{port}")
        wait_for(lambda: publisher.said, "the refusal is told")
        change("new")
        broker.send_signal(signal.SIGHUP)
        wait_for(lambda: len(publisher.said) == 2, "it is let in")
        assert publisher.said[1].startswith("Connected")

    def test_an_account_that_may_read_nothing_publishes(self, locked, publish, tmp_path, monkeypatch):
        monkeypatch.setattr(publisher_module, "_HELLO_SECONDS", 0.1)
        (tmp_path / "acl").write_text("user test\ntopic readwrite #\nuser me\ntopic write #\n")
        (tmp_path / "acl").chmod(0o600)
        _, _, passwords = locked
        with (
            Mosquitto(
                tmp_path, "allow_anonymous false", f"password_file {passwords}", f"acl_file {tmp_path}/acl"
            ) as broker,
            Listener(broker.port, user="test", password="test") as listener,
        ):
            publish(broker.port, "mqtt://me:right@127.0.0.1:{port}").observe(observation())
            listener.wait("edgevid/node/camera_0/state")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and server.pem with server.key for 127.0.0.1, signed by it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    (folder / "server.ext").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    new = "req -newkey rsa:2048 -nodes -sha256"
    for command in (
        f"{new} -x509 -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem",
        f"{new} -subj /CN=127.0.0.1 -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem",
    ):
        subprocess.run([openssl, *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@needs_broker
class TestTls:
    @pytest.fixture
    def tls_broker(self, tmp_path: Path, certificates: Path) -> Iterator[Mosquitto]:
        with Mosquitto(tmp_path, f"certfile {certificates}/server.pem", f"keyfile {certificates}/server.key") as broker:
            yield broker

    def test_with_its_authority_all_is_published(self, tls_broker, certificates, publish):
        publisher = publish(tls_broker.port, "mqtts://127.0.0.1:{port}", ca_file=certificates / "ca.pem")
        for number in range(100):
            publisher.observe(observation(timestamp=float(number), events=[began(timestamp=float(number))]))
        wait_for(lambda: publisher.said, "it is connected")
        wait_for(lambda: not publisher._outbox.events_waiting and not publisher._in_flight, "the broker has all events")
        publisher.close()
        assert len(publisher.said) == 1
        assert publisher.said[0].startswith("Connected")

    def test_with_those_of_the_system_it_is_not_accepted(self, tls_broker, publish):
        publisher = publish(tls_broker.port, "mqtts://127.0.0.1:{port}")
        wait_for(lambda: publisher.said, "the refusal is told")
        assert "certificate" in publisher.said[0]
        assert "ca_file" in publisher.said[0]

    def test_without_tls_it_says_what_to_check(self, tls_broker, publish):
        publisher = publish(tls_broker.port)
        wait_for(lambda: publisher.said, "it is told")
        assert "mqtts://" in publisher.said[0]
