"""A webcam (or a file, or a URL) in the terminal: bars of the most likely actions, live.

python examples/webcam_demo.py            # camera 0
python examples/webcam_demo.py clip.mp4
"""

import sys

import edgevid

WIDTH = 40


def draw(prediction: edgevid.Prediction) -> str:
    lines = [f"{prediction.timestamp:8.2f} s   window {prediction.window_filled:4.0%} filled"]
    for label, score in prediction.top(5):
        lines.append(f"{label:>20}  {'█' * round(score * WIDTH):{WIDTH}}  {score:4.0%}")
    return "\n".join(lines)


def main(source: str) -> int:
    drawn = 0
    try:
        # min_filled=0: show something from the first frame on, before the window is full
        for prediction in edgevid.load().stream(source, min_filled=0):
            if drawn and sys.stdout.isatty():
                print(f"\x1b[{drawn}A", end="")  # back to the top of the last picture
            text = draw(prediction)
            drawn = text.count("\n") + 1
            print(text, flush=True)
    except edgevid.EdgevidError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
