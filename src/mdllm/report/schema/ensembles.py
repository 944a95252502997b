"""Sections of `summary.json` about generated ensembles beside MD and nulls: quality, discovery, dynamics."""

from pydantic import Field

from mdllm.report.schema.section import Interval, Section


class QualityMetric(Section):
    unit: str
    meaning: str
    training: float | None = Field(description="mean over MD training frames")
    roundtrip: float | None = Field(description="mean over encode->decode of the training frames")
    frequencies: float | None = Field(description="mean over decoded codes drawn from training frequencies")
    residue_types: float | None = Field(description="mean over training frames redrawn from residue types")
    synonyms: float | None = Field(description="mean over training frames whose codes were exchanged for synonyms")
    model: float | None = Field(description="mean over generated frames")
    model_max: float | None = Field(description="largest value of a generated frame")
    tolerance: float | None = Field(description="how much larger than the floor the model may be; null: not judged")
    floor: str = Field(description="what the model is judged by: roundtrip, or frequencies where a base redraws spans")
    no_worse: bool | None = Field(description="model <= floor + tolerance; null: not judged")
    limit: float | None = Field(description="largest value allowed to any generated frame; null: none")
    within_limit: bool | None = Field(description="model_max <= limit; null: no limit")


class SourceDiscovery(Section):
    """What one source of frames has to do with one state."""

    frames: int
    clusters: int = Field(description="what the bootstrap resamples: replicas, or blocks of the series (roundtrip)")
    share: Interval = Field(description="share of frames in the region of the state")
    share_found: Interval = Field(
        description="of frames in the region that are as close to true frames, where any are known, as these are to "
        "each other"
    )
    precision: float | None = Field(
        description="share that is found of the frames outside of all training states; null: there are none"
    )
    replicas_reached: int | None = Field(description="replicas with a frame that is found; null: no replicas")
    first_frame_min: float | None = Field(description="first generated frame that is found, over all replicas")
    first_frame_median: float | None = Field(description="median over the replicas that reach it")
    rmsd_to_true_nm: Interval = Field(description="median RMSD to the nearest known MD frame of the state, nm")
    rmsd_to_true_nm_min: float | None = Field(description="smallest of these, nm")
    rmsd_to_reference_nm: Interval = Field(description="median RMSD to the nearest reference of the state, nm")
    rmsd_to_reference_nm_min: float | None = Field(description="smallest of these, nm")


class StateDiscovery(Section):
    training_state: bool = Field(description="whether the model was trained on this state")
    beats_nulls: bool | None = Field(description="the model's share_found lies above every null's, intervals apart")
    closer_than_nulls: bool | None = Field(description="its median distance lies below every null's, intervals apart")
    verdict: str = Field(description="the same in words")
    model: SourceDiscovery
    roundtrip: SourceDiscovery = Field(
        description="null i, the reconstruction floor: encode->decode of the training frames"
    )
    frequencies: SourceDiscovery = Field(description="null ii: codes drawn residue by residue")
    residue_types: SourceDiscovery = Field(
        description="null iii: training frames with spans redrawn from the statistics of residue types"
    )
    synonyms: SourceDiscovery = Field(description="null iv: training frames whose codes were exchanged for synonyms")


class MeasuredNumber(Section):
    value: float
    standard_error: float | None = Field(
        description="by leaving out replicas or blocks one by one; null: there are none"
    )


class Agreement(Section):
    """One number for how alike an ensemble moves to MD."""

    quantity: str = Field(description="rmsf, torsions, secondary_structure, contacts, correlation (of motion)")
    measure: str = Field(description="pearson, spearman, jensen_shannon (bits, 0 is the same), ratio")
    reference: str = Field(description="md, all frames; or md_training, those that the model was trained on")
    headline: bool = Field(description="whether it is the one number of its quantity")
    meaning: str
    by_source: dict[str, MeasuredNumber] = Field(
        description="md_halves: the reference's first half beside its second; md_training, model, roundtrip, "
        "frequencies, residue_types, synonyms; gnm, anm: elastic networks of the first training frame"
    )
    nearer_than: list[str] = Field(
        description="sources that the model surpasses by more than two combined standard errors"
    )
    farther_than: list[str] = Field(description="sources that surpass the model likewise")


class DynamicsSummary(Section):
    """Whether generated frames move as MD does, beside nulls and elastic networks."""

    frames: dict[str, int] = Field(description="frames measured, by source")
    clusters: dict[str, int] = Field(description="replicas or blocks that give errors, by source")
    contact_nm: float = Field(description="CB that are nearer are in contact, nm")
    network_modes: int = Field(description="slowest modes of the elastic networks")
    agreement: list[Agreement] = Field(description="see `dynamics/agreement.csv`")
    verdict: str = Field(description="the headlines in words")
