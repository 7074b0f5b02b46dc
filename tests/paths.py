"""Where things are."""

from pathlib import Path

import tangshi_tf

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(tangshi_tf.__file__).parent
