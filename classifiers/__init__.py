"""fastText quality classifiers: normalisation, training, scoring and the bundled models."""
