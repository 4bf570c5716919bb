"""Training and evaluation of bundles. Needs the extra: ``pip install 'edgevid[train]'``. The core never imports it.

Data flows through it in this order:

- ``dataset`` (with ``ucf101``, ``clips``, ``division``) reads labelled clips and holds groups out; ``analysis`` describes them
- ``features`` (with ``extraction``, ``executors``) embeds them
- ``networks`` and ``fit`` make and train a network, ``tuning`` chooses its settings, ``run_folder`` keeps what was done
- ``inference`` and ``export`` turn it into TFLite, ``packaging`` and ``card`` into a bundle; ``build`` runs it all
- ``evaluation`` (with ``streaming``, ``metrics``, ``significance``) measures bundles, ``comparison`` compares them
- ``report``, ``page`` and the plots show it
"""
