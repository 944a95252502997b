"""What the ensembles show: collective variables, quality and discovery of every frame, beside two null models."""
