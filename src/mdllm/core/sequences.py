"""One-letter sequences of residues, and how two of them, of one protein or of two, lie on each other."""

from collections.abc import Iterable

from Bio.Align import PairwiseAligner, substitution_matrices
from Bio.Data.PDBData import protein_letters_3to1_extended
from MDAnalysis.lib.util import inverse_aa_codes

STANDARD = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = "X"
MISSING = "?"
# Names that force fields give to protonation states, and that neither library knows.
_ALIASES = {"HSP": "H", "HIP": "H", "CYX": "C", "CYM": "C"}


def letter(name: str) -> str:
    """The letter of a residue name, of its parent where the residue is modified (MSE: M); X where there is none."""
    known = _ALIASES.get(name) or inverse_aa_codes.get(name) or protein_letters_3to1_extended.get(name, UNKNOWN)
    return known if known in STANDARD else UNKNOWN


def sequence(names: Iterable[str]) -> str:
    """One letter per residue name."""
    return "".join(map(letter, names))


def aligned_pairs(ours: str, theirs: str) -> list[tuple[int, int]]:
    """Pairs of indices of residues that the best global alignment puts on each other.

    End gaps are free: tags and missing ends cost nothing. Mismatches are cheaper than two gaps: mutations stay aligned.
    MISSING stands for a residue that is not there, matches any, and has no index.
    """
    aligner = PairwiseAligner(mode="global", match_score=2, mismatch_score=-1, open_gap_score=-5, extend_gap_score=-0.5)
    aligner.end_gap_score = 0
    aligner.wildcard = MISSING
    blocks = [((0, len(ours)),)] * 2 if ours == theirs else aligner.align(ours, theirs)[0].aligned
    index, other_index = _indices(ours), _indices(theirs)
    return [
        (index[i], other_index[j])
        for (first, last), (other, _) in zip(*blocks, strict=True)
        for i, j in zip(range(first, last), range(other, other + last - first), strict=True)
        if i in index and j in other_index
    ]


def homology() -> PairwiseAligner:
    """Local alignments of proteins that may be distant: BLOSUM62, a gap of n residues costs 10 + n."""
    matrix = substitution_matrices.load("BLOSUM62")
    return PairwiseAligner(mode="local", substitution_matrix=matrix, open_gap_score=-11, extend_gap_score=-1)


def homologous_pairs(ours: str, theirs: str) -> list[tuple[int, int]]:
    """Pairs of indices of residues of two proteins that the best local alignment puts on each other; may be none."""
    found = homology().align(ours, theirs)
    if not len(found) or not found.score:
        return []
    return [pair for a, b in zip(*found[0].aligned, strict=True) for pair in zip(range(*a), range(*b), strict=True)]


def _indices(sequence: str) -> dict[int, int]:
    """Index of each residue by its place in a sequence with missing ones."""
    places = [place for place, code in enumerate(sequence) if code != MISSING]
    return {place: number for number, place in enumerate(places)}
