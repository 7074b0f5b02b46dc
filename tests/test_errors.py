import pytest
import tensorflow as tf

from tangshi_tf import errors


def test_every_error_is_one_of_ours() -> None:
    names = [name for name in errors.__all__ if name.endswith("Error")]
    assert len(names) == 9
    for name in names:
        assert issubclass(getattr(errors, name), errors.TangshiError)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("wrong.\nlook here"), "wrong"),
        (ValueError(), "ValueError"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (tf.errors.NotFoundError(None, None, "{{function_node x}} no file"), "no file"),
    ],
)
def test_the_first_line_of_an_error_says_why(error: Exception, line: str) -> None:
    assert errors.first_line(error) == line
