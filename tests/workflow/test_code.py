"""Which rules a change of code runs again: those from which nothing is trained, and `mdllm stale` knows the others."""

import re

import pytest

from mdllm.run.stale import RENEWED_BY_A_RUN
from project import ROOT


def rules() -> list:
    """(text of the rule, name of its script, name of its stage) of every rule that leaves a provenance record."""
    found = []
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for block in re.split(r"^ *rule\b", file.read_text(), flags=re.M)[1:]:
            script = re.search(r"scripts/(\w+)\.py", block)
            source = (ROOT / "workflow" / "scripts" / f"{script[1]}.py").read_text() if script else ""
            if stage := re.search(r'stage\(\s*f?"(\w+)', source):
                found.append(pytest.param(block, script[1], stage[1], id=block.split(":")[0]))
    return found


@pytest.mark.parametrize(("block", "script", "stage"), rules())
def test_a_rule_knows_its_code_or_is_listed_when_it_is_stale(block, script, stage):
    assert (f'code=code_of("{script}"' in block) == (stage in RENEWED_BY_A_RUN)


def test_every_stage_is_looked_at():
    assert {param.values[2] for param in rules()} > set(RENEWED_BY_A_RUN)
