from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.errors import StateError
from tangshi_tf.model.state import STATE_STDDEV, StateLayout

PAIRS = StateLayout("lstm", 3, 2, has_verse=True)
BARE = StateLayout("gru", 3, 1, has_verse=False)


def shape_of(state: Any) -> Any:
    """Return the nesting of a state, with its widths in place of tensors."""
    if isinstance(state, tuple | list):
        return type(state)(shape_of(entry) for entry in state)
    return state.shape[-1]


def test_entries_are_named_in_flat_order() -> None:
    assert PAIRS.widths == (3, 3, 3, 3)
    assert [spec.name for spec in PAIRS.specs] == [f"state_{i}" for i in range(5)]
    assert [spec.dtype for spec in PAIRS.specs] == [tf.float32] * 4 + [tf.int32]
    assert [tuple(spec.shape) for spec in BARE.specs] == [(None, 3)]


def test_the_nestings_are_those_of_the_docstring() -> None:
    assert [shape_of(nesting) for nesting in PAIRS.nestings()] == [
        (3, 3, 3, 3, 4),
        [3, 3, 3, 3, 4],
        ((3, 3), (3, 3), 4),
        [(3, 3), (3, 3), 4],
        ([3, 3], [3, 3], 4),
        [[3, 3], [3, 3], 4],
    ]
    assert [shape_of(nesting) for nesting in BARE.nestings()] == [(3,), [3], 3]


@pytest.mark.parametrize("layout", [PAIRS, BARE, StateLayout("rnn", 3, 2, has_verse=True)], ids=str)
def test_every_nesting_is_the_canonical_one_once_nested(layout: StateLayout) -> None:
    canonical = layout.initial(tf.constant([1, 2], tf.int64), random=True)
    assert shape_of(layout.nest(canonical)) == shape_of(canonical)
    for nesting in layout.nestings():
        again = layout.nest(tf.nest.pack_sequence_as(nesting, tf.nest.flatten(canonical)))
        tf.nest.assert_same_structure(again, canonical)
        for a, b in zip(tf.nest.flatten(again), tf.nest.flatten(canonical), strict=True):
            assert np.array_equal(a, b)


def test_a_state_begins_at_zero_or_at_random_by_row() -> None:
    seeds = tf.constant([5, 6, 7], tf.int64)
    zero, drawn = PAIRS.initial(seeds), PAIRS.initial(seeds, random=True)
    assert shape_of(zero) == shape_of(drawn) == ((3, 3), (3, 3), 4)
    assert not any(entry.numpy().any() for entry in tf.nest.flatten(zero))
    mixed = PAIRS.initial(seeds, random=tf.constant([True, False, True]))
    *floats, verse = tf.nest.flatten(mixed)
    assert verse.numpy().tolist() == [[0] * 4] * 3
    for own, whole in zip(floats, tf.nest.flatten(drawn), strict=False):
        assert np.array_equal(own[::2], whole[::2])
        assert not own[1].numpy().any()
    assert np.array_equal(PAIRS.initial(seeds[1:], random=True)[0][0], drawn[0][0][1:])
    values = np.stack([entry.numpy() for entry in tf.nest.flatten(drawn)[:4]])
    assert len(np.unique(values)) == values.size
    wide = StateLayout("rnn", 2_000, 1, has_verse=False)
    for stddev in (STATE_STDDEV, 0.25):
        (entry,) = wide.initial(seeds, random=True, stddev=stddev)
        assert entry.numpy().std() == pytest.approx(stddev, rel=0.05)


def test_a_state_that_does_not_fit_is_refused() -> None:
    entry, verse = tf.zeros([1, 3]), tf.zeros([1, 4], tf.int32)
    with pytest.raises(StateError, match=r"A state of 5 tensors is required \(2 layers of lstm and the verse\)\. "):
        PAIRS.nest([entry] * 4)
    with pytest.raises(StateError, match=r"of shape \[B, 3\] are required\. Received: \(1, 4\)\."):
        BARE.nest(tf.zeros([1, 4]))
    with pytest.raises(StateError, match=r"of shape \[B, 4\] are required\. Received: \(1, 3\)\."):
        PAIRS.nest([entry, entry, entry, entry, verse[:, :3]])
    with pytest.raises(StateError, match=r"of shape \[B, 3\] are required\. Received: \(3,\)\."):
        BARE.nest(entry[0])
