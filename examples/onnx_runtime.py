"""Write a poem with onnxruntime and NumPy alone, at temperature 0.8; a seed is NumPy's own.

pip install onnxruntime
tangshi-tf export --format onnx
python examples/onnx_runtime.py [onnx/tangshi/1] [BEGIN] [SEED]
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

TEMPERATURE = 0.8
BOS, EOS = 1, 2
NEVER_WRITTEN = ("<pad>", "<bos>", "<unk>", "<sep>")


def main(folder: str = "onnx/tangshi/1", begin: str = "山", seed: str = "1") -> None:
    """Feed the begin, then draw one token after the other."""
    lines = (Path(folder) / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    tokens = [line.split("\t")[0] for line in lines]
    ids = {character: i for i, line in enumerate(lines) for character in line.split("\t")}
    session = onnxruntime.InferenceSession(str(Path(folder) / "step.onnx"))
    inputs = {entry.name: entry for entry in session.get_inputs()}
    outputs = [entry.name for entry in session.get_outputs()]
    states = {
        name: np.zeros((1, entry.shape[1]), np.int32 if entry.type == "tensor(int32)" else np.float32)
        for name, entry in inputs.items()
        if name != "token"
    }

    random = np.random.default_rng(int(seed))
    poem, to_read = begin, [BOS, *(ids.get(character, ids["<unk>"]) for character in begin)]
    while len(poem) < 100:
        for token in to_read:
            given = {"token": np.array([token], np.int32), **states}
            answer = dict(zip(outputs, session.run(None, given), strict=True))
            states = {name: answer[f"next_{name}"] for name in states}
        logits = answer["logits"][0].astype(np.float64)
        logits[[ids[name] for name in NEVER_WRITTEN if name in ids]] = -np.inf
        weights = np.exp((logits - logits.max()) / TEMPERATURE)
        token = int(random.choice(len(weights), p=weights / weights.sum()))
        if token == EOS:
            break
        poem, to_read = poem + tokens[token], [token]
    print(poem)


if __name__ == "__main__":
    main(*sys.argv[1:])
