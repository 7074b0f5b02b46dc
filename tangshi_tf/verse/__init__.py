"""Classical verse: its forms, tones and rhymes, and the judge. Only `constraints` knows of TensorFlow."""

from tangshi_tf.verse.forms import FORMS, OTHER, form_of

__all__ = ["FORMS", "OTHER", "form_of"]
