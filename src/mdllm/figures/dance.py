"""What a model says of the dynamics of a sequence: a profile along the chain, and maps of pairs."""

import json
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from tqdm import tqdm

from mdllm.figures import style

_DSSP = {"H": "#12436D", "G": "#5B8DB8", "I": "#9DB9D3", "E": "#E8590C", "B": "#F3B98B", "T": "#28A197", "S": "#A8D5BA"}
_BANDS = {"low": ("#12436D", "-"), "medium": ("#28A197", "-."), "high": ("#E8590C", ":")}
_MAPS = {
    "vdw": "van der Waals contact",
    "hbbb": "backbone hydrogen bond",
    "hp": "hydrophobic contact",
    "correlation": "correlation of motion",
    "anm_low": "ANM, slow modes",
    "anm_medium": "ANM, medium modes",
    "anm_high": "ANM, fast modes",
}
_COLUMNS = 3
_HEIGHT = 1.05  # inches of a panel of the profile


def draw_predictions(folder: Path, names: Iterable[str]) -> int:
    """Draw `figures/NAME_profile` and `figures/NAME_maps` of proteins of a prediction; returns how many."""
    names = list(names)
    tables = pd.read_parquet(folder / "residues.parquet") if names else None
    conditions = _conditions(json.loads((folder / "prediction.json").read_text()))
    measured, simulated = None, None
    if (folder / "md.parquet").is_file():  # the only protein is a system
        measured, simulated = pd.read_parquet(folder / "md.parquet"), folder / "md.npz"
        conditions += "; green, thin, and above the diagonal: MD"
    for name in tqdm(names, desc="draw", unit="protein", mininterval=1):
        own, stem = tables[tables["protein"] == name], folder / "figures" / name
        profile(own, measured, f"{name}; {conditions}", stem.with_name(f"{name}_profile"))
        maps(folder / "maps" / f"{name}.npz", simulated, f"{name}; {conditions}", stem.with_name(f"{name}_maps"))
    return len(names)


def _conditions(record: dict) -> str:
    model = record["model"]
    made = f"model {model['released']}" if "released" in model else f"model trained here, seed {model['seed']}"
    return f"predicted from the sequence; {made}; windows of at most {record['window']} residues"


def profile(table: pd.DataFrame, md: pd.DataFrame | None, conditions: str, stem: Path) -> None:
    """Draw along the residues of one protein what a model was trained on of surface, motion, structure and modes.

    Args:
        md: the same of MD, drawn beside: fluctuation, secondary structure, modes of its first frame.
    """
    wide = _wide(table)
    measured = pd.DataFrame(index=wide.index) if md is None else _wide(md)
    panels = (
        (wide, "sasa_mean_nm2", lambda ax: _surface(ax, wide)),
        (wide, "rmsf_relative", lambda ax: _fluctuation(ax, wide, measured)),
        (wide, "dssp_H", lambda ax: _structure(ax, wide, "DSSP (share)")),
        (measured, "dssp_H", lambda ax: _structure(ax, measured, "MD, DSSP")),
        (wide, "phi_0", lambda ax: _torsion(ax, wide, "phi", "φ")),
        (wide, "psi_0", lambda ax: _torsion(ax, wide, "psi", "ψ")),
        (wide, "gnm_low", lambda ax: _modes(ax, wide, measured)),
    )
    shown = [draw for columns, name, draw in panels if name in columns]
    size = style.DOUBLE_COLUMN, len(shown) * _HEIGHT + 0.2
    with style.figure(conditions, *size, len(shown), 1, sharex=True) as (fig, axes):
        for ax, draw in zip(axes[:, 0], shown, strict=True):
            draw(ax)
            for number in np.flatnonzero(np.diff(wide.index.get_level_values("chain"))):
                ax.axvline(number + 1.5, color="black", lw=0.6)
        axes[-1, 0].set(xlabel="residue", xlim=(0.5, len(wide) + 0.5))
        axes[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
        style.letters(axes)
        style.save(fig, stem, table)


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    return table.pivot_table(index=["chain", "residue"], columns="property", values="value")


def _places(wide: pd.DataFrame) -> np.ndarray:
    return np.arange(1, len(wide) + 1)


def _beside(ax: Axes, **more) -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=5, handlelength=1.5, **more)


