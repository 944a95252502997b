"""What a config file may choose by name: our own kinds, and those that installed packages add by entry points.

A choice is a settings class. It has a tag (`name` or `type`) whose Literal is its name in the config file, and it says
with `implementation` what does the work, which is imported only when it is used. To add one, derive it from the base
of its kind below, and name the class in the registry of the kind, or, from another package, in an entry point of its
group:

    [project.entry-points."mdllm.tokenizers"]
    my_tokenizer = "my_package.settings:MyTokenizerSettings"
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from mdllm.config.registry import Choice, Registry


class TokenizerSettings(Choice):
    """A tokenizer of backbones, one code per residue; its implementation is a `mdllm.tokenizers.base.Tokenizer`."""

    codes_per: ClassVar[Literal["residue", "frame"]] = "residue"
    environment: ClassVar[str] = "analysis"  # file of envs/ in which it runs
    fit_frames: PositiveInt = Field(5000, description="training frames fitted at most, evenly spread")


class DiscretizerSettings(Choice):
    """One code per frame; its implementation is a `mdllm.tokenizers.discretizers.base.Discretizer`."""

    codes_per: ClassVar[Literal["residue", "frame"]] = "frame"
    environment: ClassVar[str] = "analysis"
    reads_atoms: ClassVar[bool] = False
    stride: PositiveInt = Field(1, description="codes of every n-th frame")

    def reads_variables(self) -> list[str]:
        """Collective variables that a frame is coded by."""
        return []

    def edges(self) -> dict[str, list[float]]:
        """Values of variables that the settings speak of."""
        return {}

    def wraps(self) -> list[str]:
        """Those of them whose values must wrap at +-pi."""
        return []

    def unknown_to_codes(self, variables: set[str]) -> set[str]:
        """Those of the variables of states that the representative of a code does not have."""
        return set()


class ModelSettings(Choice):
    """A model of codes; its implementation is a `mdllm.models.base.ModelKind`.

    Attributes:
        trained: by gradients; otherwise estimated from counts, and of `training` only the validation has effect.
        redraws: without training, spans of the frames (`mdllm.ensembles.redraw`); there is no implementation then.
        writes_text: whether `language.form: text` can be chosen.
        traceable: whether a causal trace can look into it.
        trainer: "module:function" of (settings, `mdllm.models.training.objective.Objective`) to the class of its
            Trainer; None: that of transformers. Not a part of the implementation, which a rollout loads too.
    """

    trained: ClassVar[bool] = True
    redraws: ClassVar[bool] = False
    trainer: ClassVar[str | None] = None
    writes_text: ClassVar[bool] = False
    traceable: ClassVar[bool] = False

    @property
    def details(self) -> str | None:
        """Its size, or what it was made of, in words for the line under figures; None: the name says it."""
        return None

    @property
    def asked_device(self) -> str:
        """auto: CUDA where there is one; cpu; cuda."""
        return "auto"

    @property
    def recomputes_activations(self) -> bool:
        """Whether training computes activations twice rather than keep them."""
        return False

    @property
    def frames_per_step(self) -> int:
        """MD frames by which a generated frame advances."""
        return 1

    @property
    def learns_from(self) -> str | None:
        """The system whose training frames it learns from, of a model that redraws; None: none, or its own."""
        return None

    @property
    def reads_collection(self) -> str | None:
        """The collection that it reads, of a model that redraws; None: none."""
        return None


class SourceSettings(Choice):
    """Where raw frames come from; its implementation is a function (settings, cache) to (topology, trajectories).

    Attributes:
        simulated: how frames are made here, by rules of their own without an implementation: by OpenMM, or as walkers.
        frames_are: atoms, points in a model potential, or states of a series, whose implementation gives its files.
        in_time: whether frames of a file follow each other in time.
    """

    simulated: ClassVar[Literal["molecule", "potential"] | None] = None
    frames_are: ClassVar[Literal["atoms", "potential", "series"]] = "atoms"
    in_time: ClassVar[bool] = True

    def formats(self) -> tuple[str | None, str | None]:
        """Formats of topology and trajectories by their names in MDAnalysis; None: by the endings."""
        return None, None

    def sorted_by_name(self) -> bool:
        """Whether the order of the trajectories is that of their names, and not one that the user gave."""
        return False

    def raw_files(self) -> list[str]:
        """Files that must exist before frames can be read, the topology first; none where they are fetched or made.

        Raises:
            InputError: a file does not exist.
        """
        return []


class CollectionSourceSettings(Choice):
    """Where proteins of a collection come from; its implementation is a function (settings, cache) to a list of
    `mdllm.collections.proteins.Protein`, which fetches and finds all files and reads none of their frames."""

    prefix: str = Field("", pattern=r"^[A-Za-z0-9_.-]*$", description="put before the names of its proteins")

    def raw_files(self) -> list[str]:
        """The user's own files, on which the result depends; none where they are fetched.

        Raises:
            InputError: there are none.
        """
        return []

    def to_fetch(self, cache: Path) -> str | None:
        """In words, what is still to be fetched, where that takes long; asks no server."""
        return None


class VariableSettings(Choice):
    """A collective variable; its implementation is a function (settings, `mdllm.observables.binding.Binding`) to
    (label or None, function of coordinates (F, A, 3) in nm to values (F,)).

    Attributes:
        unit: nm, rad, or empty; the end of its column's name. periodic: whether values wrap at +-pi.
        of: what frames it is measured on, as `SourceSettings.frames_are`.
    """

    unit: ClassVar[str]
    periodic: ClassVar[bool] = False
    of: ClassVar[Literal["atoms", "potential", "series"]] = "atoms"

    def reference_name(self) -> str | None:
        """The reference that it measures a distance to; None where it needs none."""
        return None

    def beyond_backbone(self) -> bool:
        """Whether it needs atoms that generated frames, of N, CA, C, O, do not have."""
        return False


TOKENIZERS = Registry(
    "mdllm.tokenizers",
    TokenizerSettings,
    "name",
    {
        "multiscale": "mdllm.tokenizers.multiscale.settings:MultiscaleSettings",
        "chain": "mdllm.tokenizers.chain.settings:ChainSettings",
        "torsion_grid": "mdllm.tokenizers.torsion_grid:TorsionGridSettings",
        "foldtoken4": "mdllm.tokenizers.foldtoken4.settings:FoldToken4Settings",
    },
)
DISCRETIZERS = Registry(
    "mdllm.discretizers",
    DiscretizerSettings,
    "name",
    {
        "states": "mdllm.tokenizers.discretizers.settings:StatesSettings",
        "bins": "mdllm.tokenizers.discretizers.settings:BinsSettings",
        "nearest_center": "mdllm.tokenizers.discretizers.settings:NearestCenterSettings",
        "k_centers": "mdllm.tokenizers.discretizers.settings:KCentersSettings",
        "numbers": "mdllm.tokenizers.discretizers.settings:NumbersSettings",
    },
)
MODELS = Registry(
    "mdllm.models",
    ModelSettings,
    "name",
    {
        "mistral": "mdllm.models.settings:MistralSettings",
        "pretrained": "mdllm.models.settings:PretrainedSettings",
        "base": "mdllm.bases.settings:BaseModelSettings",
        "nanogpt": "mdllm.models.settings:NanoGptSettings",
        "lstm": "mdllm.models.settings:LstmSettings",
        "markov": "mdllm.models.settings:MarkovSettings",
    },
)
SOURCES = Registry(
    "mdllm.sources",
    SourceSettings,
    "type",
    {
        "files": "mdllm.sources.files:FilesSource",
        "package": "mdllm.sources.package:PackageSource",
        "url": "mdllm.sources.url:UrlSource",
        "mdcath": "mdllm.sources.mdcath:MdcathSource",
        "atlas": "mdllm.sources.atlas:AtlasSource",
        "series": "mdllm.sources.series:SeriesSource",
        "simulation": "mdllm.config.settings.simulation:SimulationSource",
        "potential": "mdllm.simulation.potentials.settings:PotentialSource",
        "structure": "mdllm.config.settings.simulation:StructureSource",
        "shared": "mdllm.config.settings.simulation:SharedSource",
    },
)
COLLECTION_SOURCES = Registry(
    "mdllm.collection_sources",
    CollectionSourceSettings,
    "type",
    {
        "files": "mdllm.collections.settings:FilesOfProteins",
        "package": "mdllm.collections.settings:PackageOfProteins",
        "url": "mdllm.collections.settings:UrlOfProteins",
        "mdcath": "mdllm.collections.settings:MdcathDomains",
        "atlas": "mdllm.collections.settings:AtlasChains",
        "promod3": "mdllm.collections.settings:Promod3Chains",
    },
)
VARIABLES = Registry(
    "mdllm.collective_variables",
    VariableSettings,
    "type",
    {
        "distance": "mdllm.observables.settings:DistanceCV",
        "angle": "mdllm.observables.settings:AngleCV",
        "dihedral": "mdllm.observables.settings:DihedralCV",
        "phi": "mdllm.observables.settings:TorsionCV",
        "psi": "mdllm.observables.settings:TorsionCV",
        "rmsd": "mdllm.observables.settings:RmsdCV",
        "radius_of_gyration": "mdllm.observables.settings:GyrationCV",
        "coordinate": "mdllm.observables.settings:CoordinateCV",
        "number": "mdllm.observables.settings:NumberCV",
    },
)


def implementations(settings: Mapping[str, Any]) -> list[str]:
    """Modules that do the work of what settings choose by name, wherever in them a choice stands."""
    found = set()
    for key, value in settings.items():
        for registry in _CHOSEN_BY.get(key, ()) if isinstance(value, Mapping) else ():
            if settings_class := registry.classes.get(value.get(registry.tag)):
                found |= {getattr(settings_class, "implementation", "").partition(":")[0]} - {""}
        if key == "collective_variables":
            chosen = (VARIABLES.classes[cv["type"]] for cv in value.values())
            found |= {settings_class.implementation.partition(":")[0] for settings_class in chosen}
        elif isinstance(value, Mapping):
            found |= set(implementations(value))
        elif key == "sources":
            found |= {COLLECTION_SOURCES.classes[source["type"]].implementation.partition(":")[0] for source in value}
    return sorted(found)


_CHOSEN_BY = {
    "tokenizer": (TOKENIZERS, DISCRETIZERS),
    "discretizer": (DISCRETIZERS,),
    "model": (MODELS,),
    "source": (SOURCES,),
}
