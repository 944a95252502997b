"""Tokenizers: frames to codes and back. Choose one by name from the registry in `base`."""
