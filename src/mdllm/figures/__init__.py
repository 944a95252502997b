"""Figures from tables: one module per kind of figure, one style; no trajectory, no model, no configuration is read."""
