"""Keep figures in a JSON file: rows, and the command, the hardware, the date and the versions that they come from.

    python benchmarks/record.py FILE COMMAND

COMMAND is one shell command that prints JSON, an object a line; the objects are the rows. The other benchmarks keep
their rows in the same form. A note that stands in FILE stays there. `python docs/results/tables.py` makes tables of the
files in docs/results/data.
"""

import argparse
import datetime
import json
import runpy
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
PACKAGES = {"TensorFlow": "tensorflow", "Keras": "keras", "PyTorch": "torch"}

Row = Mapping[str, Any]


def keep(path: Path | None, rows: Iterable[Row], command: str = "") -> None:
    """Write rows to a file, if there is one; the command is that of this process by default."""
    if path is None:
        return
    import tensorflow as tf  # not at the top: some benchmarks import this module where TensorFlow must not be loaded

    from tangshi_tf.storage.files import write_text
    from tangshi_tf.training.hardware import devices

    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content = {
        "command": command or " ".join(["python", *sys.argv]),
        "hardware": devices(tf.distribute.get_strategy()),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": dict(_versions()),
        "note": known.get("note", ""),
        "rows": list(rows),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def table(name: str, rows: Sequence[Row]) -> str:
    """Return the table of that name in docs/results, of these rows."""
    return str(runpy.run_path(str(RESULTS / "tables.py"))["TABLES"][name].of(rows))


def _versions() -> Iterable[tuple[str, str]]:
    for name, package in PACKAGES.items():
        try:
            yield name, version(package)
        except PackageNotFoundError:
            continue


def main() -> None:
    """Run a command and keep what it prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("command")
    options = parser.parse_args()
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", options.command], stdout=subprocess.PIPE, check=True)
    keep(options.file, map(json.loads, done.stdout.decode().splitlines()), options.command)


if __name__ == "__main__":
    main()
