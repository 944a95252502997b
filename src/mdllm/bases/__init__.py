"""Bases: one model over the proteins of a collection, which knows what a stretch of chain may look like where it is."""
