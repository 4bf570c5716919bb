"""Evaluation of bundles on labelled clips: figures, reports, comparisons. Needs the extra ``evaluate``, and no TensorFlow.

- ``evaluation`` evaluates a bundle: ``predictions`` of clips, ``streaming`` over them, ``outside`` clips of other actions
- ``figures`` (with ``metrics`` and ``significance``) computes the figures of predictions
- ``comparison`` compares evaluations, ``published`` holds the thesis's figures
- ``folder`` writes and reads an evaluation; ``report`` and ``comparison`` make reports (``report_format``, ``templates``,
  ``plots``)
"""

from .evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
