"""The paths of version 0.1: each warns, and gives what is in its place now."""

import importlib
import sys

import pytest

import tangshi_tf
from tangshi_tf.old_paths import OldPaths
from tests.paths import PACKAGE

# A name that each old module had, and where it is now.
OLD = {
    "about": ("describe", "generation.about:describe"),
    "checkpoint": ("Run", "training.run_folder:Run"),
    "console": ("Console", "cli.console:Console"),
    "cooccurrence": ("cooccurrence", "model.embedding_init:cooccurrence"),
    "curves": ("draw", "training.curve_picture:draw_history"),
    "decoding": ("Decoder", "generation.decoder:Decoder"),
    "distribution": ("together", "training.distribution:agree_or_raise"),
    "dropout": ("Dropout", "model.dropout:Dropout"),
    "ear": ("listen", "model.verse_tracker:advance_all"),
    "export": ("export", "saving.saved_model:export_model"),
    "hardware": ("usage", "training.hardware:usage"),
    "hearing": ("Hearing", "model.verse_features:Ear"),
    "intervals": ("Rate", "evaluation.intervals:Rate"),
    "lessons": ("lessons_of", "training.tasks:make_task"),
    "lookup": ("MARK", "generation.lookup:MARK"),
    "novelty": ("TrainingLines", "evaluation.copied_lines:TrainingLines"),
    "pieces": ("normal_titles", "generation.tokenizer:normal_titles"),
    "plan": ("Planner", "generation.planner:Planner"),
    "poet": ("Poet", "generation.poet:Poet"),
    "portable": ("export_step", "saving.single_step:export_step"),
    "prose": ("read_prose", "corpus.prose:read_prose"),
    "publication": ("publish", "saving.saved_model:publish"),
    "readers": ("read_records", "corpus.readers:read_records"),
    "recurrence": ("unroll", "model.recurrence:unroll"),
    "report": ("compare", "evaluation.verse_report:compare"),
    "request": ("INPUTS", "generation.inputs:INPUTS"),
    "resources": ("find_resource", "shipped:find_resource"),
    "run": ("fit", "training.run:fit"),
    "sampling": ("row_uniform", "model.random:row_uniform"),
    "segmenting": ("segmenter", "corpus.words:segmenter"),
    "softmax": ("summed_nll", "model.loss:summed_nll_in_pieces"),
    "streaming": ("Streamer", "generation.stream:Streamer"),
    "tables": ("markdown", "evaluation.report_tables:markdown"),
    "titles": ("titles_of", "corpus.titles:titles_of"),
    "verse.constraints": ("Constraints", "generation.masks:Constraints"),
    "versions": ("latest_version", "saving.versions:latest_version"),
    "writing": ("write", "generation.batch:write"),
}


def test_the_table_above_is_of_every_old_module() -> None:
    finder = OldPaths("tangshi_tf")
    modules = {path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for path in PACKAGE.rglob("*.py")}
    assert not set(OLD) & modules
    assert set(OLD) == set(vars(sys.modules["tangshi_tf.old_paths"])["_MOVED"])
    assert all(finder.find_spec(f"tangshi_tf.{name}", None, None) for name in OLD)
    assert finder.find_spec("tangshi_tf.novels", None, None) is None
    assert finder.find_spec("another.run", None, None) is None


@pytest.mark.parametrize("name", OLD)
def test_an_old_path_warns_and_gives_what_is_in_its_place(name: str) -> None:
    sys.modules.pop(f"tangshi_tf.{name}", None)
    attribute, now = OLD[name]
    path, _, new = now.partition(":")
    with pytest.warns(DeprecationWarning, match=rf"^tangshi_tf\.{name} has moved: import from .*tangshi_tf\.{path}"):
        old = importlib.import_module(f"tangshi_tf.{name}")
    assert getattr(old, attribute) is getattr(importlib.import_module(f"tangshi_tf.{path}"), new)
    with pytest.raises(AttributeError, match=f"module 'tangshi_tf.{name}', now .*has no attribute 'nobody'"):
        _ = old.nobody


def test_names_of_a_module_in_several_places_are_all_found() -> None:
    sys.modules.pop("tangshi_tf.sampling", None)
    with pytest.warns(DeprecationWarning, match="generation.sampler and tangshi_tf.model.random"):
        old = importlib.import_module("tangshi_tf.sampling")
    assert old.sampler.__module__ == "tangshi_tf.generation.sampler"
    assert old.padded_size.__module__ == "tangshi_tf.model.step"


def test_the_old_names_of_the_package_itself_warn_of_nothing() -> None:
    sys.modules.pop("tangshi_tf.run", None)
    assert tangshi_tf.fit is importlib.import_module("tangshi_tf.training.run").fit
    assert "tangshi_tf.run" not in sys.modules
