"""The documents are true: blocks run and print what is shown, commands and links exist, translations agree.

Blocks of bash and Python run (`-m ci`). Those marked `<!-- install -->`, which CI runs, or `<!-- long -->`, and those
of sh do not: their commands, options and names must exist. A block of text after a block is what that prints, or a part
of it.
"""

import ast
import dataclasses
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tangshi_tf.cli import main
from tangshi_tf.generation.inputs import INPUTS
from tangshi_tf.saving.inventory import Entry
from tangshi_tf.saving.versions import latest_version
from tangshi_tf.storage.schemas import EpochRecord, Extension, Manifest, StepRecord, VersionRecord
from tests.paths import PACKAGE, ROOT

_FENCE = re.compile(r"^(?:<!-- (?P<mark>\w+) -->\n)?```(?P<language>\S*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!\w+:)([^)\s]+)\)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_HEREDOC = re.compile(r"<<'(\w+)'\n.*?^\1$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
# Programs that are not ours.
_ELSEWHERE = {"cd", "curl", "docker", "export", "gcc", "git", "lint-imports", "ls", "mv", "mypy", "npm", "rm", "ruff"}
_MOST_LINES = 200
_MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        document: that it stands in, relative to the root.
        mark: in a comment above it; empty without one.
        language: behind the fence.
        code: its lines.
        printed: the block of text behind it, if there is one.
    """

    document: str
    mark: str
    language: str
    code: str
    printed: str = ""

    def __str__(self) -> str:
        """Return a name for a test."""
        return f"{self.document}: {self.code.splitlines()[0][:40]}"


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[Block]:
    found = [Block(document, m["mark"] or "", m["language"], m["code"]) for m in _FENCE.finditer(read(document))]
    pairs = pairwise([*found, Block(document, "", "", "")])
    return [
        dataclasses.replace(block, printed=after.code if after.language == "text" else "") for block, after in pairs
    ]


def prose(document: str) -> str:
    """Return the document without its fenced blocks."""
    return _FENCE.sub("", read(document))


PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", *PAGES]
NOTEBOOKS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.ipynb"))
LINKING = [*DOCUMENTS, *NOTEBOOKS, "data/README.md", "examples/serving/README.md"]
TWINS = {page: page.replace("docs/zh/", "docs/") for page in PAGES if page.startswith("docs/zh/")}
TWINS |= {"README.zh-CN.md": "README.md"}
# A translation has the same blocks, see below; they run once.
BLOCKS = [block for document in DOCUMENTS if document not in TWINS for block in blocks(document)]
SHELL = list({(b.code, b.printed): b for b in BLOCKS if b.language == "bash" and not b.mark}.values())
PYTHON = {
    document: [b for b in BLOCKS if (b.document, b.language, b.mark) == (document, "python", "")]
    for document in DOCUMENTS
}
LONG = [block for block in BLOCKS if block.mark or block.language == "sh"]

# Runs every block of a page in one process, so that TensorFlow is imported once.
_RUNNER = """
import contextlib, io, json, sys, traceback
done = []
for code in json.load(sys.stdin):
    printed, failure = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, "block", "exec"), {"__name__": "__main__"})
        except BaseException:
            failure = traceback.format_exc()
    done.append((printed.getvalue(), failure))
