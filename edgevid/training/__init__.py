"""Training of bundles with Keras. Needs the extra ``train``: ``pip install 'edgevid[train]'``. The core never imports it.

Data flows through it in this order:

- ``data`` embeds labelled clips (:mod:`edgevid.datasets`, :mod:`edgevid.extraction`) and splits them
- ``networks`` and ``fit`` make and train a network, ``tuning`` chooses its hyper-parameters, ``run_folder`` saves progress
- ``inference`` and ``export`` convert it to TFLite, ``calibration`` calibrates its scores
- ``packaging`` writes and measures the bundle, ``card`` describes it; ``build`` runs it all, ``advice`` comments on it
- ``streamed`` trains the GRU that :mod:`edgevid.teaching` mixes with its statistics
"""
