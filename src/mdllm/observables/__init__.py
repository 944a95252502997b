"""What is measured on a frame: collective variables, states as regions of them, and known references."""
