"""How fast edgevid is on this machine: what ``edgevid benchmark`` measures.

A bundle is run by the very loop that runs a stream, in a process of its own, on a clip that is made for it; clocks are put around
the pipeline's own functions, so that no stage is a copy of one.
"""
