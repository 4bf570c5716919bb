"""A GStreamer RTSP server with a test picture, run by the system's Python: ``rtsp_server.py PORT``.

Serves rtsp://127.0.0.1:PORT/test, prints "ready" on stdout, and ends when it is killed. Exits with 3 and a reason if something
is not installed.
"""

import sys


def main() -> int:
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import GLib, Gst, GstRtspServer
    except (ImportError, ValueError) as error:
        print(error, flush=True)  # noqa: T201
        return 3
    Gst.init(None)
    for element in ("videotestsrc", "jpegenc", "rtpjpegpay"):
        if Gst.ElementFactory.find(element) is None:
            print(f"GStreamer has no {element}", flush=True)  # noqa: T201
            return 3
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 ! "
        "jpegenc ! rtpjpegpay name=pay0 pt=26 )"
    )
    factory.set_shared(True)
    server.get_mount_points().add_factory("/test", factory)
    if not server.attach(None):
        print("the port is taken")  # noqa: T201
        return 4
    print("ready", flush=True)  # noqa: T201
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