def _surface(ax: Axes, wide: pd.DataFrame) -> None:
    mean, spread = wide["sasa_mean_nm2"], wide["sasa_std_nm2"]
    ax.fill_between(_places(wide), mean - spread, mean + spread, color="#B7CDE3", lw=0, label="± standard\ndeviation")
    ax.plot(_places(wide), mean, color="#12436D", label="mean")
    ax.set(ylabel="SASA (nm$^2$)", ylim=(0, None))
    _beside(ax)


def _fluctuation(ax: Axes, wide: pd.DataFrame, md: pd.DataFrame) -> None:
    ax.plot(_places(wide), wide["rmsf_relative"], color=style.LOOKS["model"].color, label="model")
    if "rmsf_relative" in md:
        ax.plot(_places(md), md["rmsf_relative"], color=style.LOOKS["md"].color, ls=style.LOOKS["md"].line, label="MD")
    ax.set(ylabel="RMSF\n(of the largest)", ylim=(0, 1))
    _beside(ax)


def _structure(ax: Axes, wide: pd.DataFrame, label: str) -> None:
    shares = [wide.get(f"dssp_{name}", pd.Series(0.0, wide.index)) for name in _DSSP]
    ax.stackplot(_places(wide), shares, colors=list(_DSSP.values()), labels=list(_DSSP), lw=0)
    ax.set(ylabel=label, ylim=(0, 1))
    _beside(ax)


def _modes(ax: Axes, wide: pd.DataFrame, md: pd.DataFrame) -> None:
    for band, (color, line) in _BANDS.items():
        ax.plot(_places(wide), wide[f"gnm_{band}"], color=color, ls=line, label=f"{band} band")
        if f"gnm_{band}" in md:
            ax.plot(_places(md), md[f"gnm_{band}"], color=color, ls=line, lw=0.5)
    ax.set(ylabel="GNM fluctuation\n(of the mean)", ylim=(0, None))
    _beside(ax)


def _torsion(ax: Axes, wide: pd.DataFrame, name: str, symbol: str) -> None:
    """Shares of bins of a torsion, -180 degrees at the bottom."""
    columns = sorted((c for c in wide if c.startswith(f"{name}_")), key=lambda c: int(c.rsplit("_", 1)[1]))
    extent = (0.5, len(wide) + 0.5, -180, 180)
    ax.imshow(wide[columns].to_numpy().T, origin="lower", aspect="auto", extent=extent, cmap="Greys", vmin=0, vmax=1)
    ax.set(ylabel=f"{symbol} (degrees)", yticks=[-180, 0, 180])


def maps(path: Path, md: Path | None, conditions: str, stem: Path) -> None:
    """Draw maps of pairs that a model was trained on; contacts by the square root of their share.

    Args:
        md: maps of MD, which are drawn above the diagonal where they are known.
    """
    with np.load(path, allow_pickle=False) as archive:
        shown = {name: archive[name] for name in _MAPS if name in archive.files}
    if not shown:
        return
    if md is not None:
        with np.load(md, allow_pickle=False) as archive:
            for name in shown.keys() & set(archive.files):
                above = np.tril(np.ones_like(shown[name], bool), -1)  # row by row upwards
                shown[name] = np.where(above, archive[name], shown[name])
    size, rows = len(next(iter(shown.values()))), -(-len(shown) // _COLUMNS)
    with style.figure(conditions, style.DOUBLE_COLUMN, 2.3 * rows, rows, _COLUMNS) as (fig, axes):
        for ax in axes.ravel()[len(shown) :]:
            ax.set_axis_off()
        for ax, (name, values) in zip(axes.ravel(), shown.items(), strict=False):
            contact = name in ("vdw", "hbbb", "hp")
            norm = mpl.colors.PowerNorm(0.5, 0, max(float(np.nanmax(values)), 1e-3)) if contact else None
            limits = {} if contact else {"vmin": -1, "vmax": 1}
            image = ax.imshow(
                values, origin="lower", cmap="Blues" if contact else "RdBu_r", norm=norm,
                extent=(0.5, size + 0.5, 0.5, size + 0.5), **limits,
            )  # fmt: skip
            fig.colorbar(image, ax=ax, shrink=0.8, pad=0.02)
            ax.set_title(_MAPS[name], loc="center", fontsize=7)
            ax.set(xlabel="residue", ylabel="residue" if ax in axes[:, 0] else "")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(MaxNLocator(5, integer=True))
        style.letters(axes)
        first, second = np.triu_indices(size)
        data = pd.DataFrame({"residue": first + 1, "other_residue": second + 1})
        style.save(fig, stem, data.assign(**{name: values[first, second].round(5) for name, values in shown.items()}))
