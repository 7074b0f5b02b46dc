"""What holds for the package as a whole."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tangshi_tf
from tests.paths import PACKAGE

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("module", MODULES)
def test_all_names_exactly_what_a_module_defines_for_others(module: str) -> None:
    loaded = importlib.import_module(f"tangshi_tf.{module}")
    exported = loaded.__all__
    assert len(set(exported)) == len(exported)
    tree = ast.parse(Path(str(loaded.__file__)).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert {name for name in defined if not name.startswith("_")} <= set(exported)
    assert all(hasattr(loaded, name) for name in exported)


def test_public_names_are_loaded_on_first_use() -> None:
    for name in vars(tangshi_tf)["__all__"]:
        assert getattr(tangshi_tf, name) is not None
    assert sorted(dir(tangshi_tf)) == sorted(vars(tangshi_tf)["__all__"])
    with pytest.raises(AttributeError, match="Novel"):
        getattr(tangshi_tf, "Novel")  # noqa: B009


def test_everything_public_has_a_docstring() -> None:
    for module in MODULES:
        loaded = importlib.import_module(f"tangshi_tf.{module}")
        for name in loaded.__all__:
            value = getattr(loaded, name)
            if isinstance(value, type) or callable(value):
                assert value.__doc__, f"{module}.{name}"


@pytest.mark.parametrize(
    "module", ["corpus", "verse.forms", "storage.version_folder", "config", "errors", "saving.inventory", "cli"]
)
def test_what_needs_no_tensorflow_does_not_import_it(module: str) -> None:
    code = f"import sys, tangshi_tf.{module}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


def test_no_import_goes_round_in_a_circle() -> None:
    """No module imports one that imports it, at any distance."""
    edges: dict[str, set[str]] = {}
    for module in MODULES:
        path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
        edges[module] = {name.removeprefix("tangshi_tf.") for name in names if name.startswith("tangshi_tf.")}

    def reached(module: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        for target in edges.get(module, set()) - seen:
            seen = reached(target, seen | {target})
        return seen

    assert not [module for module in MODULES if module in reached(module)]


def test_every_module_has_a_module_of_tests() -> None:
    """tangshi_tf/ROOM/x.py is tested in tests/ROOM/test_x.py, and nothing else is tested there.

    What holds for all modules is tested here and in test_docstrings.
    The commands and what they share have two modules of tests together: what is printed, and what is refused.
    """
    shared = {"cli.test_cli", "cli.test_wrong_input"}
    together = {
        f"cli.{name}"
        for name in (
            "check",
            "evaluate",
            "export",
            "fit",
            "group",
            "help",
            "next",
            "options",
            "printing",
            "request",
            "sample",
            "starting",
        )
    }
    here = Path(__file__).parent
    found = {".".join(path.relative_to(here).with_suffix("").parts) for path in here.rglob("test_*.py")}
    rooms = {name for name in found if not name.startswith("end_to_end.")}
    rooms -= {"test_package", "test_docstrings"}
    expected = {re.sub(r"(\w+)$", r"test_\1", module) for module in MODULES if module not in together}
    assert together < set(MODULES)
    assert rooms - shared == expected
    assert shared <= rooms
