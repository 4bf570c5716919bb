"""A ROS 2 node that subscribes to camera images and publishes the actions in them.

    ros2 run usb_cam usb_cam_node_exe
    python examples/ros2_node.py --ros-args -r image:=/image_raw

It takes the newest sensor_msgs/Image (rgb8, bgr8 or mono8) from the topic image. It publishes each prediction on the topic
prediction, and each event (an action began, was repeated or ended) on the topic event, as JSON in a std_msgs/String.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np

import edgevid

CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}


def frame_of(image: Any) -> np.ndarray:
    """A sensor_msgs/Image as uint8 [height, width, 3], RGB."""
    if image.encoding not in CHANNELS:
        raise edgevid.FrameError(f"The encoding {image.encoding!r} was given; expected one of {', '.join(CHANNELS)}.")
    channels = CHANNELS[image.encoding]
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)  # may be longer than their pixels
    pixels = rows[:, : image.width * channels].reshape(image.height, image.width, channels)
    if image.encoding == "mono8":
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if image.encoding == "bgr8" else pixels


def main() -> None:
    import rclpy  # comes with ROS: source /opt/ros/.../setup.bash
    from rclpy.executors import ExternalShutdownException
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image
    from std_msgs.msg import String

    rclpy.init()
    node = rclpy.create_node("edgevid")
    predictions = node.create_publisher(String, "prediction", 10)
    events = node.create_publisher(String, "event", 10)
    recognizer = edgevid.load()
    stream, detector = recognizer.open_stream(), edgevid.EventDetector(recognizer.events.options)

    def publish(publisher: Any, what: Any) -> None:
        publisher.publish(String(data=json.dumps(what.as_dict())))

    def take(image: Any) -> None:
        now = image.header.stamp.sec + 1e-9 * image.header.stamp.nanosec
        happened = []
        try:
            prediction = stream.push(frame_of(image), now) if stream.wants(now) else None
            if prediction is not None:
                publish(predictions, prediction)
                happened = detector.update(prediction)
        except edgevid.TimestampError:  # a recording that starts again
            happened = detector.finish()
            detector.reset()
            stream.reset()
        except edgevid.FrameError as error:
            node.get_logger().error(str(error))
        for event in happened:
            publish(events, event)

    newest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)  # images that arrive meanwhile are skipped
    node.create_subscription(Image, "image", take, newest)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
