"""A tokenizer whose codes mean the same in every protein: steps along the chain, from one shipped codebook."""
