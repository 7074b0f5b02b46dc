from dataclasses import replace
from pathlib import Path

import pytest

from tangshi_tf.config import PROSE
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.corpus.prose import read_prose
from tangshi_tf.evaluation.perplexity import evaluate, stream_evaluator
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.model_card import Results, course_of, model_card, results_of, short_card
from tangshi_tf.text_kind import TEXT_KINDS
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import make_task
from tangshi_tf.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def corpus(mini_folder: Path) -> Corpus:
    return read_corpus([mini_folder / "poems.txt"])


def test_the_card_says_how_a_run_went(mini_folder: Path, corpus: Corpus) -> None:
    run = Run(mini_folder / "runs" / "mini")
    task = make_task(corpus, run.model_config, run.training_config)
    card = model_card(run.model_config, course_of(run, last=False), task, Results({}, ["| validation | 7.5 |"]))
    manifest = run.manifest
    assert card.startswith(f"# A poet by tangshi-tf {manifest['package']}\n\nMade by `{manifest['command']}` on ")
    assert "1 x LSTM(16), embedding 12, ear full, " in card
    assert f"Trained on {task.members['train']} poems, {run.manifest['tokens']:,} tokens an epoch" in card
    assert f"those after epoch {run.best['epoch']} of the 2 trained" in card
    assert "\n| validation | 7.5 |\n" in card
    assert 'poet.generate("山", seed=1, temperature=1.0, ' in card


def test_the_results_of_poems_are_those_of_evaluate(corpus: Corpus, lstm: PoetryModel) -> None:
    results = results_of(lstm, corpus)
    figure = evaluate(lstm, corpus.texts("validation"))
    assert results.perplexity["validation"] == figure.total.perplexity
    assert set(results.perplexity) == {"validation", "test"}
    total = figure.total
    row = (
        f"| validation | all | {total.poems} | {total.tokens} | {total.perplexity:.2f} | {total.hanzi_perplexity:.2f} |"
    )
    assert row in results.report
    assert sum(line.startswith("- ") for line in results.report) == 10


def test_the_results_of_prose_are_those_of_its_stream(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one two three four. " * 60, encoding="utf-8")
    prose = read_prose([tmp_path / "text.txt"])
    model = PoetryModel(replace(PROSE[0], units=8, embedding=6), Vocabulary("one twhrfu.", rare="x"))
    results = results_of(model, prose)
    nll, tokens = stream_evaluator(model, prose.ids(model.vocabulary, "test"))()
    (row,) = (line for line in results.report if line.startswith("| test | "))
    assert row.startswith(f"| test | {tokens} | {nll / tokens:.4f} | {results.perplexity['test']:.2f} |")
    first, last = results.report.index("```text"), len(results.report) - 1
    assert results.report[last] == "```"
    assert len("\n".join(results.report[first + 1 : last])) == 200


@pytest.mark.parametrize("name", TEXT_KINDS)
def test_a_short_card_names_the_kind_and_its_sampler(name: str) -> None:
    kind = TEXT_KINDS[name]
    card = short_card(kind)
    assert f"A recurrent language model of {name}, written by tangshi-tf." in card
    assert all(f"{knob}={value}" in card for knob, value in kind.sampler.items())
