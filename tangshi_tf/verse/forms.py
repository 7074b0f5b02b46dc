"""The four classical forms, by lines and characters per line."""

import re

__all__ = ["FORMS", "OTHER", "form_of"]

FORMS = {"五绝": (4, 5), "七绝": (4, 7), "五律": (8, 5), "七律": (8, 7)}
OTHER = "其他"

_LINES = re.compile("[^，。？！；：、]+")
_NAMES = {shape: name for name, shape in FORMS.items()}


def form_of(text: str) -> str:
    """Name the form of a clean poem.

    A line is what stands between two marks of ，。？！；：、. If all lines are of one length, that length
    and the number of lines decide; the tones do not.

    Returns:
        A key of `FORMS`, or `OTHER`.
    """
    lengths = [len(line) for line in _LINES.findall(text)]
    if len(set(lengths)) != 1:
        return OTHER
    return _NAMES.get((len(lengths), lengths[0]), OTHER)
