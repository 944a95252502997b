"""The identity of code: what changes it and what does not, in a copy of the library."""

import os
import subprocess
import sys

import pytest

from mdllm.config.choices import implementations
from project import ROOT, copy_of_checkout

ROLLOUT = "mdllm.models.rollout.run"
IMPORTED = ("mdllm.models.rollout.sampling", "mdllm.core.records")


@pytest.fixture
def checkout(tmp_path):
    return copy_of_checkout(tmp_path / "checkout")


def digest(checkout, *modules: str) -> str:
    code = f"from mdllm.run.code import code_digest; print(code_digest(*{modules}))"
    return run(checkout, code)


def run(checkout, code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def edit(checkout, module: str, old: str, new: str) -> None:
    file = checkout / "src" / (module.replace(".", "/") + ".py")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_it_does_not_depend_on_the_place(checkout):
    assert digest(checkout, ROLLOUT) == digest(ROOT, ROLLOUT)


def test_words_and_layout_do_not_count(checkout):
    before = digest(checkout, ROLLOUT)
    edit(checkout, "mdllm.models.rollout.sampling", '"""', '"""Other words. ')
    edit(checkout, "mdllm.models.rollout.sampling", "\n\n\ndef ", "\n\n\n\n\n# a comment\ndef ")
    assert digest(checkout, ROLLOUT) == before


@pytest.mark.parametrize(
    "module",
    [
        "mdllm.models.rollout.sampling",  # imported
        "mdllm.core.records",  # imported by what is imported
        "mdllm.models.lstm",  # chosen by name, if it is named
        "mdllm.models.diagnostics.__init__",  # the package of nothing that is imported
    ],
)
def test_code_counts_if_it_may_be_imported(checkout, module):
    plain, named = digest(checkout, ROLLOUT), digest(checkout, ROLLOUT, "mdllm.models.lstm")
    edit(checkout, module, '"""', 'ADDED = 1\n"""')
    assert (digest(checkout, ROLLOUT) != plain) == (module in IMPORTED)
    assert (digest(checkout, ROLLOUT, "mdllm.models.lstm") != named) == (module in (*IMPORTED, "mdllm.models.lstm"))


def test_what_settings_choose_by_name_is_found_wherever_it_stands():
    settings = {
        "seed": 0,
        "tokenizer": {"name": "torsion_grid"},
        "model": {"name": "markov"},
        "kinetics": {"discretizer": {"name": "k_centers"}, "lag": 5},
        "observables": {"collective_variables": {"psi": {"type": "psi", "residue": 2}}},
    }
    assert implementations(settings) == [
        "mdllm.models.markov",
        "mdllm.observables.measures",
        "mdllm.tokenizers.discretizers.centers",
        "mdllm.tokenizers.torsion_grid",
    ]
    assert implementations({"kinetics": {"discretizer": None}}) == []


def test_a_style_counts_where_figures_are_drawn_and_nowhere_else(checkout):
    before = [digest(checkout, module) for module in ("mdllm.figures.plane", ROLLOUT)]
    style = checkout / "src" / "mdllm" / "figures" / "mdllm.mplstyle"
    style.write_text(style.read_text() + "lines.linewidth: 3\n")
    after = [digest(checkout, module) for module in ("mdllm.figures.plane", ROLLOUT)]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_script_counts_with_what_it_imports(checkout):
    script = checkout / "workflow" / "scripts" / "draw.py"
    code = f"from mdllm.run.code import script_digest; print(script_digest({str(script)!r}, 'mdllm.figures.plane'))"
    found = [run(checkout, code)]
    script.write_text(script.read_text().replace('"""Draw:', '"""Paint:'))
    assert run(checkout, code) == found[0]
    script.write_text(script.read_text().replace('{"figures"', '{"a": 1, "figures"'))
    found.append(run(checkout, code))
    edit(checkout, "mdllm.figures.style", "_MM = 1 / 25.4", "_MM = 1 / 25")
    found.append(run(checkout, code))
    assert len(set(found)) == 3


def test_a_module_that_does_not_exist_has_no_digest(checkout):
    with pytest.raises(subprocess.CalledProcessError) as error:
        digest(checkout, "mdllm.gone")
    assert "there is no module mdllm.gone" in error.value.stderr
