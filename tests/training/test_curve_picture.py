import io
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager

from tangshi_tf.config import AXES
from tangshi_tf.errors import ConfigError
from tangshi_tf.training.curve_picture import FORMATS, draw_curves, draw_history, names_without_font, picture_format
from tangshi_tf.training.learning_curve import Curve
from tests.records import epoch_record

BEGINS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def curve(name: str, epochs: int = 3) -> Curve:
    places = np.arange(1, epochs + 1)
    validation = np.stack([places, 200.0 / places], axis=1)
    steps = np.linspace(0.1, epochs + 0.5, 40)
    return Curve(name, np.stack([steps, 300 / steps], axis=1), validation, epochs - 1 if epochs else None)


def comments(*curves: Curve, axis: str = "epochs") -> list[str]:
    """The texts of a picture, which matplotlib writes beside their outlines."""
    lines = draw_curves(curves, axis).decode().splitlines()
    return [line.strip()[5:-4] for line in lines if line.strip().startswith("<!-- ")]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_what_it_says_and_the_same_each_time(form: str) -> None:
    one, other = (draw_curves([curve("mine")], form=form) for _ in range(2))
    assert one.startswith(BEGINS[form])
    assert one == other


def test_a_picture_says_what_is_in_it() -> None:
    found = comments(curve("mine"))
    assert "Learning curve of run mine" in found
    assert {"epochs", "perplexity", "training, with dropout", "validation", "best epoch"} <= set(found)
    assert "run mine: lowest 66.67 after epoch 3" in found
    assert {"100", "200"} <= set(found)
    for axis, label in AXES.items():
        assert label in comments(curve("mine"), axis=axis)


def test_numbers_on_the_axis_are_plain() -> None:
    assert "0.4" in comments(curve("mine", 1))  # of an epoch
    many = curve("mine")
    many.validation[:, 0] *= 1e6
    assert "3 M" in comments(many, axis="tokens")


def test_several_runs_are_drawn_together() -> None:
    found = comments(*(curve(f"run-{i}") for i in range(12)))
    assert "Learning curves" in found
    assert sum(text.startswith("run run-") for text in found) == 12


def test_a_run_without_an_epoch_and_one_with_wild_figures_are_drawn_without_a_word() -> None:
    wild = Curve("wild", np.array([[1.0, np.inf]]), np.array([[1.0, 50.0]]), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "run young" in comments(curve("young", 0))
        assert "run wild: lowest 50.00 after epoch 1" in comments(wild)


@pytest.mark.parametrize("name", ["_hidden", "a$b$c", "x_{2}^", "$"])
def test_a_name_is_no_formula(name: str) -> None:
    assert any(text.startswith(f"run {name}: lowest") for text in comments(curve(name)))


def test_a_name_that_no_font_has_is_a_number(caplog: pytest.LogCaptureFixture) -> None:
    strange = "\U00013000"  # no font of ours has it, but for the one of last resort
    curves = [curve("mine"), curve(strange)]
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        assert "run 2: lowest 66.67 after epoch 3" in comments(*curves)
    assert not caplog.records
    assert names_without_font(["mine", strange]) == {strange: 2}


def test_a_font_that_has_the_characters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font of mathematics stands in for a Chinese one, which may not be installed."""
    name = "\U0001d49e"
    entries = [entry for entry in font_manager.fontManager.ttflist if entry.name in ("STIXGeneral", "DejaVu Sans")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
    assert not font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_char_index(ord(name))
    assert names_without_font([name]) == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f"run {name}: lowest 66.67 after epoch 3" in comments(curve(name))


def test_endings() -> None:
    assert [picture_format(Path(name)) for name in ("a.png", "b.SVG", "c.d.pdf")] == ["png", "svg", "pdf"]
    for name in ("curve.jpg", "curve", ".png"):
        with pytest.raises(ConfigError, match=rf"ends in \.png, \.svg or \.pdf is required\. Received: {name}\."):
            picture_format(Path(name))


def test_a_history_is_drawn_as_version_0_1_did(tmp_path: Path) -> None:
    history, drawn = [epoch_record(1), epoch_record(2)], io.BytesIO()
    draw_history(history, tmp_path / "curve.svg")
    draw_history(history, drawn)
    assert (tmp_path / "curve.svg").read_bytes() == drawn.getvalue()
    assert b"<!-- validation -->" in drawn.getvalue()
