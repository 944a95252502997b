"""Figures of kinetics: all variants of one system over its reference."""
