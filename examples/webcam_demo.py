"""A webcam (or a file, or a URL) and what happens in it, on a page in your browser.

python examples/webcam_demo.py            # camera 0
python examples/webcam_demo.py clip.mp4
python examples/webcam_demo.py --terminal # bars in the terminal instead: needs no browser and no aiohttp
"""

import sys

import edgevid
from edgevid import StreamOptions

WIDTH = 40


def draw(prediction: edgevid.Prediction) -> str:
    lines = [f"{prediction.timestamp:8.2f} s   window {prediction.window_filled:4.0%} filled"]
    for label, score in prediction.top(5):
        lines.append(f"{label:>20}  {'█' * round(score * WIDTH):{WIDTH}}  {score:4.0%}")
    return "\n".join(lines)


def in_the_terminal(recognizer: edgevid.Recognizer, source: str) -> None:
    drawn = 0
    # min_filled=0: show something from the first frame on, before the window is full
    for prediction in recognizer.stream(source, StreamOptions(min_filled=0)):
        if drawn and sys.stdout.isatty():
            print(f"\x1b[{drawn}A", end="")  # back to the top of the last picture
        text = draw(prediction)
        drawn = text.count("\n") + 1
        print(text, flush=True)


def on_a_page(recognizer: edgevid.Recognizer, source: str) -> None:
    from edgevid.outputs.web import WebServer  # pip install 'edgevid[web]'

    early = StreamOptions(min_filled=0)
    with WebServer(recognizer.labels) as page, recognizer.start(source, outputs=[page], stream=early) as runner:
        print(f"Open {page.url} in a browser. Ctrl-C ends it.", flush=True)
        runner.wait()


def main(arguments: list[str]) -> int:
    show = in_the_terminal if "--terminal" in arguments else on_a_page
    source = next((argument for argument in arguments if argument != "--terminal"), "0")
    try:
        with edgevid.load() as recognizer:
            show(recognizer, source)
    except edgevid.EdgevidError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
