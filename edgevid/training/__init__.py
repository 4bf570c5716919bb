"""Training of bundles, in Keras. Needs the extra ``train``: ``pip install 'edgevid[train]'``. The core never imports it.

Data flows through it in this order:

- ``data`` embeds labelled clips (:mod:`edgevid.datasets`, :mod:`edgevid.extraction`) and divides them
- ``networks`` and ``fit`` make and train a network, ``tuning`` chooses its hyper-parameters, ``run_folder`` keeps what was done
- ``inference`` and ``export`` turn it into TFLite, ``calibration`` calibrates its scores
- ``packaging`` writes the bundle and measures it, ``card`` says what it is; ``build`` runs it all, ``advice`` tells of it
- ``streamed`` trains the GRU that :mod:`edgevid.teaching` mixes with its statistics
"""
