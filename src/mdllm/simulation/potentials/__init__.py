"""Model potentials in the plane, and walkers in them."""
