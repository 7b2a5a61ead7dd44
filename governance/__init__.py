"""Tiered data governance: raw web pages to verified pre-training data, L0 to L4."""

__version__ = "0.1.0"
