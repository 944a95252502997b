"""Frames written as numbers in a text with an instruction, for pretrained models."""
