"""Damaged and hostile inputs of all kinds, thousands of them: what edgevid does not take it must refuse with an `EdgevidError`.

    python -m tests.fuzz --cases 20000 --seed 1     # all kinds, mixed
    python -m tests.fuzz --only network --cases 500
    python -m tests.fuzz --replay network:1:217     # one case again, by the name that a finding is printed with

Each case runs in a worker process with a time limit and a limit on its memory; one that crashes,
hangs or takes too much is ended
and a new one goes on. The same name makes the same case again, on the same versions of the libraries.
"""
