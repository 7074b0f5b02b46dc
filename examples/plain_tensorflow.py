"""Use a model folder in a program that has TensorFlow and nothing else.

python examples/plain_tensorflow.py [saved_models/tangshi/1]
"""

import sys

import tensorflow as tf


def main(folder: str) -> None:
    """Print poems three ways, and what the model thinks of one."""
    poet = tf.saved_model.load(folder)

    # The signature a server calls: texts in, poems out.
    answer = poet.signatures["serving_default"](begin=tf.constant(["山", "月"]))
    print("signature: ", *[poem.decode() for poem in answer["poem"].numpy()])

    # The plain function: every knob is an argument with a default, one value or one a row.
    answer = poet.generate(["春", "秋"], temperature=[0.5, 1.0], top_p=0.85, init_state="random", seed=[1, 2])
    print("function:  ", *[poem.decode() for poem in answer["poem"].numpy()])

    # Step by step, with a state in our own hands: (token, state) -> (token, state).
    begin, end = poet.encode("风").numpy()[0], 2  # EOS; about() names the special ids
    state = poet.get_initial_state(1, kind="random", seed=7)
    _, state = poet.step([1], state)  # BOS
    token, tokens = tf.constant(begin), list(begin)
    while len(tokens) < 30:
        token, state = poet.get_next_token(token, state)
        if token[0] == end:
            break
        tokens.append(int(token[0]))
    print("steps:     ", poet.decode([tokens])[0].numpy().decode())

    score = poet.score("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    nll, count = float(score["nll"][0]), int(score["tokens"][0])
    print(f"perplexity: {tf.exp(nll / count):.1f} over {count} tokens")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "saved_models/tangshi/1")
