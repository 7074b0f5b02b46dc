"""What is meant by a command or an option that does not exist: names that other programs have, and misspellings."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

__all__ = ["COMMANDS", "OPTIONS", "meant", "no_such"]

_NEAR, _FAR = 0.8, 0.6  # likeness of names; the second is click's


def _table(words: str) -> Mapping[str, list[str]]:
    """Return the names on the right of each line to those on the left."""
    table: dict[str, list[str]] = {}
    for name, others in (line.split(" = ") for line in words.strip().splitlines()):
        for other in others.split():
            table.setdefault(other, []).append(name)
    return table


COMMANDS = _table("""
fit = train training learn finetune fine-tune resume 训练
sample = generate gen write-poem poem compose create predict inference infer 生成 写诗
evaluate = eval test validate perplexity score 评估
check = judge lint tones 检查
export = save convert 导出
plot = curve curves draw chart 画图
models = list ls model runs 模型
next = complete continue suggest
""")
"""What other programs call a command, to its name here."""

OPTIONS = _table("""
--learning-rate = --lr --rate --step-size
--begin = --start --prompt --prefix --seed-text --start-with --input
--begin-file = --prompt-file --prompts --input-file
--title = --topic --subject
--count = -n --num --number --num-samples --samples --poems
--top = -n -k --count --num --top-k
--max-length = -l --length --max-len --max-tokens --max-new-tokens
--temperature = -t --temp
--top-k = -k --topk
--top-p = -p --topp --nucleus
--repetition-penalty = --penalty
--best-of = --beam --num-beams --candidates
--init-state = --initial-state --state
--output = -o --out --outfile --output-file --save
--model = -m --model-path --model-dir --checkpoint --ckpt --load
--from = --base --pretrained --init-from --fine-tune --finetune
--epochs = -e --epoch --num-epochs
--max-steps = --steps --iterations --iters
--token-budget = --batch-tokens
--batch-size = -b --batch --bs
--sequence-length = --seq-length --seq-len --block-size
--units = --hidden --hidden-size --hidden-units --rnn-size --num-units
--embedding = --embedding-size --embedding-dim --embed --emb
--layers = --num-layers --depth
--cell = --rnn --rnn-type --cell-type
--optimizer = --optim --opt
--precision = --dtype --fp16 --bf16 --amp
--seed = --random-seed
--threads = -j --jobs --cpus --num-threads --workers
--name = --run --run-name --model-name --model --output
--minutes = --time --max-time
--resume = --continue
--restart = --overwrite --force
--novel = --unique --no-copy
--form = --style
--acrostic = --heads
--lang = --language
--help = -? --usage
--version = -v -V
""")
"""What other programs call an option, to its name here; a command takes those that it has."""


def meant(wrong: str, known: Iterable[str], table: Mapping[str, list[str]]) -> list[str]:
    """Return what is most likely meant, of the names that are known, the likeliest first; none if nothing is near.

    Args:
        wrong: what was typed.
        known: the names that exist.
        table: other names to names, of which some may not exist here.

    Example:
        >>> meant("train", ["fit", "sample"], COMMANDS), meant("sampel", ["fit", "sample"], COMMANDS)
        (['fit'], ['sample'])
    """
    known, wrong = set(known), wrong if len(wrong) == 2 else wrong.lower()
    named = [name for name in table.get(wrong, ()) if name in known]
    if named:
        return named[:1]
    others = {other: name for other, names in table.items() for name in names[:1] if name in known and len(other) > 2}
    names = {name: name for name in sorted(known)}
    for table_of, cutoff in ((names, _NEAR), (others, _NEAR), (names, _FAR)):
        near = get_close_matches(wrong, table_of, cutoff=cutoff)
        if near:
            return list(dict.fromkeys(table_of[name] for name in near))
    return []


def no_such(kind: str, wrong: str, likely: Sequence[str]) -> str:
    """Say that there is no such command or option, and ask, as click does, whether one of these was meant."""
    if not likely:
        return f"No such {kind} {wrong!r}."
    if len(likely) == 1:
        return f"No such {kind} {wrong!r}. Did you mean {likely[0]!r}?"
    names = ", ".join(map(repr, sorted(likely)))
    return f"No such {kind} {wrong!r}. (Did you mean one of: {names}?)"