print(json.dumps(done))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the reader has it before it: the shipped models are there, and it may be written to."""
    models = tmp_path / "saved_models"
    models.mkdir()
    (models / "tangshi").symlink_to(ROOT / "saved_models" / "tangshi")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def run(command: list[str], folder: Path, typed: str = "") -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, input=typed, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.ci
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_block_of_shell(block: Block, folder: Path) -> None:
    printed = run(["bash", "-euo", "pipefail", "-c", block.code], folder)
    assert printed.strip()
    assert block.printed in printed


@pytest.mark.ci
@pytest.mark.parametrize("document", [document for document, found in PYTHON.items() if found])
def test_blocks_of_python(document: str, folder: Path) -> None:
    codes = json.dumps([block.code for block in PYTHON[document]])
    # Keras 3 hands TensorFlow variables to NumPy 2 when it saves weights.
    warnings = ["-W", "error", "-W", "ignore:__array__ implementation:DeprecationWarning"]
    answers = json.loads(run([sys.executable, *warnings, "-c", _RUNNER], folder, codes).splitlines()[-1])
    for block, (printed, failure) in zip(PYTHON[document], answers, strict=True):
        assert not failure, f"{block}\n{failure}"
        assert printed.strip(), block
        assert block.printed in printed, block


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_known(document: str) -> None:
    found = blocks(document)
    assert 2 * len(found) == len(re.findall(r"^\s*```", read(document), re.MULTILINE)), "a fence that is indented"
    assert {block.mark for block in found} <= {"", "install", "long"}
    assert {block.language for block in found}.isdisjoint({"shell", "console", "py", "python3"})


def test_the_installation_is_the_first_block_and_has_two_commands() -> None:
    first = blocks("README.md")[0]
    assert (first.mark, first.language) == ("install", "bash")
    assert first.code.splitlines() == [
        "pip install . && tangshi-tf sample --begin 山 --init-state random",
        'pip install ".[dev]" && python -m pytest',
    ]


@pytest.mark.parametrize("block", LONG, ids=str)
def test_names_in_blocks_that_do_not_run_exist(block: Block) -> None:
    if block.language == "python":
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tangshi_tf"):
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, alias.name) for alias in node.names)
        return
    for program, *arguments in commands(block.code):
        require(program, arguments)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_sentences_exist(document: str) -> None:
    for code in re.findall(r"`((?:tangshi-tf|python) [^`]+)`", prose(document)):
        for program, *arguments in commands(code.replace("\n", " ")):
            require(program, arguments)


def require(program: str, arguments: list[str]) -> None:
    """Refuse a command of which the program, the file or an option does not exist."""
    if program == "tangshi-tf":
        name, *rest = arguments
        if name not in ("COMMAND", "--help"):
            main.commands[name].make_context(name, [argument for argument in rest if argument != "--help"])
    elif program == "pip":
        helped = subprocess.run([sys.executable, "-m", "pip", arguments[0], "--help"], capture_output=True, check=True)
        assert options(arguments) <= set(re.findall("--[a-z-]+", helped.stdout.decode()))
    elif program == "python" and arguments[0].endswith(".py"):
        assert all(option in read(arguments[0]) for option in options(arguments))
    elif program == "python":
        assert arguments[0] in ("-c", "-m")
    else:
        assert program in _ELSEWHERE, program


def commands(code: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell script, without assignments before it."""
    for line in _HEREDOC.sub("", code).replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("();<>|&"):
                if words:
                    yield words
                words = []
            elif words or not re.match(r"\w+=", word):
                words.append(word)


def options(arguments: list[str]) -> set[str]:
    return {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}


def test_guides_and_explanations_are_translated() -> None:
    english = {page for page in PAGES if page.startswith(("docs/guide/", "docs/explain/"))}
    assert {"README.md", "docs/index.md", *english} == set(TWINS.values())


@pytest.mark.parametrize(("chinese", "english"), TWINS.items())
def test_translations_have_the_same_blocks(chinese: str, english: str) -> None:
    def shown(document: str) -> list[tuple[str, ...]]:
        """Return what is the same in every language: comments may be translated, a tree of folders too."""
        return [
            (b.mark, b.language, _COMMENT.sub("", b.code), b.printed)
            for b in blocks(document)
            if b.language in ("bash", "python", "json", "c")
        ]

    assert shown(chinese) == shown(english)


