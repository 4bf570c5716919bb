"""Thousands of damaged and hostile inputs of all kinds: edgevid must accept each or refuse it with an `EdgevidError`.

    python -m tests.fuzz --cases 20000 --seed 1     # all kinds, mixed
    python -m tests.fuzz --only network --cases 500
    python -m tests.fuzz --replay network:1:217     # one case again, by the name printed with a finding

Each case runs in a worker process with limits on time and memory. A worker that crashes, hangs or takes too much is killed, and a
new one continues. The same name makes the same case again, with the same versions of the libraries.
"""
