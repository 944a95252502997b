"""The stage `dance`: in this process, or in one process per GPU under ``accelerate launch``.

``python -m mdllm dance-process JSON`` is one of these processes; `JSON` holds the fields of `DanceTraining`.
"""

from dataclasses import dataclass
from pathlib import Path

from mdllm.models.training.processes import Launched
from mdllm.run.stage import stage
from mdllm.seqdance.settings import CollectionProperties, DanceSettings


@dataclass(frozen=True)
class DanceTraining(Launched):
    """What the stage needs, in a form that can be handed to other processes.

    Attributes:
        inputs: files by name: tables of a collection, or HDF5 files and the table of their proteins.
        output: `dance.json`; everything else is written beside it.
        log: log file of the stage.
        settings: those of a file of config/dances.
        threads: CPU threads, of all processes together.
    """

    inputs: dict[str, str]
    output: str
    log: str
    settings: dict
    threads: int

    command = "dance-process"

    def run(self, process: int | None = None) -> None:
        import torch  # takes seconds, and the launching process has no use for it
        from accelerate import PartialState

        from mdllm.collections.reader import Collection
        from mdllm.seqdance.collection import write_collection
        from mdllm.seqdance.train import train_dance

        folder = Path(self.output).parent
        settings = DanceSettings.model_validate(self.settings)
        with stage(
            "dance",
            output=folder / "provenance.json",
            log=Path(self.log),
            settings=self.settings,
            inputs={name: Path(path) for name, path in self.inputs.items()},
            process=process,
        ) as running:
            work = running.work_folder()
            if isinstance(settings.data, CollectionProperties):
                collection = Collection(Path(self.inputs["proteins"]).parent)
                with PartialState(cpu=not torch.cuda.is_available()).main_process_first():
                    write_collection(collection, settings.data, work / "properties")
            record = train_dance(settings, work / "properties", work, folder, self.threads)
            running.note(device=record["device"], processes=record["processes"], threads=self.threads)
