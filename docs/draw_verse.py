"""Draw docs/verse.svg from docs/verse.json, generated verse beside real verse, and print its tables in Markdown.

    tangshi-tf evaluate --verse --count 1000 --json > docs/verse.json
    python docs/draw_verse.py [docs/verse.svg]

Asks for matplotlib, the extra `plot`.
"""

import importlib.util
import json
import sys
from pathlib import Path

from tangshi_tf.evaluation.report_tables import draw, from_dict, markdown

if importlib.util.find_spec("matplotlib") is None:
    sys.exit("Error: matplotlib is required: pip install matplotlib.")


def main() -> None:
    """Draw and print."""
    folder = Path(__file__).parent
    report = from_dict(json.loads((folder / "verse.json").read_text(encoding="utf-8")))
    draw(report, Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "verse.svg")
    print(markdown(report))


if __name__ == "__main__":
    main()
