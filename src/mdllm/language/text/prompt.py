"""The instruction that a text window opens with.

MD-LLM-1 (arXiv 2508.03709) names an instruction with the task, the number of residues and the format,
but does not print it; these words are ours. Whatever the model, the window goes on with one line per frame.
"""

_INSTRUCTION = """### Instruction:
Continue a molecular dynamics trajectory of a protein of {residues} residues. Each line is one frame, oldest first. \
A frame is {residues} integers from 0 to {largest}, one structure token per residue in the order of the sequence, \
separated by single spaces. Write the next frame.
### Frames:
"""


def instruction(residues: int, codebook_size: int) -> str:
    """The instruction for frames of L residues and K codes; ends with a line break."""
    return _INSTRUCTION.format(residues=residues, largest=codebook_size - 1)


def frame_line(codes) -> str:
    """One frame (L,) as a line of text, line break included."""
    return " ".join(str(int(code)) for code in codes) + "\n"
