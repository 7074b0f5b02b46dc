"""What long work is doing, and how far it is: the library says it, and a door may watch.

Example:
    >>> class Printer:
    ...     def began(self, name):
    ...         print("began", name)
    ...     def advanced(self, share):
    ...         print(f"{share:.0%}")
    ...     def ended(self):
    ...         print("ended")
    >>> with watched_by(Printer()):
    ...     print(sum(tracked("adding", [1, 2])))
    began adding
    50%
    100%
    ended
    3
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

__all__ = ["Watcher", "first_call", "phase", "tracked", "watched_by"]

_T = TypeVar("_T")


class Watcher(Protocol):
    """Whoever wants to know what is being done. Phases may lie within each other."""

    def began(self, name: str) -> None:
        """Take the name of a phase that begins."""

    def advanced(self, share: float) -> None:
        """Take the share of the innermost phase that is done, 0 to 1."""

    def ended(self) -> None:
        """Learn that the innermost phase has ended."""


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextlib.contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Let someone watch what is done inside a `with` block."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextlib.contextmanager
def phase(name: str) -> Iterator[Callable[[float], None]]:
    """Do something that may take long, in a `with` block or as a decorator.

    Args:
        name: what is being done: "loading the model".

    Yields:
        A function that takes the share that is done, for who knows it.
    """
    watcher = _watcher.get()
    if watcher is None:
        yield lambda share: None
        return
    watcher.began(name)
    try:
        yield watcher.advanced
    finally:
        watcher.ended()


def tracked(name: str, items: Collection[_T]) -> Iterator[_T]:
    """Yield items; what is done with them is a phase."""
    with phase(name) as tell:
        for done, item in enumerate(items, 1):
            yield item
            tell(done / len(items))


def first_call(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose first call, in which TensorFlow builds its graph, is a phase."""
    called = False

    def call(*arguments: Any) -> Any:
        nonlocal called
        if called:
            return function(*arguments)
        called = True
        with phase(name):
            return function(*arguments)

    return call
