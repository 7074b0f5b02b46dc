"""The version of this package; it stands here, so that nobody imports the package for a number."""

__all__ = ["__version__"]

__version__ = "0.2.0"
