"""Measure how long a reader waits for a poem: `tangshi-tf sample` from the shell, and what the time goes to.

    python benchmarks/start_up.py [--model saved_models/tangshi/1] [--rounds 7] [--json FILE]

The whole command and the bare import of TensorFlow are processes of their own and take turns; so is a program that
imports, loads, and writes one poem and then others, each of which is timed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from record import keep

_PARTS = """
import json, sys, time
marks = [time.perf_counter()]
import tensorflow as tf
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # as the command does
marks.append(time.perf_counter())
from tangshi_tf.saving.saved_model import load
poet = load(sys.argv[1])
marks.append(time.perf_counter())
for seed in range(11):
    poet.generate("山", temperature=1.0, top_p=0.85, repetition_penalty=2.5, seed=seed)["poem"].numpy()
    marks.append(time.perf_counter())
took = [after - before for before, after in zip(marks, marks[1:])]
print(json.dumps([*took[:3], sum(took[3:]) / len(took[3:])]))
"""
_LABELS = ["import TensorFlow", "load the model", "first poem", "each of the next"]


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="saved_models/tangshi/1")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    program = shutil.which("tangshi-tf")
    if program is None:
        sys.exit("Error: An installation with the command tangshi-tf is required: pip install .")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sample = [program, "sample", "--begin", "山", "--seed", "1", "--model", options.model]
    bare = [sys.executable, "-c", "import tensorflow"]
    times: dict[str, list[float]] = {"tangshi-tf sample": [], "python -c 'import tensorflow'": []}
    parts: list[list[float]] = []
    for _ in range(options.rounds + 1):
        for times_of, command in zip(times.values(), (sample, bare), strict=True):
            times_of.append(seconds(command))
        done = subprocess.run([sys.executable, "-c", _PARTS, options.model], check=True, capture_output=True, text=True)
        parts.append(json.loads(done.stdout))
    medians = {f"`{name}`": statistics.median(took[1:]) for name, took in times.items()}
    whole, alone = (took[1:] for took in times.values())
    more = statistics.median(a - b for a, b in zip(whole, alone, strict=True))
    medians["the first more than the second (median of the differences)"] = more
    for label, values in zip(_LABELS, zip(*parts[1:], strict=True), strict=True):
        medians[f"inside a program: {label}"] = statistics.median(values)
    print(f"median of {options.rounds} rounds after one to warm up\n")
    print("| what | seconds |\n|---|---:|")
    for name, median in medians.items():
        print(f"| {name} | {median:.2f} |")
    keep(options.json, [{"what": name, "seconds": median} for name, median in medians.items()])


if __name__ == "__main__":
    main()
