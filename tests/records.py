"""Records as a run writes them."""

from typing import Any

MANIFEST: dict[str, Any] = {
    "counted": "poems",
    "members": {"train": 3, "validation": 1, "test": 0},
    "dropped": {},
    "vocabulary": 12,
    "parameters": 345,
    "tokens": 60,
    "epoch_steps": 4,
    "steps": 8,
    "precision": "float32",
    "devices": "CPU",
    "command": "tangshi-tf fit poems.txt",
    "corpus": "0" * 64,
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "package": "0.2.0",
}


def epoch_record(epoch: int, **facts: Any) -> dict[str, Any]:
    """Return the record of an epoch, some facts of which matter."""
    plain = {
        "epoch": epoch,
        "step": 4 * epoch,
        "loss": 3.0,
        "validation_nll": 3.0,
        "validation_perplexity": 20.1,
        "best": epoch == 1,
        "seconds": 1.5 * epoch,
        "poem": "山水",
        "predicted": "山",
        "target": "水",
        "learning_rate": 0.001,
        "tokens_per_second": 1000.0,
        "peak_memory": None,
        "gpu_memory": None,
        "gpu_utilisation": None,
    }
    return plain | facts


def step_record(step: int, **facts: Any) -> dict[str, Any]:
    """Return the record of a step, some facts of which matter."""
    plain = {"step": step, "loss": 3.0, "learning_rate": 0.001, "tokens_per_second": 1000.0, "seconds": 0.4 * step}
    return plain | facts
