import json
import os
import shutil
from pathlib import Path

import pytest

from tangshi_tf.errors import ModelError, TangshiError
from tangshi_tf.storage.version_folder import (
    read_card,
    read_version,
    require_undamaged,
    version_settings,
    version_vocabulary,
)
from tangshi_tf.vocabulary import Vocabulary


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A version that a test may damage."""
    return Path(shutil.copytree(folder, tmp_path / "version"))


def test_a_version_says_what_it_is(folder: Path, vocabulary: Vocabulary) -> None:
    require_undamaged(folder)
    assert read_version(folder)["format"] == 1
    assert version_settings(folder)[0].cell == "lstm"
    assert version_vocabulary(folder).dumps() == vocabulary.dumps()
    assert read_card(folder).startswith("# A poet")


def test_one_flipped_bit_in_any_file_is_noticed(copy: Path) -> None:
    paths = [path for path in copy.rglob("*") if path.is_file() and path.name not in ("README.md", "digests.json")]
    assert {path.name for path in paths} > {"saved_model.pb", "variables.index", "config.json", "vocabulary.txt"}
    for path in paths:
        right = path.read_bytes()
        for place in {0, len(right) // 2, len(right) - 1}:
            wrong = bytearray(right)
            wrong[place] ^= 1
            path.write_bytes(wrong)
            with pytest.raises(ModelError, match=f"The file that was written is required: .*{path.name}"):
                require_undamaged(copy)
        path.unlink()
        with pytest.raises(ModelError, match=r"A readable file is required: .* No such file"):
            require_undamaged(copy)
        path.write_bytes(right)
    require_undamaged(copy)


def test_two_swapped_lines_of_the_vocabulary_are_noticed(copy: Path) -> None:
    path = copy / "assets.extra" / "vocabulary.txt"
    lines = path.read_bytes().split(b"\n")
    lines[6], lines[7] = lines[7], lines[6]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ModelError, match="Received one that was changed or damaged since"):
        version_vocabulary(copy)


def test_what_is_added_later_is_no_damage(copy: Path) -> None:
    (copy / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"records")
    (copy / "assets.extra" / "README.md").write_text("# My poet", encoding="utf-8")
    require_undamaged(copy)
    assert read_card(copy) == "# My poet"
    (copy / "assets.extra" / "README.md").write_bytes(b"\xff")
    with pytest.raises(ModelError, match="A model card in UTF-8 is required"):
        read_card(copy)
    (copy / "assets.extra" / "README.md").unlink()
    require_undamaged(copy)
    assert read_card(copy) == ""
    os.mkfifo(copy / "variables" / "pipe")
    with pytest.raises(ModelError, match=r"Plain files are required in .*\. Received: variables/pipe\."):
        require_undamaged(copy)


def test_a_version_without_digests_is_read(copy: Path) -> None:
    """As version 0.1 wrote them; then the description and the vocabulary are still held against their schema."""
    (copy / "assets.extra" / "digests.json").unlink()
    require_undamaged(copy)
    config = json.loads((copy / "assets.extra" / "config.json").read_text(encoding="utf-8"))
    for wrong in ({**config, "format": 2}, {**config, "model": {"cell": "cnn"}}, {**config, "model": [1]}, {}):
        (copy / "assets.extra" / "config.json").write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(ModelError, match="is required"):
            version_settings(copy)
    (copy / "assets.extra" / "vocabulary.txt").write_text("<pad>\n", encoding="utf-8")
    with pytest.raises(TangshiError, match="is required"):
        version_vocabulary(copy)
    (copy / "assets.extra" / "config.json").unlink()
    with pytest.raises(ModelError, match="A model folder written by tangshi-tf is required"):
        read_version(copy)
