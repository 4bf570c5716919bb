"""A stand-in for the ROS 2 modules that a node uses, for machines without ROS 2. It records what the node publishes."""

from __future__ import annotations

import array
import json
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, Callable

import numpy as np
import pytest


def image(frame: np.ndarray, encoding: str, seconds: float, padding: int = 0) -> Any:
    """A sensor_msgs/Image of uint8 ``[H, W, channels]``, with ``padding`` bytes after each row."""
    rows = frame.reshape(len(frame), -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=77).tobytes()
    stamp = SimpleNamespace(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp), height=frame.shape[0], width=frame.shape[1], encoding=encoding,
        step=rows.shape[1] + padding, data=array.array("B", data), is_bigendian=0,
    )  # fmt: skip


@dataclass
class FakeRos:
    """The one node of a program.

    Attributes:
        images: what the topic gives while the node spins.
        published: topic -> what was published, read from JSON.
        errors: what the node logged.
        subscribed: topics, and how many messages wait.
        ended: what was called at the end.
    """

    images: list[Any] = field(default_factory=list)
    published: dict[str, list[Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    subscribed: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = ("rclpy", "rclpy.executors", "rclpy.qos", "sensor_msgs", "sensor_msgs.msg", "std_msgs", "std_msgs.msg")
        modules = {name: ModuleType(name) for name in names}
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        vars(modules["rclpy"]).update(
            init=lambda: None, create_node=lambda name: self, spin=self._spin, try_shutdown=lambda: self.ended.append("rclpy")
        )  # fmt: skip
        vars(modules["rclpy.executors"]).update(ExternalShutdownException=type("Ended", (Exception,), {}))
        vars(modules["rclpy.qos"]).update(QoSProfile=SimpleNamespace, ReliabilityPolicy=SimpleNamespace(BEST_EFFORT=2))
        vars(modules["sensor_msgs.msg"]).update(Image=SimpleNamespace)
        vars(modules["std_msgs.msg"]).update(String=SimpleNamespace)

    def create_publisher(self, kind: type, topic: str, depth: int) -> Any:
        told = self.published.setdefault(topic, [])
        return SimpleNamespace(publish=lambda message: told.append(json.loads(message.data)))

    def create_subscription(self, kind: type, topic: str, callback: Callable[[Any], object], profile: Any) -> None:
        self.subscribed[topic] = profile.depth
        self._callback = callback

    def get_logger(self) -> Any:
        return SimpleNamespace(error=self.errors.append)

    def _spin(self, node: Any) -> None:
        for one in self.images:
            self._callback(one)
        raise KeyboardInterrupt
