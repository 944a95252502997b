"""The variants of a system side by side: discovery, losses and quality of the structures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdllm.ensembles.names import NULLS
from mdllm.figures import style
from mdllm.figures.tables import SystemTables

_SOURCES = (*NULLS, "model")
_BASELINES = {"baseline_frequencies": ("residue-wise frequencies", "|"), "baseline_persistence": ("persistence", "x")}
_TRAINED = " *"
_ROW_INCHES, _FRAME_INCHES = 0.36, 0.95


def draw(system: SystemTables, stem: Path) -> None:
    """Write the figure and its data, in long format: variant, panel, name, source, value, low, high.

    a: share of frames that are found in the states that were not trained on, with interval; in all states (* trained
    on) where there are no others. b: validation loss beside both baselines, nats per code, where a model is trained.
    c: of each judged metric of quality, by how much the model's mean exceeds that of the reconstruction floor, in units
    of what is tolerated; beyond 1 structures are worse than the floor.
    """
    data = _data(system)
    shares = data[data["panel"] == "share"]
    unseen = shares[~shares["name"].str.endswith(_TRAINED)]
    shares = shares if unseen.empty else unseen
    rows = shares.drop_duplicates(["variant", "name"])
    place = {
        (row.variant, row.name_): number
        for number, row in enumerate(rows.rename(columns={"name": "name_"}).itertuples())
    }
    middle = {variant: np.mean([at for (own, _), at in place.items() if own == variant]) for variant in system.variants}
    height = _FRAME_INCHES + _ROW_INCHES * len(place)
    ratios = [1.5, 1, 1]
    with style.figure(system.conditions, style.DOUBLE_COLUMN, height, 1, 3, width_ratios=ratios) as (fig, axes):
        share, loss, quality = axes[0]
        _shares(share, shares, place)
        _losses(loss, data[data["panel"] == "loss"], middle)
        _quality(quality, data[data["panel"] == "quality"], middle)
        for ax in (share, loss, quality):
            ax.set_ylim(len(place) - 0.4, -0.6)
            ax.grid(axis="x", lw=0.3, color="#CCCCCC")
            ax.set_axisbelow(True)
            ax.tick_params(axis="y", length=0)
            for variant in list(middle)[1:]:
                first = min(at for (own, _), at in place.items() if own == variant)
                ax.axhline(first - 0.5, color="#DDDDDD", lw=0.6)
        style.letters(axes)
        fig.legend(handles=_legend(), loc="outside lower center", ncols=5)
        style.save(fig, stem, data)


def _data(system: SystemTables) -> pd.DataFrame:
    parts = []
    for variant, tables in system.variants.items():
        found = tables.discovery
        names = found["state"] + np.where(found["training_state"], _TRAINED, "")
        bounds = {key: found[f"share_found{end}"] for key, end in (("value", ""), ("low", "_low"), ("high", "_high"))}
        parts.append(pd.DataFrame({"panel": "share", "name": names, "source": found["source"], **bounds}))
        training = tables.summary["training"]
        names = {"model": "validation_loss", **{key: key for key in _BASELINES}} if training else {}
        losses = {source: training[key] for source, key in names.items()}
        parts.append(pd.DataFrame({"panel": "loss", "name": "loss", "source": losses.keys(), "value": losses.values()}))
        parts.append(_excess(tables.quality))
        for part in parts[-3:]:
            part.insert(0, "variant", variant)
    return pd.concat(parts, ignore_index=True)


def _excess(quality: pd.DataFrame) -> pd.DataFrame:
    """Of each judged metric (model - floor) / tolerance."""
    (floor,) = quality["floor"].unique()
    by_source = quality.pivot_table(index="metric", columns="source", values="mean")
    tolerance = quality[quality["source"] == "model"].set_index("metric")["tolerance"].astype(float).dropna()
    excess = (by_source["model"] - by_source[floor])[tolerance.index] / tolerance
    return pd.DataFrame({"panel": "quality", "name": excess.index, "source": "model", "value": excess.to_numpy()})


def _shares(ax: Axes, rows: pd.DataFrame, place: Mapping[tuple[str, str], int]) -> None:
    for offset, source in zip(np.linspace(0.32, -0.32, len(_SOURCES)), _SOURCES, strict=True):
        own, look = rows[rows["source"] == source], style.LOOKS[source]
        at = np.array([place[key] for key in zip(own["variant"], own["name"], strict=True)]) + offset
        ax.hlines(at, 100 * own["low"], 100 * own["high"], color=look.color, lw=1.4)
        percent = 100 * own["value"]
        ax.plot(percent, at, color=look.color, marker=look.marker, ls="", ms=4, mec="white", mew=0.4, clip_on=False)
    ax.set_yticks(list(place.values()), [f"{variant}: {name}" for variant, name in place])
    trained = any(name.endswith(_TRAINED) for _, name in place)
    ax.set(xlabel=f"frames found in the state (%)\n{'* trained on' if trained else 'never trained on'}")
    ax.set_xlim(left=0)


def _losses(ax: Axes, rows: pd.DataFrame, middle: Mapping[str, float]) -> None:
    looks = {"model": (style.LOOKS["model"].color, style.LOOKS["model"].marker)}
    looks |= {key: ("black", marker) for key, (_, marker) in _BASELINES.items()}
    for source, (color, marker) in looks.items():
        own = rows[rows["source"] == source]
        ax.plot(own["value"], own["variant"].map(middle), color=color, marker=marker, ls="", ms=5)
    ax.set(yticks=[], xlabel="validation loss\n(nats per code)")
    ax.margins(x=0.15)


def _quality(ax: Axes, rows: pd.DataFrame, middle: Mapping[str, float]) -> None:
    look = style.LOOKS["model"]
    ax.plot(rows["value"], rows["variant"].map(middle), color=look.color, marker=look.marker, ls="", ms=4, alpha=0.7)
    ax.axvline(1, color="black", lw=0.7, ls="--")
    ax.set(yticks=[], xlabel="quality: (model − floor) / tolerated\none mark per metric")
    ax.margins(x=0.15)


def _legend() -> list[Line2D]:
    looks = [style.LOOKS[name] for name in ("model", *NULLS)]
    handles = [Line2D([], [], color=look.color, marker=look.marker, ls="", label=look.label) for look in looks]
    return handles + [
        Line2D([], [], color="black", marker=marker, ls="", label=f"baseline: {label}")
        for label, marker in _BASELINES.values()
    ]
