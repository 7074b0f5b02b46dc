from pathlib import Path

import tensorflow as tf

from tangshi_tf.training.listeners import EpochReport, RunPlan, Sample, SampleListener, TensorBoard
from tangshi_tf.training.trainer import Progress


def test_tensorboard_shows_every_figure(tmp_path: Path) -> None:
    listener = TensorBoard(tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
    listener.planned(RunPlan("poems", {"train": 9}, {}, 40, 1_000, 300, 10, 20, "float32", "CPU"))
    assert isinstance(listener, SampleListener)
    listener.sampled(Sample(5, 30.0, "山。"))
    listener.progressed(Progress(1, 10, 20, 2.5, 2.25, 12_345.6, 90.0, 0.001, epoch_ended=True))
    listener.validated(EpochReport(1, 2.5, 2.0, 7.389, True, 60.0, "山水。", "山·", "山水"))
    (path,) = (tmp_path / "logs").iterdir()
    seen = []
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            seen.append((value.tag, event.step))
    assert seen == [
        ("plan", 0),
        ("poem", 5),
        ("loss", 10),
        ("tokens_per_second", 10),
        ("learning_rate", 10),
        ("validation_perplexity", 10),
        ("poem", 10),
    ]
