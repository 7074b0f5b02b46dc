"""Classical verse: its forms, tones and rhymes, and the checker. Nothing here loads TensorFlow."""

from tangshi_tf.verse.forms import FORMS, OTHER, form_of

__all__ = ["FORMS", "OTHER", "form_of"]
