from pathlib import Path

import pytest

from tangshi_tf import shipped
from tangshi_tf.errors import TangshiError
from tangshi_tf.shipped import find_resource


def test_a_checkout_has_its_shipped_at_the_root() -> None:
    assert find_resource("data/characters.tsv").read_text(encoding="utf-8").count("\n") > 3_000
    assert find_resource("saved_models/tangshi").is_dir()


def test_a_wheel_has_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "site" / "tangshi_tf")
    for folder in (tmp_path / "site" / "data", tmp_path / "site" / "tangshi_tf" / "data"):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    assert find_resource("data/file") == tmp_path / "site" / "tangshi_tf" / "data" / "file"


def test_a_missing_resource_is_named() -> None:
    with pytest.raises(TangshiError, match=r"A shipped file is required: data/novels.txt. Received: an installation"):
        find_resource("data/novels.txt")
