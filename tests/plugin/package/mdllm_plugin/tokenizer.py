"""A tokenizer: here one of mdllm's own under another name, with another default."""

from typing import ClassVar

from mdllm.tokenizers.torsion_grid import TorsionGrid


class CoarseTorsions(TorsionGrid):
    name: ClassVar[str] = "coarse_torsions"
