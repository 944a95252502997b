"""Training: objective, checkpoints, and losses that stand beside their baselines."""
