"""Draw docs/results/verse.svg, poems of the model beside real ones, from the figures in docs/results/data/verse.json.

    python benchmarks/record.py docs/results/data/verse.json 'tangshi-tf evaluate --verse --count 1000 --json'
    python docs/results/draw_verse.py [docs/results/verse.svg]

Asks for matplotlib, the extra `plot`.
"""

import importlib.util
import json
import sys
from pathlib import Path

from tangshi_tf.evaluation.report_tables import draw, from_dict

if importlib.util.find_spec("matplotlib") is None:
    sys.exit("Error: matplotlib is required: pip install matplotlib.")


def main() -> None:
    """Draw."""
    folder = Path(__file__).parent
    (report,) = json.loads((folder / "data" / "verse.json").read_text(encoding="utf-8"))["rows"]
    draw(from_dict(report), Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "verse.svg")


if __name__ == "__main__":
    main()
