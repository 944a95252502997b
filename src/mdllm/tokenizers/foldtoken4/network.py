"""The released FoldToken4 network, one frame per call: the only module that imports torch and the user's checkout.

What its code does, and how that is met here without changing it:
- the decoder starts from random coordinates on the device "cuda": `infer_X` is called directly, with coordinates
  drawn from a seed on the CPU, so that CPU and GPU start alike;
- the virtual frames of a batch are numbered in another order than its proteins, so that codes depend on what else is
  in the batch: each call holds one frame;
- codes are drawn with `multinomial` at temperature 1e-8, from the global generator: it is seeded, and put back;
- features that are not finite become random codes without a word: they raise an error here;
- the class `Protein` drops residues that lack an atom or have a non-standard name, and makes every decoded residue a
  cysteine: coordinates go in and out as arrays, and residue names stay with the topology.

Lengths are ångström in the checkout and nm everywhere else; `encode` and `decode` convert. Axes: L residues.
"""

import importlib
import inspect
import pickle
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.tokenizers.foldtoken4.files import FoldToken4Files

_PREFIX = "_forward_module."  # DeepSpeed's, left in the released checkpoint
_MULTINOMIAL_SEED = 0


class _Atoms:
    """What the checkout asks of a protein: coordinates (L, 4, 3), chains (L,) and residue types (L,) as tensors."""

    def __init__(self, positions: torch.Tensor, chains: torch.Tensor):
        self._positions, self._chains = positions, chains

    def to_XCS(self):
        return self._positions[None], self._chains[None], torch.zeros_like(self._chains)[None]


class FoldToken4Network:
    """The network with its weights, on one device.

    Args:
        files: a checked set-up.
        level: 2^level codes.
        device: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        InputError: the device is not there, a Python package that the checkout needs is missing, or the weights do
            not fit the configuration.
    """

    def __init__(self, files: FoldToken4Files, level: int, device: str):
        self.device = choose_device(device)
        self.level = level
        self._config = files.network
        self._interface = _load(files).to(self.device).eval()
        self._interface.model.vq.proj.register_forward_hook(_refuse_not_finite)

    @torch.inference_mode()
    def encode(self, atoms: np.ndarray, chains: np.ndarray) -> np.ndarray:
        """Codes (L,), int32, of N, CA, C, O (L, 4, 3) in nm; `chains` (L,) counts from 1. Depends on the pose.

        Raises:
            InputError: the number of codes is not the number of residues.
        """
        positions = torch.as_tensor(atoms * ANGSTROM_PER_NM, dtype=torch.float32, device=self.device)
        protein = _Atoms(positions, torch.as_tensor(chains, dtype=torch.long, device=self.device))
        with self._seeded():
            batch = self._interface.batch_proteins([protein])
            codes = self._interface.encode_only(batch, level=self.level)[0]
        if len(codes) != len(atoms):
            raise InputError(f"FoldToken4 gave {len(codes)} codes for {len(atoms)} residues: another version of it?")
        return codes.cpu().numpy().astype(np.int32)

    @torch.inference_mode()
    def decode(self, codes: np.ndarray, chains: np.ndarray, seed: int) -> np.ndarray:
        """N, CA, C, O (L, 4, 3) in nm, float32, in an arbitrary pose, of codes (L,).

        Args:
            seed: of the random coordinates, uniform in a cube of 1 ångström, that the decoder refines.
        """
        model = self._interface.model
        start = torch.rand(len(codes), 4, 3, generator=torch.Generator().manual_seed(seed)).to(self.device)
        codes = torch.as_tensor(codes, dtype=torch.long, device=self.device)
        chains = torch.as_tensor(chains, dtype=torch.long, device=self.device)
        positions, _ = model.decoder_struct.infer_X(
            start,
            model.vq.embed_id(codes, self.level),
            torch.zeros_like(codes),
            chains,
            self._config.dec_topk,
            virtual_frame_num=self._config.virtual_frame_num,
        )
        return positions.cpu().numpy() / np.float32(ANGSTROM_PER_NM)

    @contextmanager
    def _seeded(self):
        """torch's global generators seeded, and restored afterwards."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(_MULTINOMIAL_SEED)
            yield


def choose_device(name: str) -> torch.device:
    """The torch device of "auto", "cpu" or "cuda".

    Raises:
        InputError: CUDA is asked for and absent.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise InputError(
            "tokenizer.device is cuda, but torch finds no CUDA device here; run the stage where there is one, or set "
            "tokenizer.device to auto or cpu (minutes per hundred frames)"
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")


def _load(files: FoldToken4Files) -> torch.nn.Module:
    """The checkout's `MInterface` with the weights, on the CPU."""
    with _importable(files.package):
        try:
            interface = importlib.import_module("model_interface").MInterface(**files.network.model_dump())
            importlib.import_module("torch_geometric.nn").knn_graph(torch.zeros(2, 3), k=1)  # fails on first use
        except ImportError as error:
            raise InputError(
                f"FoldToken4 in {files.package} cannot run: {error}. It needs the Python packages of docs/foldtoken4.md"
            ) from error
    origin = Path(inspect.getfile(type(interface.model))).resolve()
    if not origin.is_relative_to(files.package.resolve()):
        raise InputError(
            f"the modules of FoldToken4 were taken from {origin}, not from {files.package}: another module has their "
            "name, or another checkout is loaded in this process"
        )
    problems = interface.load_state_dict(_state(files.weights), strict=False)
    if problems.missing_keys or problems.unexpected_keys:
        raise InputError(
            f"{files.weights} does not fit {files.config}: {len(problems.missing_keys)} weights are missing "
            f"({', '.join(problems.missing_keys[:3])} ...), {len(problems.unexpected_keys)} are not known "
            f"({', '.join(problems.unexpected_keys[:3])} ...). Take both files from the same folder of the release"
        )
    return interface


def _state(weights: Path) -> dict[str, torch.Tensor]:
    """The tensors of the released checkpoint; the restricted unpickler runs no code of the file."""
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"{weights} is no file of tensors: {str(error).splitlines()[0]}. Download it again") from error
    return {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}


@contextmanager
def _importable(package: Path):
    """`package` first on the import path."""
    entry = str(package.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _refuse_not_finite(module, inputs, output: torch.Tensor) -> None:
    """Forward hook: raise before the checkout replaces features that are not finite by random ones."""
    wrong = torch.nonzero(~torch.isfinite(output).all(-1)).flatten().tolist()
    if wrong:
        listed = ", ".join(str(i + 1) for i in wrong[:10])
        raise InputError(
            f"FoldToken4 computes no finite features for residues {listed} of the selection ({len(wrong)} in all): "
            "atoms lie on top of each other, or the weights are damaged"
        )