def test_readmes_have_the_same_figures() -> None:
    english, chinese = (
        [sorted(_NUMBER.findall(row)) for row in re.findall(r"^\|.*", prose(document), re.MULTILINE)]
        for document in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
    assert any(english)


@pytest.mark.parametrize("document", LINKING)
def test_links_lead_somewhere(document: str) -> None:
    assert not [link for link in _LINK.findall(prose(document)) if not leads_somewhere(document, link)]


def leads_somewhere(document: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
    if target.is_relative_to(ROOT / "tangshi_tf"):  # which may be installed elsewhere
        target = PACKAGE / target.relative_to(ROOT / "tangshi_tf")
    elif not target.is_relative_to(ROOT):
        return False
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> list[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    names = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    return [name + (f"-{names[:i].count(name)}" if name in names[:i] else "") for i, name in enumerate(names)]


def test_every_option_has_help() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, (name, parameter.opts)


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md"])
def test_readme_is_short(document: str) -> None:
    assert len(read(document).splitlines()) <= _MOST_LINES


def test_docs_are_small() -> None:
    files = [path for path in (ROOT / "docs").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files if "_build" not in path.parts) <= _MOST_BYTES


def table(document: str, before: str) -> list[list[str]]:
    """Return the cells of the rows of the first table after a text."""
    text = read(document)
    rows = re.search(r"^\|[^\n]*\n\|[-:| ]*\n((?:\|[^\n]*\n)+)", text[text.index(before) :], re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1].splitlines()]


def names(document: str, before: str) -> set[str]:
    """Return the names in code in the first column of a table."""
    return {name for row in table(document, before) for name in re.findall("`([^`]+)`", row[0])}


def test_inputs_of_generate_are_those_of_the_reference() -> None:
    rows = table("docs/reference/savedmodel.md", "## generate")
    listed = {name.strip("`"): (dtype, ast.literal_eval(default.strip("`"))) for name, dtype, default, _ in rows}
    assert list(listed.items()) == [(name, (dtype.name, default)) for name, (dtype, default) in INPUTS.items()]


def test_signatures_of_the_shipped_model_are_those_of_the_reference() -> None:
    version = latest_version(ROOT / "saved_models" / "tangshi")
    assert version
    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    signatures = {name: s for name, s in saved.meta_graphs[0].signature_def.items() if not name.startswith("__")}
    page = "docs/reference/savedmodel.md"

    rows = table(page, "| output |")
    dtypes = {name.strip("`"): dtype for name, dtype, _ in rows}
    assert dtypes == {name: tf.as_dtype(t.dtype).name for name, t in signatures["generate"].outputs.items()}

    rows = table(page, "## Signatures")
    assert [name.strip("`") for name, *_ in rows] == ["serving_default", "generate", "score", "get_next_token"]
    for name, inputs, outputs in rows:
        signature = signatures.pop(name.strip("`"))
        for listed, tensors in ((inputs, signature.inputs), (outputs, signature.outputs)):
            if "13" in listed:
                assert set(tensors) == set(INPUTS)
                assert len(tensors) == 13
            else:
                assert {re.sub("[0-9]", "0", tensor) for tensor in tensors} == {
                    re.sub("[0-9]", "0", tensor) for tensor in re.findall("`([^`]+)`", listed)
                }
    assert not signatures


def test_files_hold_what_the_reference_says() -> None:
    page = "docs/reference/files.md"
    assert names(page, "`manifest.json`:") == set(Manifest.__annotations__)
    assert names(page, "| key of an extension |") == set(Extension.__annotations__)
    assert names(page, "A line of `history.jsonl`:") == set(EpochRecord.__annotations__)
    assert names(page, "| key of a step |") == set(StepRecord.__annotations__)
    assert names(page, "| key of `config.json` |") == set(VersionRecord.__annotations__)
    assert names(page, "`models --json`") == {field.name for field in dataclasses.fields(Entry)}


def test_public_names_are_in_the_reference() -> None:
    text = read("docs/reference/python.md")
    documented = {
        name.rpartition(".")[2] for name in re.findall(r"^\.\. (?:auto|py:data)\w*:: ([\w.]+)", text, re.MULTILINE)
    }
    for stub in PACKAGE.rglob("__init__.pyi"):
        assert set(re.findall(r" as (\w+)$", stub.read_text(encoding="utf-8"), re.MULTILINE)) <= documented
    itself = text[text.index("## In `tangshi_tf` itself") :].partition("```")[0]
    public = re.findall(r" as (\w+)$", (PACKAGE / "__init__.pyi").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(public) <= set(re.findall(r"`(\w+)`", itself))
