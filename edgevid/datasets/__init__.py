"""Labelled clips on disk: reading them, splitting them, and warnings about training with them.

- ``clips``: a clip, its label and its group; ``reading`` finds them on disk, ``ucf101`` reads that data set as published
- ``division``: splits for training, validation and testing
- ``analysis``, ``warnings`` and ``plot`` describe them
"""
