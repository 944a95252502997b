"""Backbones to codes, one per residue, and back; what the codes lose."""
