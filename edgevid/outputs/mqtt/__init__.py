"""Publishes what streams recognise to an MQTT broker, in a form that Home Assistant discovers by itself.

Below ``edgevid/NODE`` (see :class:`MqttPublisher`):

    availability      "online" or "offline", retained; the broker says "offline" when the program dies
    SOURCE/state      retained JSON: action (a label, "none" if no action goes on, or "unknown" while the window fills or the
                      source is gone), score (the action's probability now, or null), count (its repetitions, or null), since
                      and time (ISO 8601, UTC), seconds (the newest frame's timestamp on the source's clock), prediction (the
                      same in words, such as "JumpRope 0.92" or, with the best guess, "nothing recognised (JumpRope 0.21)"; or
                      null), region (the part of the frame that the model looked at: left, top, right, bottom, 0 to 1, or
                      null: all of it)
    SOURCE/event      JSON, QoS 1, not retained: event_type ("began", "counted", "ended", or another kind), label, source, time,
                      seconds, and the fields of its kind: score, or count, or duration_seconds, peak_score and count
    SOURCE/stats      retained JSON: status and message (of the last change of the source's state), frames_per_second (sampled
                      frames, over the last 5 s), latency_ms, age_ms, captured, used, dropped, restarts, events_dropped, time
    hello             a random id of the program, sent when it connects, so that programs with the same NODE notice each other
    homeassistant/device/edgevid_NODE/config   retained: the discovery message

A killed run leaves its states behind. The next run replaces them (action "unknown", status "ended") before it publishes
"online".

An event that waited for the broker carries the time when it happened, not the time when it was sent. QoS 1 means at least
once: an event may arrive twice if a connection breaks.
"""

from __future__ import annotations

from .publisher import MqttPublisher

__all__ = ["MqttPublisher"]
