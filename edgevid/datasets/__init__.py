"""Labelled clips on disk: what they are, how they are divided, what speaks against training with them.

- ``clips``: a clip, its label and its group; ``reading`` finds them on disk, ``ucf101`` as that data set is published
- ``division``: which of them train, validate and test
- ``analysis``, ``warnings`` and ``plot`` describe them
"""
