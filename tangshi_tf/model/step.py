"""One token at a time."""

__all__ = ["PADDED_TO", "padded_size"]

PADDED_TO = 64  # the number of logits is a multiple of it: the sampler adds up so many at a time


def padded_size(size: int) -> int:
    """Return how many logits a row best has for so many tokens."""
    return -(-size // PADDED_TO) * PADDED_TO
