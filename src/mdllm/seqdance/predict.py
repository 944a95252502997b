"""Dynamic properties of sequences: batches of like length, and windows of those that are too long.

A sequence of more than `window` residues is predicted in windows that overlap by half: where several see a residue or
a pair, their mean counts; pairs that no window sees together are NaN.

Axes: B proteins, T tokens, L residues, D width, A attention maps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from mdllm.core.errors import InputError
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.network import MOST_TOKENS, DanceNetwork
from mdllm.seqdance.tokens import CLS, EOS, PAD, chains_of, encode, is_residue

WINDOW = MOST_TOKENS - 4  # residues that training saw at most
# Pairs of tokens of a batch: the maps of all heads of ESM2-35M's shape then take 1 GB.
_PAIRS = 2**20


@dataclass(frozen=True)
class Prediction:
    """What a model says of one protein.

    Attributes:
        chains: sequences.
        residue: (L, 50), pair: (L, L, 13), residues of all chains in turn; float32.
        embedding: (L, D).
        attention: (L, L, A), or None where it was not asked for.
        windows: how many the sequence was cut into.
    """

    chains: list[str]
    residue: np.ndarray
    pair: np.ndarray
    embedding: np.ndarray
    attention: np.ndarray | None
    windows: int


def predict(
    network: DanceNetwork, sequences: Mapping[str, str], window: int = WINDOW, attention: bool = False
) -> Iterator[tuple[str, Prediction]]:
    """Predict sequences by name, from short to long.

    Args:
        network: in evaluation mode, on the device where it computes.
        sequences: `:` stands between chains.
        window: residues that are predicted at once.

    Raises:
        InputError: a sequence has an unknown letter, or attention maps of one that is cut are asked for.
    """
    if not 2 <= window <= WINDOW:
        raise InputError(f"a window of {window} residues: choose 2 to {WINDOW}, which is what models are trained on")
    chains = {name: chains_of(sequence, name) for name, sequence in sequences.items()}
    tokens = {name: encode(own) for name, own in chains.items()}
    order = sorted(tokens, key=lambda name: len(tokens[name]))
    for name in order:
        if attention and len(tokens[name]) - 2 > window:
            raise InputError(
                f"{name} is longer than {window} residues and is predicted in windows, which have no common attention "
                "maps; leave it out, or do not ask for them"
            )
    with tqdm(total=len(order), desc="predict", unit="protein", mininterval=1) as bar:
        while order:
            batch = [name for name in order if len(tokens[name]) - 2 <= window]
            if batch:
                most = max(1, _PAIRS // len(tokens[batch[0]]) ** 2)
                batch = batch[:most]
                while len(batch) > 1 and len(batch) * len(tokens[batch[-1]]) ** 2 > _PAIRS:
                    batch.pop()
                found = _batch(network, [tokens[name] for name in batch], attention)
                made = [(*parts, 1) for parts in found]
            else:
                batch = order[:1]
                made = [_in_windows(network, tokens[batch[0]], window)]
            for name, (residue, pair, embedding, maps, windows) in zip(batch, made, strict=True):
                inside = is_residue(tokens[name])
                both = np.ix_(inside, inside)
                maps = None if maps is None else maps[both]
                yield name, Prediction(chains[name], residue[inside], pair[both], embedding[inside], maps, windows)
            order = order[len(batch) :]
            bar.update(len(batch))


@torch.inference_mode()
def _batch(network: DanceNetwork, tokens: list[np.ndarray], attention: bool) -> list[tuple]:
    """Residue, pair, embedding and attention of each of several token arrays (T,)."""
    rows = [torch.from_numpy(own) for own in tokens]
    filled = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    found = network(filled.to(next(network.parameters()).device))
    made = []
    for number, own in enumerate(tokens):
        size = len(own)
        part = found.residue[number, :size], found.pair[number, :size, :size], found.embedding[number, :size]
        maps = found.attention[number, :size, :size].float().cpu().numpy() if attention else None
        made.append((*(value.float().cpu().numpy() for value in part), maps))
    return made


def _in_windows(network: DanceNetwork, tokens: np.ndarray, window: int) -> tuple:
    """Means over windows: residue, pair, embedding, no attention, and the number of windows."""
    size = len(tokens)
    inner = size - 2
    starts = [*range(0, inner - window, max(window // 2, 1)), inner - window]
    width = network.encoder.config.hidden_size
    shapes = (size, len(RESIDUE)), (size, size, len(PAIR)), (size, width)
    sums = [np.zeros(shape, np.float32) for shape in shapes]
    counts, pair_counts = np.zeros(size, np.float32), np.zeros((size, size), np.float32)
    for start in tqdm(starts, desc="windows", unit="window", mininterval=1, leave=False):
        places = slice(1 + start, 1 + start + window)
        cut = np.concatenate([[CLS], tokens[places], [EOS]])
        residue, pair, embedding, _ = _batch(network, [cut], attention=False)[0]
        sums[0][places] += residue[1:-1]
        sums[1][places, places] += pair[1:-1, 1:-1]
        sums[2][places] += embedding[1:-1]
        counts[places] += 1
        pair_counts[places, places] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            sums[0] / counts[:, None],
            sums[1] / pair_counts[..., None],
            sums[2] / counts[:, None],
            None,
            len(starts),
        )
