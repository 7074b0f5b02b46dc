"""`python -m tests.end_to_end.specimens all|few FOLDER`: runs and versions to damage, and what readers say of them."""

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.corpus.prose import read_prose
from tangshi_tf.errors import StoppedError
from tangshi_tf.saving.saved_model import publish
from tangshi_tf.storage.digests import DIGESTS, digests_of
from tangshi_tf.training import run as training
from tangshi_tf.training import session
from tangshi_tf.training.run_folder import Run
from tests.end_to_end.damage import EXTRA
from tests.end_to_end.readers import NO_SLOW_READERS, origins, read, readers_of, tried

FIXTURES = Path(__file__).parents[1] / "fixtures" / "0.1.0"


def make_specimens(home: Path) -> None:
    """Fill a folder with runs and versions of this package and of 0.1.0."""
    for kind in ("poems", "prose"):
        _train(home / kind, kind)
        _take_old(home / f"0.1.0-{kind}", kind)
    _note(home, slow=True)


def make_few_specimens(home: Path) -> None:
    """Fill a folder with what 0.1.0 wrote, once as it is and once with digests: nothing needs to be trained."""
    _take_old(home / "0.1.0-prose", "prose")
    _take_old(home / "prose", "prose")
    for folder, ledger in (("run", DIGESTS), ("versions/1", f"{EXTRA}/{DIGESTS}")):
        (home / "prose" / folder / ledger).write_text(digests_of(home / "prose" / folder), encoding="utf-8")
    _note(home, slow=False)


def _train(folder: Path, kind: str) -> None:
    """Stop a run in its second epoch, and publish what it has after its first."""
    folder.mkdir()
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) == 24][:30]
    text = "".join(f"{poem.title}:{poem.text}\n" for poem in poems)
    (folder / "corpus.txt").write_text(text, encoding="utf-8")
    model = ModelConfig(units=8, embedding=6, dropout=0.1)
    if kind == "prose":
        model = dataclasses.replace(model, text="prose", ear="none", rhymes=False, titles=False)
    settings = TrainingConfig(
        epochs=2, min_count=1, token_budget=200, batch_size=4, sequence_length=20, precision="float32"
    )
    _stopped_run(folder, model, settings)
    publish(Run(folder / "run"), folder / "versions", read(folder.parent, folder.name))


def _take_old(folder: Path, kind: str) -> None:
    """Copy what 0.1.0 wrote."""
    shutil.copytree(FIXTURES / kind / "run", folder / "run")
    shutil.copytree(FIXTURES / kind / "version", folder / "versions" / "1")
    shutil.copy(FIXTURES / "poems.txt", folder / "corpus.txt")


def _note(home: Path, slow: bool) -> None:
    """Write down what every reader says, of the slow ones if they are asked."""
    expected = {
        origin: {
            f"{part} {name}": tried(home, origin, None, reader)
            for part in ("run", "version")
            for name, reader in readers_of(part, None if slow else NO_SLOW_READERS)
        }
        for origin in origins(home)
    }
    (home / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


def _stopped_run(folder: Path, model: ModelConfig, settings: TrainingConfig) -> None:
    """Train past the first epoch, and stop before the end of the second."""
    paths = [folder / "corpus.txt"]
    corpus = read_prose(paths) if model.text == "prose" else read_corpus(paths)
    history, calls = folder / "run" / "history.jsonl", 0

    def stop() -> bool:
        nonlocal calls
        calls += history.exists()
        return calls > 2

    every_second = vars(session)["every_second"]
    vars(session)["every_second"] = lambda: lambda step: True
    try:
        training.fit(corpus, folder / "run", model, settings, stop=stop, save_minutes=1e9)
    except StoppedError:
        return
    finally:
        vars(session)["every_second"] = every_second
    raise AssertionError("The run has come to its end.")


if __name__ == "__main__":
    {"all": make_specimens, "few": make_few_specimens}[sys.argv[1]](Path(sys.argv[2]))
    os._exit(0)  # without a farewell of TensorFlow's threads
