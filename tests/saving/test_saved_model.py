import json
import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig, from_dict
from tangshi_tf.errors import ModelError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.vocabulary import Vocabulary
from tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "plain_tensorflow.py"


def test_a_folder_describes_itself(lstm: PoetryModel, tmp_path: Path) -> None:
    extra = export_model(lstm, tmp_path, readme="# 诗\n", metadata={"perplexity": 80.5}) / "assets.extra"
    config = json.loads((extra / "config.json").read_text(encoding="utf-8"))
    assert config["format"] == 1
    assert from_dict(ModelConfig, config["model"]) == lstm.config
    assert config["tensorflow"] == tf.__version__
    assert config["perplexity"] == 80.5
    readme = (extra / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# 诗\n\n## What the loaded object offers\n")
    assert load(extra.parent).about().numpy().decode() in readme
    assert Vocabulary.load(extra / "vocabulary.txt").tokens == lstm.vocabulary.tokens


def test_the_default_readme_tells_how_to_load(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (folder / "assets.extra" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    exec(code.replace("path/of/this/version", str(folder)), {})
    assert capsys.readouterr().out.startswith("山")


def test_the_model_comes_back(lstm: PoetryModel, folder: Path) -> None:
    model = PoetryModel.from_saved_model(folder)
    for ours, theirs in zip(lstm.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_default_model_is_small_enough_for_the_box(tmp_path: Path) -> None:
    model = PoetryModel(ModelConfig(), Vocabulary([chr(0x4E00 + i) for i in range(6000)]))
    folder = export_model(model, tmp_path)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    weights = 4 * sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert size < weights + 2_000_000
    assert size < 25_000_000


def full_disk(*args: Any, **kwargs: Any) -> None:
    (Path(args[1]) / "variables").mkdir(parents=True)
    raise tf.errors.ResourceExhaustedError(None, None, "No space left on device\nmore")


def read_only(*args: Any, **kwargs: Any) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("failure", [full_disk, read_only])
def test_a_failed_export_leaves_nothing(
    lstm: PoetryModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[..., None]
) -> None:
    monkeypatch.setattr(tf.saved_model, "save", failure)
    with pytest.raises(ModelError, match="A writable folder is required") as caught:
        export_model(lstm, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(lstm: PoetryModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="A writable folder is required"):
        export_model(lstm, tmp_path / "file" / "models")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    path.write_bytes(b"\x07" * 1000)


def remove(path: Path) -> None:
    path.unlink()


WAYS: list[Callable[[Path], None]] = [cut, scramble, remove]
DAMAGES = [
    (name, damage)
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
    for damage in WAYS
    if damage is not scramble or "data" not in name  # values are not checked when they are read
]
DAMAGES += [("assets.extra/config.json", damage) for damage in WAYS]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_folder_is_one_line_of_error(
    folder: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    damage(tmp_path / name)
    with pytest.raises(ModelError, match="required") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_foreign_or_later_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="written by tangshi-tf is required"):
        load(tmp_path / "missing")
    tf.saved_model.save(tf.Module(), str(tmp_path / "foreign"))
    with pytest.raises(ModelError, match="written by tangshi-tf is required"):
        load(tmp_path / "foreign")
    extra = tmp_path / "foreign" / "assets.extra"
    extra.mkdir()
    (extra / "config.json").write_text('{"format": 1}')
    with pytest.raises(ModelError, match="a function generate"):
        load(tmp_path / "foreign")
    (extra / "config.json").write_text('{"format": 2}')
    with pytest.raises(ModelError, match="of format 1 is required"):
        load(tmp_path / "foreign")


def test_the_example_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE))["main"](str(folder))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["signature", "function", "steps", "perplexity"]


@pytest.mark.parametrize("opened", [load, PoetryModel.from_saved_model])
def test_another_format_and_damage_are_refused_by_both_ways_in(
    folder: Path, tmp_path: Path, opened: Callable[[Path], object]
) -> None:
    copy = tmp_path / "1"
    shutil.copytree(folder, copy)
    config = copy / "assets.extra" / "config.json"
    text = config.read_text(encoding="utf-8")
    for damaged, message in [
        (text.replace('"format": 1', '"format": 99'), "of format 1 is required: .* Received: format 99"),
        ("{", "An undamaged model folder is required"),
    ]:
        config.write_text(damaged, encoding="utf-8")
        with pytest.raises(ModelError, match=message) as caught:
            opened(copy)
        assert "\n" not in str(caught.value)
    config.write_text(text, encoding="utf-8")
    (weights,) = (copy / "variables").glob("variables.data*")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(ModelError, match="An undamaged model folder is required"):
        opened(copy)
    with pytest.raises(ModelError, match="A model folder written by tangshi-tf is required"):
        opened(tmp_path)
