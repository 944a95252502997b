"""The words of a proposed system file: YAML with a comment at every choice."""

import math

import numpy as np
import yaml

from mdllm.config.settings.system import OUTSIDE
from mdllm.survey.proposal import CONTEXT_FRAMES, Proposal

# of the preset cpu: steps, windows of a batch, steps between validations, generated frames
_PRESET_STEPS, _BATCH, _EVERY, _PRESET_FRAMES = 300, 8, 20, 200
_PASSES = 4  # validation was best after two, of NTL9 (271 windows) and of AdK (93)
_BASE = (
    "variants: {base: {tokenizer: {name: chain, codebook_size: 512}, model: {name: base}, "
    "rollout: {replicas: 100, frames: 8}}}"
)


def system_file(proposal: Proposal) -> str:
    """The text of `config/systems/NAME.yaml`."""
    parts = [
        _head(proposal),
        _source(proposal),
        _time(proposal),
        _residues(proposal),
        _measured(proposal),
        _training(proposal),
        _stages(proposal),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def seen(proposal: Proposal) -> list[str]:
    """What the files hold, a line each."""
    survey = proposal.survey
    found = proposal.chains.described(survey.atoms.residues)
    every = "every one" if survey.stride == 1 else f"one in {survey.stride}"
    interval = "at an unknown time from each other"
    if not math.isnan(survey.interval_ps):
        length = survey.interval_ps * survey.frames / 1000
        interval = f"{survey.interval_ps:.4g} ps apart, {length:.4g} ns in all"
    lines = [f"{len(survey.atoms.residues)} residues in {_count(len(found), 'chain')}: {'; '.join(found)}"]
    lines.append(f"{survey.frames} frames in {_count(len(survey.files), 'file')}, {interval}; {every} was looked at")
    pieces = int(survey.table["segment"].iloc[-1]) + 1
    if pieces > len(survey.files):
        lines.append(f"{pieces - len(survey.files)} gaps in time; no window of the model straddles one")
    lines.append("no periodic box" if survey.box_nm is None else f"box of {_lengths(survey.box_nm)} nm")
    if survey.left_out:
        shown = [f"{count} {name}" for name, count in list(survey.left_out.items())[:8]]
        lines.append(f"not modelled: {', '.join(shown)}{' ...' if len(survey.left_out) > 8 else ''}")
    lines += [f"a break in the chain: {text}" for text in survey.atoms.breaks()]
    lines += survey.tally.described()
    return lines


def found(proposal: Proposal) -> list[str]:
    """What is proposed, a line each."""
    states, lines = proposal.states, []
    if states.count == 1:
        merged = (
            f" ({states.merged} clusters that no distance between CA atoms tells apart)" if states.merged > 1 else ""
        )
        lines.append(f"one state{merged}")
    else:
        counts = ", ".join(f"{name} {proposal.counts[name]}" for name in proposal.names)
        outside = f"; {proposal.counts[OUTSIDE]} in none" if proposal.counts[OUTSIDE] else ""
        lines.append(
            f"{states.count} states, clusters in the plane of {states.kind} of the backbone's torsions: {counts} "
            f"frames{outside}"
        )
        lines.append(f"one state follows another {_times(proposal.changes)}" + _one_way(proposal))
        if proposal.regions is None:
            lines.append("no few torsions or distances tell them apart: they are left to the run, as S1, S2 ...")
        else:
            keys = ", ".join(variable.key for variable in proposal.regions.variables)
            lines.append(f"told apart by {keys}: {100 * proposal.regions.accuracy:.1f} % of the frames")
    if proposal.reference is not None:
        known = proposal.reference
        lines.append(
            f"{known.key}: {_count(len(known.models), 'model')}, {known.matched} residues matched, "
            f"{proposal.nearest_nm:.3f} nm from the nearest frame"
        )
        beyond = "a distance between CA atoms is beyond all that MD shows"
        lines.append(
            beyond
            if proposal.of_reference
            else "no distance between CA atoms is far beyond what MD shows: it gets no region of its own"
        )
    return lines


def _one_way(proposal: Proposal) -> str:
    if proposal.changes >= proposal.states.count:
        return ""
    return ": a path, not an equilibrium; shares of states mean nothing"


def _head(proposal: Proposal) -> list[str]:
    name = proposal.name
    lines = [
        "Proposed by `mdllm init` from the files below. Change what you know better; every key: docs/guide.md.",
        f"What was seen is drawn in results/{name}/survey/survey.png.",
        *seen(proposal),
    ]
    about = f"{name}, {_count(len(proposal.survey.atoms.residues), 'residue')}"
    return [*_comment(lines), f"description: {about}"]


def _source(proposal: Proposal) -> list[str]:
    survey = proposal.survey
    lines = ["source:", "  type: files", f"  topology: {_flow(str(survey.topology))}"]
    ordered = "  # in order of time" if len(survey.trajectories) > 1 else ""
    return [*lines, f"  trajectories:{ordered}", *(f"    - {_flow(str(path))}" for path in survey.trajectories)]


def _time(proposal: Proposal) -> list[str]:
    if math.isnan(proposal.survey.interval_ps):
        lines = _comment(["frame_interval_ps: time between raw frames. The files do not say it: axes count frames."])
        lines.append("frame_interval_ps: unknown")
    else:
        lines = _comment([f"frame_interval_ps: as the files say, {proposal.survey.interval_ps:.4g} ps"])
    if proposal.survey.tally.frames_damaged:
        lines += [*_comment(["skip_damaged: frames that no simulation writes were found, and are left out"])]
        lines.append("skip_damaged: true")
    return lines


def _residues(proposal: Proposal) -> list[str]:
    lines = _comment(["selection: MDAnalysis selection of the residues that are modelled, N, CA, C, O of each"])
    lines.append(f"selection: {_flow(proposal.survey.selection)}")
    sequences = proposal.sequences
    lines += ["", *_comment(["sequence: checked against the frames"])]
    if len(sequences) == 1:
        return [*lines, f"sequence: {sequences[0]}"]
    return [*lines, "sequence:", *(f"  - {sequence}" for sequence in sequences)]


def _measured(proposal: Proposal) -> list[str]:
    lines, known = [], proposal.reference
    if known is not None:
        lines += _comment(["references: structures that are known beside the trajectory"])
        state = {"state": proposal.state_of_reference} if proposal.state_of_reference else {}
        lines += ["references:", f"  {known.key}: {_flow({**known.definition, **state})}", ""]
    if proposal.regions is None and known is None:
        return _comment(
            [
                *found(proposal),
                "Collective variables, states and a plane are left to the run: the slowest motions of the backbone,",
                "and clusters in their plane. What is new in generated frames is found without them (docs/novelty.md).",
            ]
        )
    lines += _comment(["collective_variables: nm and radian", *found(proposal)])
    lines.append("collective_variables:")
    for variable in proposal.regions.variables if proposal.regions else ():
        lines.append(f"  {variable.key}: {_flow(variable.definition)}")
    if known is not None:
        lines.append(f"  rmsd_{known.key}: {{type: rmsd, reference: {known.key}}}")
    if proposal.regions is not None:
        names = [*proposal.names, *([known.key] if proposal.of_reference else [])]
        lines += ["", *_comment(_about_states(proposal))]
        lines.append("states:")
        for name, region in proposal.regions.settings(names).items():
            boxes = region if isinstance(region, list) else [region]
            if len(boxes) == 1:
                lines.append(f"  {name}: {_flow(boxes[0])}")
            else:
                lines += [f"  {name}:", *(f"    - {_flow(box)}" for box in boxes)]
        if len(proposal.regions.variables) > 1:
            plane = ", ".join(variable.key for variable in proposal.regions.variables[:2])
            lines += ["", *_comment(["plane: the two variables of the maps"]), f"plane: [{plane}]"]
    return lines


def _about_states(proposal: Proposal) -> list[str]:
    lines = [
        "states: regions [low, high), quantiles of the frames of each cluster with a margin; low > high: through pi",
    ]
    if proposal.of_reference:
        lines.append(f"{proposal.reference.key}: about the structure, from half way to what MD shows on")
    return lines


def _training(proposal: Proposal) -> list[str]:
    if proposal.training is None:
        if proposal.regions is None:
            return []
        return _comment(
            [
                f"training_set: all frames, since no state has more than {proposal.windows} windows of frames that",
                "follow each other. To train on one state: training_set: {state: A}",
            ]
        )
    others = [name for name in proposal.names if name != proposal.training]
    lines = _comment(
        ["training_set: the state that the model learns; it is asked for the others", *_other_way_round(others)]
    )
    return [*lines, f"training_set: {{state: {proposal.training}}}"]


def _stages(proposal: Proposal) -> list[str]:
    """Fewer steps and generated frames than the preset's, where there is little to learn from."""
    steps = _EVERY * max(2, round(_PASSES * proposal.windows_trained / _BATCH / _EVERY))
    if steps >= _PRESET_STEPS:
        return []
    frames = min(_PRESET_FRAMES, 50 * max(1, round(proposal.survey.frames / 50)))
    few = f"{proposal.windows_trained} windows of {CONTEXT_FRAMES + 1} frames are soon learned by heart"
    lines = _comment([f"stages: less than the preset does: {few}", f"(each is shown about {_PASSES} times)"])
    if len(proposal.sequences) == 1:
        lines += _comment(
            ["A base, which other proteins have taught, needs no training (docs/bases.md). Beside it:", _BASE]
        )
    return [*lines, "stages:", f"  training: {{max_steps: {steps}}}", f"  rollout: {{frames: {frames}}}"]


def _other_way_round(others: list[str]) -> list[str]:
    if not others:
        return []
    name = others[0]
    return [f"The other way round, beside it: variants: {{from_{name.lower()}: {{training_set: {{state: {name}}}}}}}"]


def _comment(lines: list[str]) -> list[str]:
    return [f"# {line}" for line in lines]


def _flow(value) -> str:
    """A value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf, sort_keys=False).removesuffix("...\n").strip()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _lengths(box: np.ndarray) -> str:
    return " x ".join(f"{length:.2f}" for length in box)
