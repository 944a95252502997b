"""The stage `base`: in this process, or in one process per GPU under ``accelerate launch``.

``python -m mdllm base-process JSON`` is one of these processes; `JSON` holds the fields of `BaseTraining`.
"""

from dataclasses import dataclass
from pathlib import Path

from mdllm.bases.settings import BaseSettings
from mdllm.models.training.processes import Launched
from mdllm.run.stage import stage


@dataclass(frozen=True)
class BaseTraining(Launched):
    """What the stage needs, in a form that can be handed to other processes.

    Attributes:
        inputs: `proteins.parquet` and `segments.parquet` of the collection, by name.
        output: `provenance.json`; everything else is written beside it.
        log: log file of the stage.
        settings: those of a file of config/bases.
        threads: CPU threads, of all processes together.
    """

    inputs: dict[str, str]
    output: str
    log: str
    settings: dict
    threads: int

    command = "base-process"

    def run(self, process: int | None = None) -> None:
        from mdllm.bases.train import train_base  # takes seconds, and the launching process has no use for it
        from mdllm.collections.reader import Collection

        with stage(
            "base",
            output=Path(self.output),
            log=Path(self.log),
            settings=self.settings,
            inputs={name: Path(path) for name, path in self.inputs.items()},
            process=process,
        ) as running:
            record = train_base(
                BaseSettings.model_validate(self.settings),
                Collection(Path(self.inputs["proteins"]).parent),
                work_folder=running.work_folder(),
                output=Path(self.output).parent,
                threads=self.threads,
            )
            running.note(device=record["device"], processes=record["processes"], threads=record["threads"])
