"""A version written once more has other functions, perhaps, but the same weights and the same card."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_again, export_model, load


def variables(version: Path) -> dict[str, bytes]:
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("weights/")]
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}


def test_weights_card_and_metadata_stay(lstm: PoetryModel, tmp_path: Path) -> None:
    metadata = {"perplexity": {"test": 63.0}, "package": "0.1.0"}
    first = export_model(lstm, tmp_path / "first", readme="# 诗\n\nMade by hand.\n", metadata=metadata)
    again = export_again(first, tmp_path / "again")
    assert variables(again) == variables(first)
    assert len(variables(again)) == len(lstm.weights)
    for name in ("README.md", "vocabulary.txt"):
        assert (again / "assets.extra" / name).read_bytes() == (first / "assets.extra" / name).read_bytes()
    old, new = (json.loads((v / "assets.extra" / "config.json").read_text(encoding="utf-8")) for v in (first, again))
    assert new.pop("package") != old.pop("package")
    assert new == old
    poets = [load(version) for version in (first, again)]
    assert poets[0].generate("山", seed=1)["poem"] == poets[1].generate("山", seed=1)["poem"]
