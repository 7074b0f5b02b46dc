"""What a model is and how to call it: the text of a SavedModel's function `about`."""

from collections.abc import Callable, Mapping

from tangshi_tf.generation.inputs import AUTOMATIC_LENGTH, INPUTS
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.state import STATE_STDDEV

__all__ = ["describe"]

_EARS = {
    "full": "\nIt hears the verse, and the sounds of characters.",
    "verse": "\nIt hears the verse.",
    "sounds": "\nIt hears the sounds of characters.",
    "none": "",
}
_VERSE = """\
    A row whose request cannot be met has an empty poem and says why in problem; beside a poem, problem tells
    which typed characters break which rule of verse.
    repetition_penalty divides the odds of a character, before the temperature, for each earlier occurrence in
    the same poem; 1 is off; punctuation is free.
    length and log_probability are those of the whole text; the end token counts in the second alone.
    form, rhyme, opening and acrostic ask for regulated verse, with Chinese or pinyin names:
      form 五绝, 七绝, 五律, 七律 (wujue, qijue, wulv, qilv; 绝句, 律诗, 五言, 七言 leave a choice)
      rhyme a level group of 平水韵 (先, 先韵, 下平一先, yixian); opening 仄起, 平起, 仄起入韵, 平起入韵 (zeqi, …,
      pingqiruyun; 入韵, 不入韵 leave a choice); acrostic the first characters of the lines.
      What is typed stands; if it breaks a rule, the poem keeps the others. A begin as long as a line takes its form.
    title {title}.
  score(poem) -> a dict of nll (nats) and tokens, both with the end token; each [B]"""
_PROSE = """\
    A text has no end of its own: it is as long as max_length says. {begin}
    A row whose request cannot be met has an empty poem and says why in problem.
    repetition_penalty divides the odds of a {unit}, before the temperature, for each earlier occurrence in
    the same text; 1 is off; punctuation is free.
    length and log_probability are those of the whole text.
    form, rhyme, opening, acrostic and title ask for verse: they accept only their defaults.
  score(poem) -> a dict of nll (nats) and tokens; each [B]"""


def _about_poems(model: PoetryModel) -> tuple[str, str]:
    title = "what the poem is about" if model.vocabulary.separator else "accepts only its default"
    return "Tang poems", _VERSE.format(title=title)


def _about_prose(model: PoetryModel) -> tuple[str, str]:
    if model.config.unit == "word":
        begin = "Its tokens are words; begin and poem\n    are words with spaces between them."
        return "words of running text", _PROSE.format(begin=begin, unit="word")
    return "characters of running text", _PROSE.format(begin="White space counts.", unit="character")


_ABOUT: Mapping[str, Callable[[PoetryModel], tuple[str, str]]] = {"poems": _about_poems, "prose": _about_prose}
"""By kind of text, what a model writes, and what is particular to writing it."""


def describe(model: PoetryModel) -> str:
    """Return what a poet with this model is and can do, as plain text."""
    config, vocabulary, has_verse = model.config, model.vocabulary, model.state_layout.has_verse
    subject, writing = _ABOUT[config.text](model)
    size, layout = len(vocabulary), model.state_layout
    layers = f"{config.layers} layer{'s' if config.layers > 1 else ''}"
    names = enumerate(vocabulary.tokens[: vocabulary.specials])
    specials = ", ".join(f"{name.strip('<>').upper()} = {i}" for i, name in names)
    defaults = ", ".join(f"{name}={default!r}" for name, (_, default) in INPUTS.items())
    entry = f"float32 [B, {config.units}]"
    nesting = entry
    if len(layout.of_layer) > 1:
        nesting = "a pair (h, c)" if layout.cell == "lstm" else f"a tuple of {len(layout.of_layer)}"
        nesting += f" of {entry}"
    bare = "; for one layer also the entry alone"
    if has_verse:
        nesting, bare = f"{nesting},\n    and last of all int32 [B, 4], the verse so far", ""
    titled = "" if vocabulary.separator is None else "; BOS title SEP before it"
    ending = "; EOS ends it" if config.kind.ends else ""
    sampler = ", ".join(f"{name} {value}" for name, value in config.kind.sampler.items())
    return f"""A poet of tangshi-tf: a recurrent language model of {subject} that needs TensorFlow only.
{layout.cell} of {layers} of {config.units} units, embedding {config.embedding}, vocabulary of {size} tokens.\
{_EARS[config.ear]}

Functions (text is a string or [B] of them; every other knob is one value or [B]):
  generate({defaults})
    -> a dict of poem, log_probability, length, seed (the one used), problem; each [B].
    temperature 0 takes the likeliest token; top_k 0 and top_p 1 are off; max_length counts the begin,
    0 allows {AUTOMATIC_LENGTH} tokens after it; init_state is zero or random; a negative seed is a fresh one.
{writing}
  encode(text) -> int32 [B, L]; decode(token) -> string [B]
  get_initial_state(batch_size, kind='zero', stddev={STATE_STDDEV}, seed=-1) -> state; kind is zero or random
  step(token, state) -> (logits [B, {size}], state); get_next_token(token, state) -> (likeliest token, state)
    token is int32 [B]; a state has one entry a layer, {nesting}.
    It may be a tuple or a list of them, or of h0, c0, h1, c1, …{bare}.
  about() -> this text

Signatures, whose inputs are [B]; those of generate and serving_default have the defaults above and may be left out:
  serving_default(begin) -> poem ({sampler}, fresh seed); generate; score;
  get_next_token(token, state_0, …) -> token, logits, state_0, …

Special ids: {specials}. A text is fed after BOS{titled}{ending}."""
