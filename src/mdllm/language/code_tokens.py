"""Token ids for codes in the vocabulary of a pretrained tokenizer: reserved ones where they suffice, else new ones.

Mistral's v3 tokenizer reserves 737 ids (14 to 750) under the names `[control_12]` to `[control_748]`; no text is ever
written with them. Axes: K codebook size.
"""

import re

import numpy as np

from mdllm.language.vocabulary import Vocabulary

_RESERVED = re.compile(r"\[control_\d+\]")


def reserved_ids(tokenizer) -> np.ndarray:
    """All reserved token ids of a tokenizer of transformers, in rising order."""
    return np.sort([token_id for token, token_id in tokenizer.get_vocab().items() if _RESERVED.fullmatch(token)])


def code_vocabulary(tokenizer, embeddings: int, residues: int, codebook_size: int) -> Vocabulary:
    """One token id per code, the same at every residue.

    Args:
        tokenizer: of transformers.
        embeddings: rows of the model's embedding matrix; they may be more than the tokenizer's tokens.
        residues, codebook_size: L and K.

    Returns:
        the vocabulary; where its size exceeds `embeddings`, the model's matrices have to grow to it.
    """
    reserved = reserved_ids(tokenizer)
    if codebook_size <= len(reserved):
        return Vocabulary.shared(reserved[:codebook_size], residues, embeddings)
    first = max(embeddings, len(tokenizer))
    return Vocabulary.shared(np.arange(first, first + codebook_size), residues, first + codebook_size)
