"""Studies: what is measured of a run, and the tables of all runs."""
