"""Regions of states in few collective variables, which no two states share.

The variables are those in which a small decision tree (scikit-learn) tells the states apart best, one after the other.
Its leaves are disjoint boxes, and within each the bounds are quantiles of the frames of its state. A reference that MD
does not visit gets a region of its own beyond the quantiles of all frames.

Axes: F frames, K states, V variables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

from mdllm.survey.variables import Variable

QUANTILES = (0.005, 0.995)
_MOST_VARIABLES = 3
_LEAST_GAIN = 0.01  # of the share told right, by one variable more
_FITTED = 2000
_MARGIN = 0.1  # of the width between the quantiles, added at both sides
_LEAST_PART = 0.05  # of the frames of a state, in a box of its own
_COMPANION = 0.8  # of what the best variable tells right alone
_LEAST_GAP = {"distance": 0.1, "torsion": 0.5}  # nm, radian; between a reference and MD
_LEAST_BEYOND = 0.4  # the same in widths of what MD shows
_SEED = 0
Box = dict[str, tuple[float, float]]  # key -> [low, high); angles on the circle as the variable cuts it open


@dataclass(frozen=True)
class Regions:
    """States as boxes.

    Attributes:
        variables: those that the boxes speak of, the best first.
        boxes: one or several of each state.
        accuracy: share of frames that the variables tell right, each state weighing the same.
    """

    variables: list[Variable]
    boxes: list[list[Box]]
    accuracy: float

    def settings(self, names: Sequence[str]) -> dict:
        """The section `states` of a system file."""
        known = {variable.key: variable for variable in self.variables}
        states = {}
        for name, boxes in zip(names, self.boxes, strict=True):
            written = [{key: known[key].bounds(*bounds) for key, bounds in box.items()} for box in boxes]
            states[name] = written[0] if len(written) == 1 else written
        return states


def tell_apart(variables: Sequence[Variable], labels: np.ndarray) -> Regions:
    """Regions of the states `labels` (F,) 0 ... K - 1, K of at least 2."""
    values = np.stack([variable.folded(variable.values) for variable in variables], axis=1)
    shown = np.unique(np.linspace(0, len(labels) - 1, min(_FITTED, len(labels))).round().astype(int))
    few, of_few = values[shown], labels[shown]

    def told(columns: list[int]) -> float:
        return balanced_accuracy_score(of_few, _tree(few[:, columns], of_few).predict(few[:, columns]))

    alone = np.array([told([number]) for number in range(len(variables))])
    chosen, best = [int(alone.argmax())], alone.max()
    while len(chosen) < min(_MOST_VARIABLES, len(variables)):
        more = {number: told([*chosen, number]) for number in range(len(variables)) if number not in chosen}
        number = max(more, key=more.get)
        if more[number] < best + _LEAST_GAIN:
            break
        chosen, best = [*chosen, number], more[number]
    tree = _tree(few[:, chosen], of_few)
    accuracy = balanced_accuracy_score(labels, tree.predict(values[:, chosen]))
    leaves = _leaves(tree)
    if len(chosen) == 1 and len(variables) > 1:
        chosen.append(_companion(variables, values, alone, chosen[0]))
    picked = [variables[number] for number in chosen]
    boxes = [_boxes(picked, labels == state, [leaf for leaf, of in leaves if of == state]) for state in tree.classes_]
    return Regions(picked, boxes, float(accuracy))


def with_reference(regions: Regions | None, variables: Sequence[Variable]) -> Regions | None:
    """The regions of MD and, as the last one, that of a reference beyond all of them; None: no distance is beyond.

    Args:
        regions: None where MD shows one state.
        variables: those with values of the reference.
    """
    best = []
    for kind in ("distance", "torsion"):
        beyond = {variable.key: _beyond(variable) for variable in variables if variable.kind == kind}
        farthest = max(beyond, key=beyond.get, default=None)
        if farthest is not None and beyond[farthest] > 0:
            best += [variable for variable in variables if variable.key == farthest]
        elif kind == "distance":
            return None
    if regions is None:
        regions = Regions([], [[{}]], 1.0)
    box: Box = {}
    of_md = {}
    for variable in best:
        low, high, theirs = _limits(variable)
        widened = _widened(variable, low, high)
        if theirs.max() < low:
            border = (theirs.max() + low) / 2
            box[variable.key] = (_within(variable, theirs.min() - (border - theirs.max())), border)
            of_md[variable.key] = _intersection(widened, (border, np.inf))
        else:
            border = (high + theirs.min()) / 2
            box[variable.key] = (border, _within(variable, theirs.max() + (theirs.min() - border)))
            of_md[variable.key] = _intersection(widened, (-np.inf, border))
    boxes = [
        [{**own, **{key: _intersection(own.get(key), bounds) for key, bounds in of_md.items()}} for own in state]
        for state in regions.boxes
    ]
    known = {variable.key: variable for variable in [*regions.variables, *best]}
    return Regions(list(known.values()), [*boxes, [box]], regions.accuracy)


def _companion(variables: Sequence[Variable], values: np.ndarray, alone: np.ndarray, first: int) -> int:
    """A second variable, as two make a plane and bound a state better: one of another kind, or unlike the first.

    Args:
        values: (F, V).
        alone: (V,) share that each variable tells right alone.
    """
    good = (alone >= _COMPANION * alone[first]) & (np.arange(len(alone)) != first)
    if not good.any():
        good = np.arange(len(alone)) != first
    other = good & np.array([variable.kind != variables[first].kind for variable in variables])
    if other.any():
        return int(np.where(other, alone, -1).argmax())
    alike = np.abs(np.corrcoef(values, rowvar=False)[first])
    return int(np.where(good, alike, np.inf).argmin())


def _tree(values: np.ndarray, labels: np.ndarray) -> DecisionTreeClassifier:
    count = len(np.unique(labels))
    least = max(1, len(labels) // 200)
    tree = DecisionTreeClassifier(
        max_leaf_nodes=count + (count > 2), min_samples_leaf=least, class_weight="balanced", random_state=_SEED
    )
    return tree.fit(values, labels)


def _leaves(tree: DecisionTreeClassifier) -> list[tuple[np.ndarray, int]]:
    """Bounds (V, 2) of each leaf, infinite where open, with the state that it holds most of."""
    inside, found = tree.tree_, []

    def descend(node: int, bounds: np.ndarray) -> None:
        if inside.children_left[node] < 0:
            found.append((bounds, int(tree.classes_[inside.value[node][0].argmax()])))
            return
        feature, threshold = inside.feature[node], inside.threshold[node]
        for child, side in ((inside.children_left[node], 1), (inside.children_right[node], 0)):
            own = bounds.copy()
            own[feature, side] = threshold
            descend(child, own)

    descend(0, np.tile([-np.inf, np.inf], (tree.n_features_in_, 1)))
    return found


def _boxes(variables: list[Variable], member: np.ndarray, leaves: list[np.ndarray]) -> list[Box]:
    """Boxes of the frames `member` (F,) of one state within leaves (V', 2) of the first V' variables."""
    values = np.stack([variable.folded(variable.values) for variable in variables], axis=1)
    boxes = []
    for leaf in leaves:
        bounds = np.concatenate([leaf, np.tile([-np.inf, np.inf], (len(variables) - len(leaf), 1))])
        inside = member & ((values >= bounds[:, 0]) & (values < bounds[:, 1])).all(axis=1)
        if inside.sum() < _LEAST_PART * member.sum():
            continue
        box = {}
        for variable, own, limits in zip(variables, values.T, bounds, strict=True):
            quantiles = _widened(variable, *np.quantile(own[inside], QUANTILES))
            box[variable.key] = _intersection(quantiles, tuple(limits))
        boxes.append(box)
    return boxes


def _limits(variable: Variable) -> tuple[float, float, np.ndarray]:
    """Quantiles of MD, and the values of the reference."""
    own = variable.folded(variable.values)
    theirs = variable.folded(variable.others)
    return (*np.quantile(own, QUANTILES), theirs[np.isfinite(theirs)])


def _beyond(variable: Variable) -> float:
    """How far a reference lies beyond the quantiles of MD, in their width; 0: hardly, or it lacks atoms."""
    low, high, theirs = _limits(variable)
    if not len(theirs):
        return 0.0
    gap = max(low - theirs.max(), theirs.min() - high)
    share = float(gap / max(high - low, 1e-6))
    return share if gap >= _LEAST_GAP[variable.kind] and share >= _LEAST_BEYOND else 0.0


def _widened(variable: Variable, low: float, high: float) -> tuple[float, float]:
    margin = _MARGIN * (high - low)
    return _within(variable, low - margin), _within(variable, high + margin)


def _within(variable: Variable, value: float) -> float:
    """A bound that no angle lies beyond."""
    return value if variable.start is None else float(np.clip(value, variable.start, variable.start + 2 * np.pi))


def _intersection(one: tuple[float, float] | None, other: tuple[float, float]) -> tuple[float, float]:
    return other if one is None else (max(one[0], other[0]), min(one[1], other[1]))
