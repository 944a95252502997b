"""The language of codes: a vocabulary of token ids, windows to learn from, and the baselines that a model must beat."""
