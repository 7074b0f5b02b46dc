"""The files this package writes: whole or not at all, each with a digest, each JSON with a schema.

Nothing here loads TensorFlow.
"""
