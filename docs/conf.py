"""Settings of Sphinx, which makes a web site of these pages: `sphinx-build -W -b html docs FOLDER` (extra `docs`)."""

import re
import sys
from pathlib import Path
from typing import Any

import click

_DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(_DOCS.parent))

from tangshi_tf.version import __version__  # noqa: E402

project, author = "tangshi-tf", "the authors of tangshi-tf"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build", "results/data"]
smartquotes = False  # -- is an option
default_role = "literal"  # docstrings have code between single backticks

myst_heading_anchors = 4  # named as on GitHub
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"tangshi-tf {release}"
html_copy_source = False
html_search_language = "zh"  # finds English words too; jieba finds the Chinese ones

_LINK = re.compile(r"\[([^\[\]]*)\]\((?!\w+:)([^)#\s]+)(?:#[^)\s]*)?\)")
_PAGES = {"README.md": "index.md", "README.zh-CN.md": "zh/index.md"}


def link_out(app: Any, docname: str, source: list[str]) -> None:
    """Let links to other files of the repository lead somewhere: README to a page, files to a copy, folders nowhere."""
    page = _DOCS / f"{docname}.md"

    def link(found: re.Match[str]) -> str:
        text, path = found.groups()
        target = (page.parent / path).resolve()
        if target.is_dir():
            return text
        if target.is_relative_to(_DOCS) or not target.exists():
            return found[0]
        if other := _PAGES.get(target.relative_to(_DOCS.parent).as_posix()):
            return f"[{text}](/{other})"
        return f"[{text}](path:{path})"

    source[0] = _LINK.sub(link, source[0])


def drop_any(app: Any, domain: str, objtype: str, content: Any) -> None:
    """Drop the types of tensors and arrays, which are Any: the text says shape and dtype."""
    for fields in content:
        for field in list(fields) if fields.tagname == "field_list" else []:
            if field[0].astext().split()[0] in ("type", "rtype") and "Any" in field[1].astext():
                fields.remove(field)


def examples_as_code(app: Any, ctx: click.Context, lines: list[str]) -> None:
    """Set the examples in a command's help as code."""

    def code(found: re.Match[str]) -> str:
        return "::\n\n" + re.sub(r"^\| ", "   ", found[0], flags=re.MULTILINE) + "\n"

    lines[:] = re.sub(r"(?:^\| .*\n?)+", code, "\n".join(lines), flags=re.MULTILINE).split("\n")


def add_ranges(app: Any, ctx: click.Context, lines: list[str]) -> None:
    """Say between which numbers the value of an option may be."""
    for option in ctx.command.params:
        limits = option.get_help_extra(ctx).get("range") if isinstance(option, click.Option) else None
        if not limits:
            continue
        last = next(i for i, line in enumerate(lines) if line.startswith(f".. option:: {option.opts[0]} "))
        while last + 1 < len(lines) and not lines[last + 1].startswith(".. option::"):
            last += 1
        while not lines[last].strip():
            last -= 1
        gap = [] if lines[last].startswith("    :") else [""]
        lines[last + 1 : last + 1] = [*gap, f"    :range: ``{limits}``"]


def setup(app: Any) -> None:
    """Connect the functions above; Sphinx calls this."""
    app.connect("source-read", link_out)
    app.connect("object-description-transform", drop_any, priority=900)
    app.connect("sphinx-click-process-description", examples_as_code)
    app.connect("sphinx-click-process-options", add_ranges)
