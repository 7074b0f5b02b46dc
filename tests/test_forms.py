"""`verse.forms`: a form is read off the lines."""

import pytest

from tangshi_tf.verse.forms import FORMS, form_of

FIVE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
SEVEN = "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (FIVE, "五绝"),
        (SEVEN, "七绝"),
        (FIVE * 2, "五律"),
        (SEVEN * 2, "七律"),
        (FIVE.replace("，", "？").replace("。", "！"), "五绝"),
        (FIVE.rstrip("。"), "五绝"),
        (FIVE * 3, "其他"),
        (FIVE + SEVEN, "其他"),
        (FIVE.replace("，", ""), "其他"),
        (FIVE.replace("光", "", 1), "其他"),
        ("", "其他"),
        ("，。", "其他"),
    ],
)
def test_form_of(text: str, form: str) -> None:
    assert form_of(text) == form


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_from_its_own_shape(form: str) -> None:
    lines, length = FORMS[form]
    assert form_of(("山" * length + "，") * lines) == form
