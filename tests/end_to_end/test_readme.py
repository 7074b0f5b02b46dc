"""Every block of the documents runs, except installations, which CI runs, and long ones, whose options must exist."""

import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest

from tangshi_tf.cli import main
from tests.paths import PACKAGE, ROOT

_BLOCK = re.compile(r"(?:<!-- (?P<mark>\w+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)]+)\)")
DOCUMENTS = ["README.md", "README.zh-CN.md", "docs/cells.md"]
TRANSLATIONS = DOCUMENTS[:2]


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[tuple[str, str, str]]:
    return [(m["mark"] or "", m["language"], m["code"]) for m in _BLOCK.finditer(read(document))]


# A translation has the same blocks, see below; they run once.
BLOCKS = [block for document in DOCUMENTS if document != "README.zh-CN.md" for block in blocks(document)]
RUN = [(language, code) for mark, language, code in BLOCKS if not mark and language != "text"]
# A block of text is what the block before it prints, or a part of that.
PRINTED = {code: text for (_, _, code), (_, language, text) in pairwise(BLOCKS) if language == "text"}
BASH = [code for _, language, code in BLOCKS if language == "bash" and "tangshi-tf " in code]
LONG = [code for mark, _, code in BLOCKS if mark == "long"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the reader has it before it: the shipped models are there, and it may be written to."""
    models = tmp_path / "saved_models"
    models.mkdir()
    (models / "tangshi").symlink_to(ROOT / "saved_models" / "tangshi")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def tier(code: str) -> pytest.MarkDecorator:
    """A cluster on this machine takes minutes; the other blocks take seconds, with a start of TensorFlow each."""
    return pytest.mark.long if "TF_CONFIG" in code else pytest.mark.ci


@pytest.mark.parametrize(
    ("language", "code"),
    [pytest.param(*block, id=block[1].splitlines()[0][:40], marks=tier(block[1])) for block in RUN],
)
def test_block(language: str, code: str, folder: Path) -> None:
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}[language]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [*command, code], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert PRINTED.get(code, "") in done.stdout


def test_the_installation_is_the_first_block_and_has_two_commands() -> None:
    mark, language, code = BLOCKS[0]
    assert (mark, language) == ("install", "bash")
    install, test = code.splitlines()
    assert install.startswith("pip install ")
    assert install.endswith("tangshi-tf sample --begin 山 --init-state random")
    assert "pytest" in test


@pytest.mark.parametrize("code", LONG, ids=[code.splitlines()[0][:40] for code in LONG])
def test_options_of_long_commands_exist(code: str) -> None:
    for line in code.splitlines():
        program, command, *arguments = shlex.split(line)
        options = {argument for argument in arguments if argument.startswith("--")}
        if program == "pip":
            helped = subprocess.run([sys.executable, "-m", "pip", command, "--help"], capture_output=True, check=True)
            assert options <= set(re.findall("--[a-z-]+", helped.stdout.decode()))
        else:
            assert program == "tangshi-tf"
            parameters = main.commands[command].params
            assert options <= {option for p in parameters for option in (*p.opts, *p.secondary_opts)}


@pytest.mark.parametrize("code", BASH, ids=[code.splitlines()[0][:40] for code in BASH])
def test_options_of_all_commands_exist(code: str) -> None:
    for words in commands(code):
        name, *arguments = words
        parameters = main.commands[name].params
        known = {option for p in parameters for option in (*p.opts, *p.secondary_opts)}
        assert {word for word in arguments if word.startswith("--")} <= {*known, "--help"}, words


def commands(code: str) -> list[list[str]]:
    """Return the words of every `tangshi-tf` in a block, up to what ends a command, such as a pipe."""
    lines = shlex.shlex(code.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars=True)
    lines.whitespace_split = True
    found: list[list[str]] = []
    ours = False
    for word in lines:
        if word == "tangshi-tf":
            ours = True
            found.append([])
        elif set(word) <= set("();<>|&"):
            ours = False
        elif ours:
            found[-1].append(word)
    return [words for words in found if words and not words[0].startswith("-")]


def test_translations_have_the_same_blocks_and_figures() -> None:
    english, chinese = TRANSLATIONS
    assert blocks(chinese) == blocks(english)
    # A table's cells that are code, numbers or poems stand in both.
    figures = [re.findall(r"(?<=\| )(?:`[^`]+`|[\d.,]+|-- )+(?= \|)", read(document)) for document in TRANSLATIONS]
    assert figures[0] == figures[1]
    assert len(figures[0]) > 100


@pytest.mark.parametrize("document", TRANSLATIONS)
def test_every_option_is_listed_with_its_default(document: str) -> None:
    rows = re.findall(r"^\| (?:`(\w+)`|) ?\| `([^`]+)` \| (\S+) \|", read(document), re.MULTILINE)
    listed: dict[tuple[str, str], str] = {}
    command = ""
    for name, option, default in rows:
        command = name or command
        listed[command, option] = default.strip("`")
    expected: dict[tuple[str, str], str] = {}
    for name, known in main.commands.items():
        for parameter in known.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                both = "/".join([*parameter.opts, *parameter.secondary_opts])
                names = parameter.opts if parameter.default else parameter.secondary_opts
                expected[name, both] = names[0][2:] if parameter.secondary_opts else str(parameter.default)
    assert list(listed) == sorted(expected, key=list(listed).index)
    for key, default in listed.items():
        if default.isascii() and default not in ("empty", "drawn", "off", "terminal", "none"):
            assert expected[key] == default, key


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    links = _LINK.findall(read(document))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        if target.is_relative_to(ROOT / "tangshi_tf"):  # which may be installed elsewhere
            target = PACKAGE / target.relative_to(ROOT / "tangshi_tf")
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
