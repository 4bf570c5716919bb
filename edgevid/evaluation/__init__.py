"""A bundle over labelled clips: figures, reports, and bundles compared. Needs the extra ``evaluate``, and no TensorFlow.

- ``evaluation`` measures a bundle: ``predictions`` of clips, ``streaming`` over them, ``outside`` clips of other actions
- ``figures`` (with ``metrics`` and ``significance``) is what is measured of predictions
- ``comparison`` sets evaluations side by side, ``published`` holds the thesis's figures
- ``folder`` writes and reads an evaluation; ``report`` and ``comparison`` make reports (``report_format``, ``templates``,
  ``plots``)
"""

from .evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
