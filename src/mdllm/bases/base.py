"""A trained base: how it is kept, and how it is loaded again.

Axes: B rows, K codes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from mdllm.bases.baselines import TypeStatistics
from mdllm.bases.network import BaseNetwork
from mdllm.bases.settings import NetworkSettings
from mdllm.bases.views import Views
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_json
from mdllm.tokenizers.chain.codebook import Codebook

WEIGHTS, RECORD = "base.safetensors", "base.json"
SHIPPED = Path(__file__).with_name("shipped")
_STEPS, _STATISTICS, _NETWORK = "steps", "statistics.", "network."


@dataclass(frozen=True)
class Told:
    """What is known of the next step of B structures.

    Attributes:
        log_probabilities: (B, K) in nats, float64, or (1, K) where all are alike.
        offsets: codes (B,) to where the steps lie as seen from them (B, 6), nm and radian, float64.
        parts: where this joins what several know, by name what each of them alone says (B, K), as `log_probabilities`.
    """

    log_probabilities: torch.Tensor
    offsets: Callable[[torch.Tensor], torch.Tensor]
    parts: Mapping[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Base:
    """A base, ready to be asked.

    Attributes:
        steps: the codebook of its language, K codes; K itself stands for a hidden code.
        network: in evaluation mode.
        statistics: of the proteins that it was trained on.
        record: content of `base.json`: how it was made, and what it reached.
    """

    steps: Codebook
    network: BaseNetwork
    statistics: TypeStatistics
    record: dict

    @property
    def hidden(self) -> int:
        return len(self.steps)

    @torch.inference_mode()
    def tell(self, view: Views) -> Told:
        """What the network says of a view."""
        logits, state = self.network(view)
        return Told(
            logits.double().log_softmax(-1),
            torch.inference_mode()(lambda codes: self.network.offsets(view, state, codes).double()),
        )

    def save(self, folder: Path) -> None:
        """Write `base.safetensors` (numbers in half precision, but for the codebook) and `base.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {_NETWORK + name: value.numpy() for name, value in self.network.state_dict().items()}
        arrays |= {_STATISTICS + name: np.log(getattr(self.statistics, name)) for name in ("single", "pair")}
        arrays = {name: np.ascontiguousarray(value, np.float16) for name, value in arrays.items()}
        save_file(arrays | {_STEPS: self.steps.vectors()}, folder / WEIGHTS)
        write_json(folder / RECORD, self.record)


def load_base(folder: Path) -> Base:
    """The base that `Base.save` wrote.

    Raises:
        InputError: there is none.
    """
    for name in (WEIGHTS, RECORD):
        if not (Path(folder) / name).is_file():
            raise InputError(f"{folder} holds no {name}; a base is made by: snakemake base_NAME (results/bases/NAME)")
    try:
        record = read_json(Path(folder) / RECORD)
        settings = NetworkSettings.model_validate(record["network"])
        arrays = load_file(Path(folder) / WEIGHTS)
        steps = Codebook.of_vectors(arrays[_STEPS])
        network = BaseNetwork(steps, settings.width, settings.blocks, settings.dropout)
        weights = {
            name.removeprefix(_NETWORK): torch.from_numpy(value.astype(np.float32))
            for name, value in arrays.items()
            if name.startswith(_NETWORK)
        }
        network.load_state_dict(weights)
    except (json.JSONDecodeError, KeyError, ValueError, RuntimeError) as error:  # the last by other names or shapes
        raise InputError(f"{folder} holds no base that this version of mdllm can read: {error}") from error
    probabilities = (np.exp(arrays[_STATISTICS + name].astype(float)) for name in ("single", "pair"))
    statistics = TypeStatistics(*(value / value.sum(-1, keepdims=True) for value in probabilities))
    return Base(steps, network.eval(), statistics, record)


def find_base(name: str) -> Path:
    """The folder of a base: one that comes with mdllm, by its name, or any other by its path.

    Raises:
        InputError: there is none.
    """
    shipped = sorted(path.name for path in SHIPPED.glob("*") if path.is_dir())
    if name in shipped:
        return SHIPPED / name
    if (Path(name) / WEIGHTS).is_file():
        return Path(name)
    raise InputError(
        f"base {name}: not one that comes with mdllm ({', '.join(shipped)}), and no folder that holds {WEIGHTS}; a "
        "base is made by: snakemake base_NAME (results/bases/NAME)"
    )
