import re

import tangshi_tf
from tangshi_tf.saving import saved_model
from tangshi_tf.version import __version__
from tests.paths import PACKAGE


def test_the_version_is_a_number_that_every_part_gives_alike() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:\.dev\d+|rc\d+)?", __version__)
    assert tangshi_tf.__version__ == vars(saved_model)["__version__"] == __version__


def test_it_stands_in_its_file_as_the_build_reads_it() -> None:
    """Hatch looks for this line, without importing the package."""
    text = (PACKAGE / "version.py").read_text(encoding="utf-8")
    assert re.findall(r"^__version__ = [\"'](.+)[\"']$", text, re.MULTILINE) == [__version__]
