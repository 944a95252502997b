"""Residues as rigid frames: poses, their quantization, and the repair of peptide bonds, for all tokenizers of poses."""
