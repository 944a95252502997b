"""SeqDance and ESMDance: dynamic properties of a protein from its sequence, and what mutations do to them."""
