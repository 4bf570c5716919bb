"""What Home Assistant receives, checked against its own schemas if it is installed; and the walk-through in examples/."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from edgevid.outputs.mqtt.discovery import EVENT_TYPES, discovery_payload, discovery_topic
from edgevid.outputs.mqtt.topics import Topics, slug

WALK_THROUGH = Path(__file__).parent.parent / "examples" / "home_assistant.md"
# The keys that Home Assistant 2025.4 accepts for an entity; it refuses unknown ones.
COMMON = {"platform", "unique_id", "name", "state_topic", "value_template", "qos", "icon", "entity_category"}
KNOWN = {
    "sensor": {*COMMON, "device_class", "state_class", "options", "unit_of_measurement"},
    "event": {*COMMON, "event_types"},
}


@pytest.fixture
def payload() -> dict[str, Any]:
    sources = [("door", "door"), ("{{ 1 }}", "1")]
    return discovery_payload(
        Topics("edgevid", "board"), "Board", "0.1.0", ["JumpRope", " spaces "], list(EVENT_TYPES), sources
    )


def test_the_message_has_what_home_assistant_asks_for_and_nothing_else(payload):
    assert payload.keys() == {"device", "origin", "availability_topic", "components"}
    assert re.fullmatch(r"[\w-]+/device/[a-zA-Z0-9_-]+/config", discovery_topic("homeassistant", "board"))
    assert payload["device"]["identifiers"]
    assert payload["origin"]["name"]
    for key, entity in payload["components"].items():
        assert entity.keys() <= KNOWN[entity["platform"]], key
        assert {"unique_id", "name", "state_topic"} <= entity.keys()
        if entity.get("device_class") == "enum":  # which has options, and nothing that numbers have
            assert len(set(entity["options"])) == len(entity["options"])
            assert not {"state_class", "unit_of_measurement"} & entity.keys()


def test_home_assistant_takes_it(payload, tmp_path):
    schemas = pytest.importorskip("homeassistant.components.mqtt.schemas", reason="homeassistant is not installed")
    from homeassistant.components.mqtt import event, sensor
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers import frame

    async def check() -> None:
        frame.async_setup(HomeAssistant(str(tmp_path)))  # templates need it
        schemas.DEVICE_DISCOVERY_SCHEMA(payload)
        for entity in payload["components"].values():
            schema = {"sensor": sensor, "event": event}[entity["platform"]].PLATFORM_SCHEMA_MODERN
            schema({name: value for name, value in entity.items() if name != "platform"})

    asyncio.run(check())


def test_the_walk_through_names_the_entities_that_its_command_makes(payload):
    text = WALK_THROUGH.read_text(encoding="utf-8")
    assert "edgevid stream door=0 --mqtt" in text
    assert "--mqtt-name Board" in text
    made = {
        f"{entity['platform']}.{slug('Board ' + entity['name'])}"
        for key, entity in payload["components"].items()
        if key.startswith("edgevid_board_door_")
    }
    assert len(made) == 7
    assert set(re.findall(r"\b(?:sensor|event)\.board_\w+", text)) == made
