"""The default tokenizer: residues as rigid frames, predicted from those already decoded, the residual coded."""
