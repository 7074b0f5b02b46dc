"""Write a poem with LiteRT and NumPy alone, as a phone does, at temperature 0.8; a seed is NumPy's own.

pip install ai-edge-litert
tangshi-tf export --format litert
python examples/litert.py [litert/tangshi/1] [BEGIN] [SEED]
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

TEMPERATURE = 0.8
BOS, EOS = 1, 2
NEVER_WRITTEN = ("<pad>", "<bos>", "<unk>", "<sep>")


def main(folder: str = "litert/tangshi/1", begin: str = "山", seed: str = "1") -> None:
    """Feed the begin, then draw one token after the other."""
    lines = (Path(folder) / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    tokens = [line.split("\t")[0] for line in lines]
    ids = {character: i for i, line in enumerate(lines) for character in line.split("\t")}
    interpreter = Interpreter(str(Path(folder) / "step.tflite"))
    step = interpreter.get_signature_runner("step")
    states = {
        name: np.zeros((1, entry["shape"][1]), entry["dtype"])
        for name, entry in step.get_input_details().items()
        if name != "token"
    }

    random = np.random.default_rng(int(seed))
    poem, to_read = begin, [BOS, *(ids.get(character, ids["<unk>"]) for character in begin)]
    while len(poem) < 100:
        for token in to_read:
            answer = step(token=np.array([token], np.int32), **states)
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
