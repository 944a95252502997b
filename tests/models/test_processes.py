"""Training divided among processes, here two on the CPU: the same steps, and one of them writes."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest

import forked
from mdllm.core.errors import InputError
from mdllm.models.training.train import share_of_update
from models.pretrained_small import TRAINING, run_training
from models.small import environment

pytest.importorskip("bitsandbytes", reason="NF4 and 8-bit AdamW are those of bitsandbytes")
SCRIPT = Path(__file__).with_name("pretrained_small.py")


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one(with_base):
    one = run_training("text", with_base)
    expected = pd.read_csv(with_base / "out/training_log.csv")
    for name in ("out", "work_train"):
        (with_base / name).rename(with_base / f"{name}_one")
    command = [forked.python(), "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    subprocess.run(
        [*command, str(SCRIPT), "text", str(with_base)], check=True, capture_output=True, env=environment(), timeout=120
    )
    log = pd.read_csv(with_base / "out/training_log.csv")
    assert log["step"].tolist() == expected["step"].tolist()
    assert log["training_loss"].tolist() == pytest.approx(expected["training_loss"].tolist(), rel=1e-3)
    assert log["validation_loss"].dropna().iloc[-1] == pytest.approx(one["validation_loss"], abs=5e-3)
    assert (log["epoch"] == expected["epoch"]).all()


@pytest.mark.parametrize(("processes", "share"), [(1, (2, 4)), (2, (2, 2)), (4, (2, 1)), (8, (1, 1))])
def test_any_number_of_processes_shares_the_windows_of_an_update(processes, share):
    paper = TRAINING.model_copy(update={"batch_size": 2, "accumulation": 4})
    assert share_of_update(paper, processes) == share


def test_an_update_that_cannot_be_shared_is_an_error():
    with pytest.raises(InputError, match=r"4 windows cannot be shared evenly among 3 processes"):
        share_of_update(TRAINING, 3)
