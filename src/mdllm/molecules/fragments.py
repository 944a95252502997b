"""Bonded fragments, made whole across periodic boundaries and set beside each other.

A bond that is longer than a bond can be crosses the box: its atoms take the image that follows the bond. Between
fragments there is no bond to follow. One that touches the others where it arrives stays there; else the image is taken
that is nearest by atoms. The chain nearest to those that have their place comes next, so that each follows a neighbour.
What touched in the frame before is followed first, so that a fragment that touches two images does not change from one
to the other. Fragments of one residue (ions, water, ligands) take the nearest image.

Axes: A atoms. All lengths in ångström, as in raw files.
"""

import numpy as np
from MDAnalysis.lib.distances import distance_array, minimize_vectors
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

_LONGEST_BOND = 5.0  # a bond, also between beads of a coarse-grained chain, is shorter, and a box larger
_BLOCK = 1000  # fragments whose distances are held in memory at once
_TOUCH = 10.0  # between atoms of neighbouring residues of two chains, one of each residue


class Fragments:
    """The fragments among A atoms.

    Args:
        bonds: (B, 2) rows of atoms that are bonded.
        residues: (A,) number of each atom's residue.
        keep_whole: leave fragments where they are as long as none of them is cut: a crystal's cell is no box of a
            simulation.

    Attributes:
        label: (A,) number of the fragment of each atom, from 0.
        links: (chain, atom of one placed before, atom of the chain) that decided its image in the last frame, in order.
        made_whole, moved: frames in which a fragment was cut by the box, and in which one was set beside the others.
    """

    def __init__(self, bonds: np.ndarray, residues: np.ndarray, keep_whole: bool = False):
        count, bonds = len(residues), np.asarray(bonds, int).reshape(-1, 2)
        self.label, self._parent, self._jumps = _forest(bonds, count)
        self._keep_whole = keep_whole
        groups = np.split(np.argsort(self.label, kind="stable"), np.cumsum(np.bincount(self.label))[:-1])
        chains = [group for group in groups if len(np.unique(residues[group])) > 1] or [max(groups, key=len)]
        chains.sort(key=len, reverse=True)
        self._chains = chains
        # one atom of each residue, the middle one, by which contacts are sought
        self._probes = [_one_of_each(group, residues[group]) for group in chains]
        inside = np.zeros(self.label.max() + 1, bool)
        inside[[self.label[chain[0]] for chain in chains]] = True
        self._of_chains = np.flatnonzero(inside[self.label])
        self._others = np.array([group[0] for group in groups if not inside[self.label[group[0]]]], int)
        self._chain_of = {self.label[chain[0]]: number for number, chain in enumerate(chains)}
        self.links: list[tuple[int, int, int]] = []
        self.made_whole = self.moved = 0

    def together(self, points: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        """Points (A, 3) with every fragment whole and beside the others; as they are where there is no box."""
        if dimensions is None or not np.all(dimensions[:3] > 0) or not np.isfinite(points).all():
            return points
        steps = points - points[self._parent]
        cut = bool((np.einsum("ij,ij->i", steps, steps) > _LONGEST_BOND**2).any())
        if cut:
            points = points + self._shifts(steps.astype(np.float64), dimensions)
            self.made_whole += 1
        if len(self._chains) + len(self._others) > 1 and (cut or not self._keep_whole):
            points = self._beside(points, dimensions, as_they_stand=not cut)
        return points

    def _shifts(self, steps: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
        """By how much each atom moves so that every step from its parent is the shortest: sums along the tree."""
        total = minimize_vectors(steps, dimensions) - steps
        above = self._parent
        for _ in range(self._jumps):
            total = total + total[above]
            above = above[above]
        return total

    def _beside(self, points: np.ndarray, dimensions: np.ndarray, as_they_stand: bool) -> np.ndarray:
        points, before = points.astype(np.float64), points
        left, links = dict.fromkeys(range(1, len(self._chains))), []
        for number, one, other in self.links:
            step, distance = self._step(points, one, other, dimensions)
            if distance <= _TOUCH and self._chain_of[self.label[one]] not in left:
                points[self._chains[number]] += step
                links.append((number, one, other))
                del left[number]
        if left:
            links += self._join(points, list(left), [None, dimensions] if as_they_stand else [dimensions], dimensions)
        self.links = links
        if len(self._others):
            there = points[self._of_chains]
            blocks = np.array_split(self._others, -(-len(self._others) // _BLOCK))
            nearest = [distance_array(points[block], there, box=dimensions).argmin(1) for block in blocks]
            steps = points[self._others] - there[np.concatenate(nearest)]
            shift = np.zeros((self.label.max() + 1, 3))
            shift[self.label[self._others]] = minimize_vectors(steps, dimensions) - steps
            points += shift[self.label]
        self.moved += bool(np.abs(points - before).max() > _LONGEST_BOND / 2)
        return points

    def _join(self, points: np.ndarray, left: list[int], boxes: list, dimensions: np.ndarray) -> list:
        """Links of the chains that are left, which are moved to the others one by one, the nearest first."""
        links, nearest = [], dict.fromkeys(left, (len(boxes), np.inf, 0, 0))
        new = np.concatenate([self._probes[n] for n in range(len(self._chains)) if n not in nearest])
        while nearest:
            for number, known in nearest.items():
                nearest[number] = min(known, self._nearest(points, new, self._probes[number], boxes))
            number = min(nearest, key=nearest.get)
            _, _, one, other = nearest.pop(number)
            points[self._chains[number]] += self._step(points, one, other, dimensions)[0]
            links.append((number, one, other))
            new = self._probes[number]
        return links

    @staticmethod
    def _step(points: np.ndarray, one: int, other: int, dimensions: np.ndarray) -> tuple[np.ndarray, float]:
        """The shift that brings an atom to the image nearest to another one, and their distance then."""
        step = points[other] - points[one]
        nearest = minimize_vectors(step[None], dimensions)[0]
        return nearest - step, float(np.linalg.norm(nearest))

    @staticmethod
    def _nearest(points: np.ndarray, placed: np.ndarray, probes: np.ndarray, boxes: list) -> tuple:
        """The nearest pair of atoms in the first of several boxes in which they touch (None: as they stand).

        Returns:
            rank of that box, the distance, and the two atoms.
        """
        for rank, box in enumerate(boxes):
            away = distance_array(points[placed], points[probes], box=box)
            first, second = np.unravel_index(away.argmin(), away.shape)
            found = rank, float(away[first, second]), int(placed[first]), int(probes[second])
            if away[first, second] <= _TOUCH:
                break
        return found


def _forest(bonds: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Fragment (A,) and parent (A,) of each atom, a root being its own, and how often to double to reach every root."""
    graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), (count, count))
    label = connected_components(graph, directed=False)[1]
    roots = np.unique(label, return_index=True)[1]
    # one more atom, bonded to all roots, makes one tree of the forest
    rows, columns = np.append(bonds[:, 0], np.full(len(roots), count)), np.append(bonds[:, 1], roots)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), (count + 1, count + 1)).tocsr()
    order, parent = breadth_first_order(graph, count, directed=False)
    parent[roots] = roots
    depth = np.zeros(count, int)
    for atom in order[1:]:
        depth[atom] = depth[parent[atom]] + (parent[atom] != atom)
    return label, parent[:count].astype(int), int(np.ceil(np.log2(depth.max(initial=0) + 1)))


def _one_of_each(atoms: np.ndarray, residues: np.ndarray) -> np.ndarray:
    order = np.argsort(residues, kind="stable")
    _, starts, counts = np.unique(residues[order], return_index=True, return_counts=True)
    return atoms[order[starts + (counts - 1) // 2]]
