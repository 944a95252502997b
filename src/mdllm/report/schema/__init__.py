"""The schema of `summary.json`, section by section; `summary` is the whole."""
