"""Models on disk: find them, verify them, read their cards."""

from __future__ import annotations

from .bundle import DEFAULT_BUNDLE as DEFAULT_BUNDLE
from .bundle import MIXTURE as MIXTURE
from .bundle import UNIFORM as UNIFORM
from .bundle import WINDOWS as WINDOWS
from .bundle import Bundle as Bundle
from .bundle import ClassifierEntry as ClassifierEntry
from .bundle import EmbedderEntry as EmbedderEntry
from .bundle import open_bundle as open_bundle
from .bundle import shipped_bundles as shipped_bundles
from .bundle import user_bundles as user_bundles
from .cards import BUNDLE_FORMAT as BUNDLE_FORMAT
from .cards import CARD_NAME as CARD_NAME
from .cards import EXTRACTOR_FORMAT as EXTRACTOR_FORMAT
from .cards import sha256_of as sha256_of
from .networks import DEFAULT_EXTRACTOR as DEFAULT_EXTRACTOR
from .networks import MODELS_VARIABLE as MODELS_VARIABLE
from .networks import ExtractorFile as ExtractorFile
from .networks import find_extractor as find_extractor
from .networks import models_folder as models_folder
from .networks import shipped_extractors as shipped_extractors
from .networks import user_extractors as user_extractors
from .networks import user_models_folder as user_models_folder
