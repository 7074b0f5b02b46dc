"""The paths that modules had in version 0.1: they work for one release, and warn.

`import tangshi_tf.run` fails where Python looks for modules, and comes here then.
"""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["OldPaths"]

# What was in an old module is in these. A name that has changed stands behind a colon: old=new.
_MOVED: Mapping[str, str] = {
    "about": "generation.about",
    "checkpoint": "training.run_folder storage.files",
    "console": "cli.console",
    "cooccurrence": "model.embedding_init",
    "curves": "training.learning_curve training.curve_picture:text=curve_text,draw=draw_history",
    "decoding": "generation.decoder",
    "distribution": "training.distribution:add_up=all_reduce_sum,from_chief=broadcast,together=agree_or_raise",
    "dropout": "model.dropout",
    "ear": "model.verse_tracker:hear=advance,listen=advance_all",
    "export": "saving.saved_model:export=export_model",
    "hardware": "training.hardware",
    "hearing": "model.verse_features:Heard=VerseFeatures,Hearing=Ear",
    "intervals": "evaluation.intervals",
    "lessons": "training.tasks:Lessons=Task,lessons_of=make_task",
    "lookup": "generation.lookup",
    "novelty": "evaluation.copied_lines",
    "pieces": "generation.tokenizer:Pieces=make_tokenizer",
    "plan": "generation.planner",
    "poet": "generation.poet",
    "portable": "saving.single_step",
    "prose": "corpus.prose",
    "publication": "saving.saved_model",
    "readers": "corpus.readers",
    "recurrence": "model.recurrence",
    "report": "evaluation.verse_report",
    "request": "generation.inputs model.state",
    "resources": "shipped",
    "run": "training.run training.listeners:Plan=RunPlan",
    "sampling": "generation.sampler model.random model.step",
    "segmenting": "corpus.words",
    "softmax": "model.loss:summed_nll=summed_nll_in_pieces",
    "streaming": "generation.stream",
    "tables": "evaluation.report_tables",
    "titles": "corpus.titles generation.tokenizer",
    "verse.constraints": "generation.masks",
    "versions": "saving.versions",
    "writing": "generation.batch",
}


class OldPaths(MetaPathFinder, Loader):
    """Finds the old modules of a package.

    Args:
        package: its name.
    """

    def __init__(self, package: str) -> None:
        """See the class."""
        self._package = package

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Return a spec for an old module, else None."""
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == self._package and name in _MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Warn, and let the module hand on what is in its place now."""
        places, _, renamed = _MOVED[module.__name__.partition(".")[2]].partition(":")
        new_names = dict(pair.split("=") for pair in renamed.split(",") if pair)
        paths = [f"{self._package}.{place}" for place in places.split()]
        now = " and ".join(paths)
        warnings.warn(f"{module.__name__} has moved: import from {now}.", DeprecationWarning, stacklevel=2)

        def find(name: str) -> Any:
            for path in paths:
                home = importlib.import_module(path)
                if hasattr(home, new := new_names.get(name, name)):
                    return getattr(home, new)
            raise AttributeError(f"module {module.__name__!r}, now {now}, has no attribute {name!r}")

        vars(module)["__getattr__"] = find
