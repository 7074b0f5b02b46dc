"""Classical verse: its forms. Nothing here knows of networks."""

from tangshi_tf.verse.forms import FORMS, OTHER, form_of

__all__ = ["FORMS", "OTHER", "form_of"]
