"""Which residue of a reference is which of the system: alignment of sequences that knows where chains are broken.

Sequences alone do not say where a missing loop was: its ends may have the letters of its neighbours. So gaps are free
where the C-N distance shows a break and at the ends, dear within what is bonded, and numbers decide between what is
alike. Chains are matched one by one, whatever their order.

Axes: n residues of the system, m of the reference.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

_MATCH, _MISMATCH, _OPEN, _EXTEND = 2.0, -1.0, -5.0, -0.5
_BREAK_UNLIKE = -1.0  # two neighbours are bonded in one and not in the other
LEAST_IDENTITY = 0.7
_LEAST_PIECE = 8  # of what is left over of a chain; shorter pieces fit anywhere


@dataclass(frozen=True)
class Residues:
    """Residues of one or several chains, in order.

    Attributes:
        letters: (n,) one letter each.
        numbers: (n,) residue numbers.
        chains: (n,) chain identifiers.
        bonded: (n - 1,) whether a residue is bound to the next.
    """

    letters: np.ndarray
    numbers: np.ndarray
    chains: np.ndarray
    bonded: np.ndarray

    def pick(self, rows: np.ndarray) -> "Residues":
        """Some of them; those that were not neighbours are not bonded."""
        bonded = np.append(self.bonded, False)[rows[:-1]] & (np.diff(rows) == 1)
        return Residues(self.letters[rows], self.numbers[rows], self.chains[rows], bonded)


def matched(system: Residues, reference: Residues) -> list[tuple[int, int]]:
    """Pairs (residue of the system, residue of the reference), chain by chain, the best ones first."""
    ours, theirs = _pieces(system.chains), _pieces(reference.chains)
    whole = {piece.tobytes() for piece in (*ours, *theirs)}
    known: dict[tuple[bytes, bytes], tuple[float, list[tuple[int, int]]]] = {}
    pairs: list[tuple[int, int]] = []
    while ours and theirs:
        for ours_at, mine in enumerate(ours):
            for theirs_at, its in enumerate(theirs):
                if _key(mine, its) not in known:
                    found = _aligned(system.pick(mine), reference.pick(its), ours_at - theirs_at)
                    known[_key(mine, its)] = found
        mine, its = max(((a, b) for a in ours for b in theirs), key=lambda pair: known[_key(*pair)][0])
        found = known[_key(mine, its)][1]
        least = min(len(mine), len(its)) / 2
        if not whole.issuperset(_key(mine, its)):
            least = max(least, _LEAST_PIECE)
        if not found or len(found) < least:
            break
        pairs += [(int(mine[i]), int(its[j])) for i, j in found]
        ours = _without(ours, mine, [i for i, _ in found])
        theirs = _without(theirs, its, [j for _, j in found])
    return sorted(pairs)


def _key(mine: np.ndarray, its: np.ndarray) -> tuple[bytes, bytes]:
    return mine.tobytes(), its.tobytes()


def _pieces(chains: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(chains == chain) for chain in dict.fromkeys(chains)]


def _without(pieces: list[np.ndarray], piece: np.ndarray, gone: list[int]) -> list[np.ndarray]:
    """The pieces with what is left of one of them, where that is long enough to be told."""
    rest = np.delete(np.arange(len(piece)), gone)
    left = np.split(rest, np.flatnonzero(np.diff(rest) > 1) + 1) if len(rest) else []
    return [p for p in pieces if p is not piece] + [piece[rows] for rows in left if len(rows) >= _LEAST_PIECE]


def _aligned(ours: Residues, theirs: Residues, rank: int) -> tuple[float, list[tuple[int, int]]]:
    """Score and pairs of two chains; no pairs where too few letters are the same.

    Chains of one name, then of one place in their files, are preferred among such as are alike.
    """
    pairs = align(ours, theirs)
    same = np.array([ours.letters[i] == theirs.letters[j] for i, j in pairs])
    if not len(pairs) or same.mean() < LEAST_IDENTITY:
        return -np.inf, []
    score = np.where(same, _MATCH, _MISMATCH).sum()
    return float(score + 0.1 * (ours.chains[0] == theirs.chains[0]) - 0.001 * abs(rank)), pairs


def align(ours: Residues, theirs: Residues) -> list[tuple[int, int]]:
    """Pairs of indices in the best global alignment of two chains.

    Source: Gotoh, J. Mol. Biol. 162, 705 (1982), with costs of gaps by place and free ends.
    """
    n, m = len(ours.letters), len(theirs.letters)
    if n == m and (ours.letters == theirs.letters).all() and (ours.bonded == theirs.bonded).all():
        return [(i, i) for i in range(n)]
    same = ours.letters[:, None] == theirs.letters
    score = np.where(same, _MATCH, _MISMATCH) + _numbering(ours, theirs, same)
    # cost of a gap after residue i of ours (unmatched residues of theirs), and after j of theirs; index 0: before all
    open_ours, extend_ours = _gap_costs(ours.bonded)
    open_theirs, extend_theirs = _gap_costs(theirs.bonded)
    unlike = np.zeros((n + 1, m + 1))
    unlike[2:, 2:] = np.where(ours.bonded[:, None] != theirs.bonded, _BREAK_UNLIKE, 0.0)
    # best scores that end with a pair, with a residue of ours alone, with one of theirs alone
    pair, alone_ours, alone_theirs = (np.full((n + 1, m + 1), -np.inf) for _ in range(3))
    pair[0, 0] = 0.0
    columns = np.arange(m + 1)
    for i in range(n + 1):
        if i:
            before = np.maximum(alone_ours[i - 1, :-1], alone_theirs[i - 1, :-1])
            pair[i, 1:] = score[i - 1] + np.maximum(before, pair[i - 1, :-1] + unlike[i, 1:])
            begin = np.maximum(pair[i - 1], alone_theirs[i - 1]) + open_theirs
            alone_ours[i] = np.maximum(begin, alone_ours[i - 1] + extend_theirs)
        from_pair = pair[i] + open_ours[i] - extend_ours[i] * (columns + 1)
        best = np.maximum.accumulate(from_pair)
        alone_theirs[i, 1:] = best[:-1] + extend_ours[i] * columns[1:]
    # back from the end
    i, j, pairs = n, m, []
    state = int(np.argmax([pair[n, m], alone_ours[n, m], alone_theirs[n, m]]))
    while i or j:
        if state == 0:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
            options = pair[i, j] + unlike[i + 1, j + 1], alone_ours[i, j], alone_theirs[i, j]
            state = int(np.argmax(options))
        elif state == 1:
            i -= 1
            options = pair[i, j] + open_theirs[j], alone_ours[i, j] + extend_theirs[j]
            state = int(np.argmax([*options, alone_theirs[i, j] + open_theirs[j]]))
        else:
            j = int((pair[i, :j] - extend_ours[i] * columns[:j]).argmax())
            state = 0
    return pairs[::-1]


def _gap_costs(bonded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cost of beginning and of extending a gap before, between and after residues: nothing where none is bonded."""
    inside = np.concatenate([[False], bonded, [False]])
    return np.where(inside, _OPEN, 0.0), np.where(inside, _EXTEND, 0.0)


def _numbering(ours: Residues, theirs: Residues, same: np.ndarray) -> np.ndarray:
    """A bonus (n, m), less than any other difference, for pairs by the offset of numbers that most letters agree on."""
    offset = theirs.numbers - ours.numbers[:, None]
    counts = Counter(offset[same].tolist())
    if not counts:
        return np.zeros(same.shape)
    best = max(counts, key=lambda value: (counts[value], -abs(value)))
    return np.where(offset == best, 0.4 / min(same.shape), 0.0)
