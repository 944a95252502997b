"""Stages that train: in this process, or in one process per GPU under ``accelerate launch``.

``python -m mdllm train-process JSON`` is one of these processes of the stage `train`; `JSON` holds its fields.
"""

import json
import os
import sys
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from mdllm.config.settings.stages import sections
from mdllm.run.stage import stage

# Once one process has failed or SIGTERM has come, the others have so long to write a checkpoint and leave.
GRACE_S = 110


class Launched(ABC):
    """A stage that trains; derive a frozen dataclass with `log`, `threads`, and what else the stage needs as JSON.

    Attributes:
        command: of `mdllm`, by which each of several processes is started.
    """

    command: ClassVar[str]
    log: str
    threads: int

    @abstractmethod
    def run(self, process: int | None = None) -> None:
        """The stage, in this process.

        Args:
            process: the number of this process; None: no other trains with it.
        """

    def run_on(self, gpus: int) -> None:
        """The stage with one process per GPU; on the CPU where there is no GPU, which takes longer and is the same.

        With more than one this process becomes `accelerate launch`: it passes SIGTERM on, and ends with an error as
        soon as one of its processes has.
        """
        if gpus < 2:
            self.run()
            return
        Path(self.log).parent.mkdir(parents=True, exist_ok=True)
        Path(self.log).write_text("")  # all processes add to it
        share = replace(self, threads=max(1, self.threads // gpus))
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", f"--num_processes={gpus}"]
        # Nothing of the user's own `accelerate config`; any free port, since another job may train on the same node.
        launch += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"]
        os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] = str(GRACE_S)
        sys.stderr.flush()
        os.execv(sys.executable, [*launch, "-m", "mdllm", self.command, json.dumps(asdict(share))])


@dataclass(frozen=True)
class Training(Launched):
    """What the stage `train` needs, in a form that can be handed to other processes.

    Attributes:
        codes: npz with the codes of the training frames.
        model: folder of the trained model; `training_log.csv` is written beside it.
        log: log file of the stage.
        settings: the config slice that the stage reads.
        threads: CPU threads, of all processes together.
        before: folder of a trained model that is trained further; None: a new one.
    """

    codes: str
    model: str
    log: str
    settings: dict
    threads: int
    before: str | None = None

    command = "train-process"

    def run(self, process: int | None = None) -> None:
        from mdllm.models.base import weights_file  # these take seconds, and the launching process has no use for them
        from mdllm.models.training.train import train

        record = Path(self.model) / "provenance.json"
        before = None if self.before is None else Path(self.before)
        inputs = {"codes": Path(self.codes), **({"before": weights_file(before)} if before else {})}
        chosen = sections(self.settings)
        with stage(
            "train",
            output=record,
            log=Path(self.log),
            settings=self.settings,
            inputs=inputs,
            process=process,
            loads=chosen.model.trainer.split(":")[:1] if chosen.model.trainer else [],
        ) as running:
            report = train(
                codes_file=Path(self.codes),
                language=chosen.language,
                model=chosen.model,
                training=chosen.training,
                seed=chosen.seed,
                output_folder=record.parents[1],
                work_folder=running.work_folder(),
                threads=self.threads,
                before=before,
            )
            running.note(device=report["device"], processes=report["processes"], threads=self.threads)
