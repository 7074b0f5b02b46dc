"""Learning curves as a picture for a report. Asks for matplotlib, the extra `plot`."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tangshi_tf.config import AXES
from tangshi_tf.errors import ConfigError
from tangshi_tf.training.learning_curve import Curve, learning_curve

__all__ = ["FORMATS", "draw_curves", "draw_history", "names_without_font", "picture_format"]

FORMATS = ("png", "svg", "pdf")
_FONT = "DejaVu Sans"  # matplotlib brings it
_NO_FONT = "lastresort"  # has a box for every character
_DOTS = 200  # an inch, of a PNG
_STABLE: Mapping[str, Mapping[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def picture_format(path: Path) -> str:
    """Return the one of `FORMATS` that a file's ending names.

    Raises:
        ConfigError: if it names none of them.

    Example:
        >>> picture_format(Path("curve.SVG"))
        'svg'
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ConfigError(f"A file name that ends in .png, .svg or .pdf is required. Received: {path.name}.")
    return ending


def draw_curves(curves: Sequence[Curve], axis: str = "epochs", form: str = "svg") -> bytes:
    """Draw learning curves on one logarithmic scale, the best epoch of each marked; the same curves, the same bytes.

    Args:
        curves: at least one, along the same axis. A name that no font has (`names_without_font`) becomes its number.
        axis: a key of `config.AXES`.
        form: one of `FORMATS`.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    labels, fonts = _labels([curve.name for curve in curves])
    settings = {"font.family": fonts, "svg.hashsalt": "tangshi-tf", "savefig.dpi": _DOTS}
    with style.context(["default", settings]):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        for curve, label, color in zip(curves, labels, _colors(len(curves)), strict=True):
            _draw(axes, curve, label, color)
        _explain(axes)
        axes.set_title(f"Learning curve of {labels[0]}" if len(curves) == 1 else "Learning curves")
        axes.set(xlabel=AXES[axis], ylabel="perplexity", yscale="log", xmargin=0.02)
        _set_ticks(axes, axis)
        axes.grid(which="both", alpha=0.3)
        axes.legend(fontsize="small")
        picture = io.BytesIO()
        figure.savefig(picture, format=form, metadata=_STABLE.get(form))
    return picture.getvalue()


def draw_history(history: Sequence[Mapping[str, Any]], file: Path | BinaryIO) -> None:
    """Draw the perplexity of every epoch, in training and in validation, as SVG, as version 0.1 did."""
    ended = [{**record, "step": record["epoch"]} for record in history]
    picture = draw_curves([learning_curve("", ended, [], axis="epochs", epoch_steps=1, tokens=1)])
    if isinstance(file, Path):
        file.write_bytes(picture)
    else:
        file.write(picture)


def names_without_font(names: Sequence[str]) -> dict[str, int]:
    """Return the names that no installed font can write, each with its place, counted from 1."""
    return {name: place for place, name in enumerate(names, 1) if _font_for(name) is None}


def _draw(axes: Any, curve: Curve, label: str, color: Any) -> None:
    """Draw one curve: training as a thin line, validation with a point an epoch, a star at the best."""
    training, validation = (np.where(np.isfinite(p), p, np.nan) for p in (curve.training, curve.validation))
    if curve.best is not None:
        label += f": lowest {validation[curve.best, 1]:.2f} after epoch {curve.best + 1}"
    dots = {"marker": "."} if len(training) <= len(validation) else {}
    axes.plot(*training.T, color=color, linewidth=0.8, alpha=0.55, **dots)
    axes.plot(*validation.T, color=color, linewidth=1.6, marker="o", markersize=3.5, label=label)
    if curve.best is not None:
        axes.plot(*validation[curve.best], color=color, marker="*", markersize=13, markeredgecolor="black", zorder=3)


def _explain(axes: Any) -> None:
    """Add to the legend what lines and marks mean, whatever their colour."""
    gray: dict[str, Any] = {"color": "0.4"}
    axes.plot([], [], **gray, linewidth=0.8, label="training, with dropout")
    axes.plot([], [], **gray, linewidth=1.6, marker="o", markersize=3.5, label="validation")
    axes.plot([], [], **gray, linestyle="", marker="*", markersize=11, label="best epoch")


def _set_ticks(axes: Any, axis: str) -> None:
    """Write perplexities as plain numbers, and tokens in thousands or millions."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda figure, _: f"{figure:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if axis == "tokens":
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def _colors(count: int) -> list[Any]:
    from matplotlib import colormaps

    if count <= 10:
        return [f"C{i}" for i in range(count)]
    return list(colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def _labels(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what the runs are called in the picture, and the fonts that this takes."""
    labels, fonts = [], [_FONT]
    for place, name in enumerate(names, 1):
        font = _font_for(name)
        shown = str(place) if font is None else name.replace("$", r"\$")  # else matplotlib reads a formula
        labels.append(f"run {shown}")
        fonts += [font] if font and font not in fonts else []
    return labels, fonts


def _font_for(text: str) -> str | None:
    """Return a font that has every character that matplotlib's own lacks; its own if it lacks none; None if none has.

    Among the fonts of the system a plain one is preferred.
    """
    from matplotlib import font_manager

    def lacking(path: str, chars: str) -> str:
        font = font_manager.get_font(path)
        return "".join(char for char in chars if not font.get_char_index(ord(char)))

    missing = lacking(font_manager.findfont(_FONT), text)
    if not missing:
        return _FONT
    found = sorted(font_manager.fontManager.ttflist, key=lambda f: (f.style != "normal", f.weight != 400, f.name))
    for entry in found:
        if _NO_FONT in entry.name.replace(" ", "").lower():
            continue
        with contextlib.suppress(OSError, RuntimeError):  # a font that is gone or damaged
            if not lacking(entry.fname, missing):
                return str(entry.name)
    return None
