"""Help in the language that is spoken, and the option --lang, which every command has."""

import inspect
import re
import unicodedata
from collections.abc import Iterable

import click

from tangshi_tf.cli.catalogue import LANGUAGES, language, say
from tangshi_tf.cli.suggestions import OPTIONS, meant, no_such

__all__ = ["Command", "any_case", "wrapped"]

_WIDE = "\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\U00020000-\U0003fffd"
# Where a line of Chinese may end: after a character and the marks that follow it, a word, or white space.
_UNBREAKABLE = re.compile(rf"\s+|[（“《\[]*(?:[{_WIDE}]|[^\s{_WIDE}“（《]+)[，。；：、！？）”》…]*")
_HELP = re.compile(r"(?P<help>.*?)(?:  \[(?P<facts>[^\]]*)\])?", re.DOTALL)


def any_case(choices: Iterable[str]) -> "click.Choice[str]":
    """Return the type of an option with these values, typed in any case."""
    return click.Choice(list(choices), case_sensitive=False)


_LANG = click.Option(
    ["--lang"],
    type=any_case(LANGUAGES),
    expose_value=False,  # the group finds it before arguments are parsed, so that errors of parsing speak it too
    help="Language of help and messages: en or zh; default: the language of the locale.",
)


def wrapped(text: str, width: int) -> str:
    """Wrap a paragraph to columns of a terminal, of which a Chinese character takes two."""
    lines = [""]
    columns = 0
    for part in _UNBREAKABLE.findall(text):
        own = sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in part)
        if columns and columns + own > width:
            lines, columns = [*lines, ""], 0
        if columns or not part.isspace():
            lines[-1] += part
            columns += own
    return "\n".join(line.rstrip() for line in lines)


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each on one line; those that keep their lines begin with a backspace."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return [part if part.startswith("\b") else " ".join(part.split()) for part in paragraphs]


class _Formatter(click.HelpFormatter):
    """Lays out help; click wraps English, and we wrap Chinese, in which it would find no spaces."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """See the base class."""
        super().write_usage(prog, " ".join(say(word, "help") for word in args.split(" ")), say("Usage: ", "help"))

    def write_heading(self, heading: str) -> None:
        """See the base class."""
        self.write(f"{'':>{self.current_indent}}{say(f'{heading}:', 'help')}\n")

    def write_text(self, text: str) -> None:
        """See the base class."""
        if language() == "zh":
            paragraphs = [part if part.startswith("\b") else self._wrapped(part, 0) for part in _paragraphs(text)]
            text = "\n\n".join(paragraphs)
        super().write_text(text)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """See the base class."""
        rows = list(rows)
        if language() == "zh":
            used = 2 + col_spacing + min(max(len(term) for term, _ in rows), col_max)
            rows = [(term, self._wrapped(text, used)) for term, text in rows]
        super().write_dl(rows, col_max, col_spacing)

    def _wrapped(self, text: str, used: int) -> str:
        """Return an option's help, or a paragraph, in Chinese, so that click keeps its lines."""
        found = _HELP.fullmatch(text)
        assert found is not None  # it matches anything
        said = say(found["help"], "help")
        if found["facts"]:
            facts = "；".join(say(fact, "help") for fact in found["facts"].split("; "))
            said = f"{said}  [{facts}]"
        return "\b\n" + wrapped(said, max(self.width - self.current_indent * (not used) - used, 20))


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help is in the language that is spoken."""

    context_class = _Context

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, and --lang before --help."""
        params = super().get_params(ctx)
        return [*params[: len(self.params)], _LANG, *params[len(self.params) :]]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; of an option that does not exist say which is meant."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            options = [one for one in self.get_params(ctx) if isinstance(one, click.Option) and not one.hidden]
            known = [name for one in options for name in (*one.opts, *one.secondary_opts) if name.startswith("--")]
            name = error.option_name
            raise click.UsageError(no_such("option", name, meant(name, known, OPTIONS)), ctx) from None

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return what the list of commands says of this one."""
        if language() == "en" or not self.help:
            return super().get_short_help_str(limit)
        return say(_paragraphs(self.help)[0], "help").partition("。")[0] + "。"
