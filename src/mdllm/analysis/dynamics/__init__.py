"""How residues move: SeqDance's residue and pair properties of an ensemble, normal modes of a structure."""
