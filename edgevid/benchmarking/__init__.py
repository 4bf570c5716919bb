"""The speed of edgevid on this machine: the measurements of ``edgevid benchmark``.

A bundle is run by the same loop as a stream, in a process of its own, on a generated clip. Timers are put around the pipeline's
own functions, so that no stage is a copy of one.
"""
