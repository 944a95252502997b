"""What training a base takes, and tuning a copy of one: time in proportion to parameters, and to rows (codes to learn).

On a GPU the rate is that of the base that comes with mdllm, by its own record; on a core it is a measurement (EPYC). A
larger network keeps a GPU busier than that small one did, so that its time is at most what is said.
"""

from dataclasses import dataclass

from mdllm.bases.base import RECORD as BASE_RECORD
from mdllm.bases.base import SHIPPED, find_base
from mdllm.bases.network import BaseNetwork
from mdllm.bases.settings import COMES_WITH_MDLLM, BaseSettings, BaseTrainingSettings, TuningSettings
from mdllm.core.records import read_json
from mdllm.tokenizers.chain.codebook import shipped_steps

_CORE_S = 2.4e-10  # for each parameter and row, forwards and backwards


@dataclass(frozen=True)
class TrainingCost:
    """Of a base.

    Attributes:
        parameters: of its network.
        rows: that it learns from, each as often as it is seen.
        gpu: what `gpu_s` was measured on.
        gpu_s: seconds on one of these at most.
        core_s: seconds on one core.
    """

    parameters: int
    rows: int
    gpu: str
    gpu_s: float
    core_s: float


def cost_of_training(settings: BaseSettings) -> TrainingCost:
    """Of the base that a file of config/bases describes, whether its collection is there or not."""
    network = BaseNetwork(shipped_steps(settings.codebook_size), settings.network.width, settings.network.blocks, 0.0)
    parameters = sum(value.numel() for value in network.parameters())
    measured = read_json(SHIPPED / COMES_WITH_MDLLM / BASE_RECORD)
    known = BaseSettings.model_validate(measured["settings"])
    work = parameters * _rows(settings.training)
    gpu_s = measured["training_seconds"] * work / (measured["parameters"] * _rows(known.training))
    return TrainingCost(parameters, _rows(settings.training), measured["device"], gpu_s, work * _CORE_S)


def tuning_seconds(base: str, tuning: TuningSettings, residues: int) -> float:
    """Of a copy of a base, on one core, on frames of so many residues.

    Raises:
        InputError: there is no such base.
    """
    updates = BaseTrainingSettings(steps=tuning.steps)
    rows = tuning.steps * updates.batch_size * min(updates.rows, residues)
    return read_json(find_base(base) / BASE_RECORD)["parameters"] * rows * _CORE_S


def _rows(training: BaseTrainingSettings) -> int:
    return training.steps * training.batch_size * training.rows
