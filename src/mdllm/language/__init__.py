"""Codes as a language: vocabulary, windows to learn from, and the baselines that a model must beat."""
