"""Train a model as one trains any model of Keras, keep it, fine-tune it, export it and let it write.

    python examples/keras_fit.py FOLDER [POEMS [EPOCHS]]

Takes three minutes on two cores with 2,000 poems and 3 epochs, the default, which is enough to see that it works; all
of the corpus has 44,906. This program uses the public names of the package alone.
"""

import sys
from pathlib import Path

import keras

from tangshi_tf import ModelConfig, PoetryModel, Vocabulary, export_model, load_poet, poem_dataset, read_corpus


def main(folder: str, poems: str = "2000", epochs: str = "3") -> None:
    """Do what the first line says."""
    # Data: batches of poems of one length, as pairs (X_t, Y_t), int32 [B, T] each.
    corpus = read_corpus()
    training, validation = corpus.poems("train")[: int(poems)], corpus.poems("validation")[:200]
    vocabulary = Vocabulary.build([poem.text for poem in training], min_count=2, titled=True)
    train, held_out = poem_dataset(training, vocabulary), poem_dataset(validation, vocabulary, shuffle=False)

    # A model, compiled and fitted. X_t has no padding that counts: the model masks what has no target.
    model = PoetryModel(ModelConfig(cell="gru", units=64, embedding=32), vocabulary)
    model.initialize_from(vocabulary.count(poem.text for poem in training))
    model.compile(keras.optimizers.Adam(0.003), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.summary()
    file = Path(folder) / "poet.keras"
    callbacks = [keras.callbacks.ModelCheckpoint(file, save_best_only=True)]
    # Keras would shuffle itself; the dataset does that, and better.
    model.fit(train, validation_data=held_out, epochs=int(epochs), callbacks=callbacks, shuffle=False, verbose=2)

    # The best epoch, loaded; then fine-tuned on one poet, with the embeddings left as they are.
    model = keras.models.load_model(file)
    model.get_layer("embedding").trainable = False
    model.compile(keras.optimizers.Adam(0.001), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    author = max({poem.author for poem in training}, key=[poem.author for poem in training].count)
    own = poem_dataset([poem for poem in training if poem.author == author], vocabulary)
    model.fit(own, epochs=1, shuffle=False, verbose=2)

    # A SavedModel that turns strings into poems, and needs TensorFlow alone.
    version = export_model(model, Path(folder) / "saved_models" / "mine")
    poet = load_poet(version)
    answer = poet.generate("山", form="五绝", seed=1, temperature=1.0, top_p=0.85)
    print(version, (answer["poem"].numpy()[0] or answer["problem"].numpy()[0]).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
