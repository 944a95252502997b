"""What the ensembles show: discovery beside nulls, quality, kinetics."""
