"""A robot's control loop: it reads the camera itself and passes the frames that are wanted to edgevid.

python examples/robot_loop.py          # camera 0
python examples/robot_loop.py clip.mp4 # a file stands in for the camera
"""

import sys
import time

import cv2

import edgevid


def act(prediction: edgevid.Prediction) -> None:
    """What the robot does in response."""
    print(f"{prediction.timestamp:7.2f} s  {prediction.label} ({prediction.score:.0%})")


def main(source: str) -> int:
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    if not capture.isOpened():
        print(f"cannot open {source}", file=sys.stderr)
        return 1
    is_file = not source.isdigit()
    stream = edgevid.load().open_stream(colour="bgr")  # as OpenCV gives frames
    now = 0.0
    while capture.grab():
        # Any clock that does not run backwards will do: the monotonic one, or the file's, which OpenCV 4.5 sets back at the end.
        now = max(now, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000) if is_file else time.monotonic()
        if stream.wants(now):  # most frames lie between two samples and need no decoding
            good, frame = capture.retrieve()
            if good:
                prediction = stream.push(frame, now)
                if prediction is not None and prediction.accepted:
                    act(prediction)
        # ... the rest of the loop: motors, sensors, network
    capture.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
