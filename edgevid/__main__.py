"""``python -m edgevid``"""

import sys

from .cli import main

sys.exit(main())
