"""The message by which Home Assistant sets up a device and its entities ("device discovery", since 2024.11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .topics import Topics

# The values of `action` when no action goes on, and while that is unknown.
NONE = "none"
UNKNOWN = "unknown"

EVENT_TYPES = ("began", "counted", "ended")
STATUSES = ("waiting", "opened", "lost", "reopened", "ended", "failed")


def discovery_topic(prefix: str, node_id: str) -> str:
    return f"{prefix}/device/edgevid_{node_id}/config"


def discovery_payload(
    topics: Topics,
    name: str,
    version: str,
    labels: Iterable[str],
    event_types: list[str],
    sources: Iterable[tuple[str, str]],
) -> dict[str, Any]:
    """One device, with the entities of all its sources.

    Args:
        topics: topics with the entities' values.
        name: name of the device, for people.
        version: version of edgevid.
        labels: the classes.
        event_types: the kinds of events.
        sources: name and slug of each source.
    """
    # Home Assistant strips what a template returns, so the options are stripped too.
    options = list(dict.fromkeys([*(label.strip() for label in labels), NONE]))
    entities = {
        f"edgevid_{topics.node_id}_{slug}_{key}": entity
        for source, slug in sources
        for key, entity in _entities(topics, source, slug, options, event_types).items()
    }
    return {
        "device": {
            "identifiers": [f"edgevid_{topics.node_id}"],
            "name": name,
            "manufacturer": "edgevid",
            "model": "action recognition",
            "sw_version": version,
        },
        "origin": {"name": "edgevid", "sw_version": version},
        "availability_topic": topics.availability,
        "components": {unique_id: {"unique_id": unique_id, **entity} for unique_id, entity in entities.items()},
    }


def _entities(
    topics: Topics, source: str, slug: str, options: list[str], event_types: list[str]
) -> dict[str, dict[str, Any]]:
    def sensor(name: str, leaf: str, key: str, **more: Any) -> dict[str, Any]:
        topic, template = topics.of_source(slug, leaf), f"{{{{ value_json.{key} }}}}"
        return {
            "platform": "sensor",
            "name": f"{source} {name}",
            "state_topic": topic,
            "value_template": template,
            **more,
        }

    diagnostic = {"entity_category": "diagnostic"}
    measured = {**diagnostic, "state_class": "measurement"}
    # in a template, None means "unknown" to Home Assistant
    known = f"{{{{ None if value_json.action == '{UNKNOWN}' else value_json.action }}}}"
    return {
        "action": sensor(
            "action", "state", "action", device_class="enum", options=options, value_template=known, icon="mdi:run"
        ),
        "count": sensor("repetitions", "state", "count", state_class="measurement", icon="mdi:counter"),
        "event": {
            "platform": "event", "name": f"{source} event", "event_types": event_types, "qos": 1,
            "state_topic": topics.of_source(slug, "event"),
        },
        "status": sensor("status", "stats", "status", device_class="enum", options=list(STATUSES), **diagnostic),
        "frames_per_second": sensor("frame rate", "stats", "frames_per_second", unit_of_measurement="fps", **measured),
        "latency": sensor("latency", "stats", "latency_ms", unit_of_measurement="ms", **measured),
        "dropped": sensor("dropped frames", "stats", "dropped", state_class="total_increasing", **diagnostic),
    }  # fmt: skip
