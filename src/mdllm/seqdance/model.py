"""A trained model: how it is kept, and how it is loaded again.

A folder holds `model.safetensors`, the weights of all that was trained or has to be known, and `dance.json`, how it was
made and what it reached. Of ESMDance the frozen encoder is kept as well: a folder needs nothing beside it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from transformers import EsmConfig

from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_json
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.network import DanceNetwork

WEIGHTS, RECORD = "model.safetensors", "dance.json"


@dataclass(frozen=True, eq=False)
class Dance:
    """A model, ready to be asked.

    Attributes:
        network: in evaluation mode.
        record: content of `dance.json`.
    """

    network: DanceNetwork
    record: dict

    @property
    def symmetric(self) -> bool:
        return self.network.symmetric

    @property
    def trained(self) -> np.ndarray:
        """Which of the 63 properties, those of residues first, it was trained on (63,); all others are noise."""
        return ~np.isin((*RESIDUE, *PAIR), self.record.get("untrained", ()))

    @property
    def cube_roots(self) -> bool:
        """Whether it predicts cube roots of contacts, as released weights do."""
        return self.record.get("contacts", "cube_root") == "cube_root"


def save(network: DanceNetwork, dropout: float, record: dict, folder: Path) -> None:
    """Write weights and record into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    encoder = json.loads(network.encoder.config.to_json_string())
    build = {"encoder": encoder, "dropout": dropout, "symmetric": network.symmetric, "frozen": network.frozen}
    write_json(folder / RECORD, {**record, "build": build})


def load(folder: Path) -> Dance:
    """The model that `save` wrote into a folder, or that of the first seed in a folder results/dances/NAME.

    Raises:
        InputError: there is none.
    """
    folder = Path(folder)
    if not (folder / WEIGHTS).is_file() and (folder / RECORD).is_file():
        folder = folder / read_json(folder / RECORD)["model"]
    for name in (WEIGHTS, RECORD):
        if not (folder / name).is_file():
            raise InputError(f"{folder} holds no {name}; make a model: snakemake dance_NAME (results/dances/NAME)")
    try:
        record = read_json(folder / RECORD)
        build = record["build"]
        network = DanceNetwork(
            EsmConfig.from_dict(build["encoder"]), build["dropout"], build["symmetric"], build["frozen"]
        )
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (json.JSONDecodeError, KeyError, RuntimeError) as error:
        raise InputError(f"{folder} holds no model that this version of mdllm can read: {error}") from error
    return Dance(network.eval(), record)
