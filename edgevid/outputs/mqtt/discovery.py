"""The message by which Home Assistant sets up a device and its entities ("device discovery", since 2024.11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .topics import Topics

# What `action` says when no action goes on, and while it is not known whether one does.
NONE = "none"
UNKNOWN = "unknown"

EVENT_TYPES = ("began", "ended")
STATUSES = ("opened", "lost", "reopened", "ended", "failed")


def discovery_topic(prefix: str, node_id: str) -> str:
    return f"{prefix}/device/edgevid_{node_id}/config"


def discovery_payload(
    topics: Topics, name: str, version: str, labels: Iterable[str], sources: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """One device, with the entities of all its sources.

    Args:
        topics: where the entities' values are.
        name: of the device, for people.
        version: edgevid's.
        labels: the classes.
        sources: name and slug of each.
    """
    components: dict[str, dict[str, Any]] = {}
    # Home Assistant strips what a template gives, so the options are stripped too.
    options = list(dict.fromkeys([*(label.strip() for label in labels), NONE]))
    for source, slug in sources:
        for key, entity in _entities(topics, source, slug, options).items():
            unique_id = f"edgevid_{topics.node_id}_{slug}_{key}"
            components[unique_id] = {"unique_id": unique_id, **entity}
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
        "components": components,
    }


def _entities(topics: Topics, source: str, slug: str, options: list[str]) -> dict[str, dict[str, Any]]:
    stats = {"platform": "sensor", "state_topic": topics.of_source(slug, "stats"), "entity_category": "diagnostic"}
    measured = {**stats, "state_class": "measurement"}
    return {
        "action": {
            "platform": "sensor",
            "name": f"{source} action",
            "device_class": "enum",
            "options": options,
            "state_topic": topics.of_source(slug, "state"),
            # None is how a template says "unknown" to Home Assistant
            "value_template": f"{{{{ None if value_json.action == '{UNKNOWN}' else value_json.action }}}}",
            "icon": "mdi:run",
        },
        "event": {
            "platform": "event",
            "name": f"{source} event",
            "event_types": list(EVENT_TYPES),
            "state_topic": topics.of_source(slug, "event"),
            "qos": 1,
        },
        "status": {
            **stats,
            "name": f"{source} status",
            "device_class": "enum",
            "options": list(STATUSES),
            "value_template": "{{ value_json.status }}",
        },
        "frames_per_second": {
            **measured,
            "name": f"{source} frame rate",
            "unit_of_measurement": "fps",
            "value_template": "{{ value_json.frames_per_second }}",
        },
        "latency": {
            **measured,
            "name": f"{source} latency",
            "unit_of_measurement": "ms",
            "value_template": "{{ value_json.latency_ms }}",
        },
        "dropped": {
            **stats,
            "name": f"{source} dropped frames",
            "state_class": "total_increasing",
            "value_template": "{{ value_json.dropped }}",
        },
    }
