"""Files of a run whose MD and whose model are known Markov chains, and their analysis."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.chains import HIERARCHY, double_well, sample
from mdllm.analysis.kinetics import tables
from mdllm.analysis.kinetics.analyze import KineticsInputs, analyze_kinetics, analyze_md
from mdllm.analysis.kinetics.markov_models import MarkovModel
from mdllm.config.settings.kinetics import KineticsSettings
from mdllm.core.records import write_json, write_npz
from mdllm.report.summarize import SummaryInputs, summarize

SETTINGS = KineticsSettings(
    lags=[1, 2, 5, 10, 20], lag=5, commit=[1, 2, 5, 10], chapman_kolmogorov_steps=4, posterior_samples=20
)
TRAINING = {
    "validation_loss": 0.2, "baseline_frequencies": 1.3, "baseline_persistence": 0.25, "parameters": 12,
    "device": "cpu", "training_seconds": 2.5, "persistence_weight": 0.9, "steps": 10, "best_step": 5,
}  # fmt: skip
CONDITIONS = {
    "preset": "cpu", "tokenizer": "bins", "model": "nanogpt", "form": "codes", "context_frames": 5, "temperature": 1.0,
    "top_k": 100, "top_p": 1.0, "epsilon_cutoff": 0.0, "seed": 0, "training_states": None,
}  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """A chain of MD, and the codebook of its codes."""

    matrix: np.ndarray
    codebook: pd.DataFrame
    interval_ps: float


def four_states() -> Chain:
    wells = {"x": [2.0, 0.5, -0.5, -2.0], "y": [-1.0, 2.0, -2.0, 1.0]}
    return Chain(HIERARCHY, pd.DataFrame({"code": range(4), "count": 1, "state": list("ABCD"), **wells}), 5.0)


def psi_bins() -> Chain:
    """20 bins of an angle with two metastable states, and codes between them that are in neither."""
    state = np.full(20, "none", dtype=object)
    state[2:7], state[13:18] = "beta", "alpha"
    centres = np.linspace(-np.pi, np.pi, 21)[:-1] + np.pi / 20
    table = pd.DataFrame({"code": range(20), "count": 1, "state": state, "psi_rad": centres})
    return Chain(double_well(20, barrier=3.0), table, 0.1)


def many_centers(size: int = 60) -> Chain:
    """A ring-less walk over centers that two collective variables describe, as from k-centers."""
    state = np.full(size, "none", dtype=object)
    state[: size // 4], state[-size // 4 :] = "compact", "extended"
    rng = np.random.default_rng(0)
    centers = {"phi_rad": rng.uniform(-3, 3, size), "radius_nm": np.linspace(0.5, 1.5, size)}
    table = pd.DataFrame({"code": range(size), "count": 1, "state": state, **centers})
    return Chain(double_well(size, barrier=2.0), table, 0.2)


def lazier(matrix: np.ndarray, share: float) -> np.ndarray:
    """The same equilibrium, slower: a share of the steps is not made."""
    return share * np.eye(len(matrix)) + (1 - share) * matrix


def write_inputs(
    folder: Path, chain: Chain, generated: np.ndarray, training: dict | None = None, seed: int = 0
) -> KineticsInputs:
    """Files of a run; `generated` are the codes of the model, (R, T), or of several trainings, (trainings, R, T)."""
    generated = generated if generated.ndim == 3 else generated[None]
    folder.mkdir(parents=True, exist_ok=True)
    md = sample(chain.matrix, 80, 500, seed)
    write_npz(
        folder / "tokens.npz",
        codes=md.reshape(-1, 1).astype(np.int32),
        frame=np.arange(md.size),
        segment=np.repeat(np.arange(len(md)), md.shape[1]),
        interval_ps=np.float64(chain.interval_ps),
        codebook_size=np.int64(len(chain.codebook)),
    )
    chain.codebook.to_csv(folder / "codebook.csv", index=False)
    for number, codes in enumerate(generated):
        values = np.zeros(codes.shape)
        write_npz(
            folder / f"rollout_{number}.npz",
            codes=codes[..., None].astype(np.int32),
            log_likelihood=values,
            entropy=values,
        )
    write_json(folder / "training.json", {**TRAINING, **(training or {})})
    return KineticsInputs(
        folder / "tokens.npz",
        folder / "codebook.csv",
        folder / "md_kinetics",
        [folder / f"rollout_{number}.npz" for number in range(len(generated))],
        [folder / "training.json"] * len(generated),
    )


def write_exact(folder: Path, chain: Chain, lags: list[int]) -> Path:
    """The tables of `analysis.kinetics.exact` for a chain that is known; its own kinetics are those of each lag."""
    masks = tables.state_masks(chain.codebook)
    model = MarkovModel.of_matrix(chain.matrix, chain.interval_ps)
    kinds = [("exact", np.nan), *(("msm", lag * chain.interval_ps) for lag in lags)]
    timescales = [tables.timescale_rows("exact", *kind, model.timescales_ps(3)) for kind in kinds]
    mfpt = [
        tables.mfpt_row("exact", *kind, start, end, model.mfpt_ps(masks[start], masks[end]))
        for kind in kinds
        for start, end in permutations(masks, 2)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    tables.exact_populations("exact", chain.codebook, model.populations).to_csv(folder / "populations.csv", index=False)
    pd.concat(timescales).to_csv(folder / "timescales.csv", index=False)
    pd.DataFrame(mfpt).to_csv(folder / "mfpt.csv", index=False)
    return folder


def analyze(inputs: KineticsInputs, output: Path, settings=SETTINGS, **about) -> Path:
    """Results of a run; its MD is analyzed unless `inputs.md` is there, as variants of a system share it."""
    names = {"system": "chain", "variant": "nanogpt", "about": "a known chain, 300 K", **about}
    common = {"settings": settings, "confidence": 0.95, "seed": 0}
    if not inputs.md.exists():
        analyze_md(inputs.codes, inputs.codebook, output=inputs.md, **common)
    analyze_kinetics(inputs, output=output / "kinetics", **common, **names)
    files = SummaryInputs(inputs.codes, inputs.trainings, inputs.rollouts[0], kinetics=output / "kinetics")
    write_json(output / "summary.json", summarize(files, **names, confidence=0.95, conditions=CONDITIONS))
    return output
