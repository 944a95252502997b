"""Status: which stages of every variant are done, run, wait or failed, read from the files that they write."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from mdllm.config.plan import Plan
from mdllm.config.systems import SHARED_FOLDERS, VARIANT_STAGES, System
from mdllm.core.records import read_json
from mdllm.core.text_tables import aligned
from mdllm.figures.registry import groups
from mdllm.run.progress import ENDING, Progress

DONE, RUNNING, STOPPED, FAILED, WAITING = "done", "running", "stopped", "failed", "waiting"
_RECORDED_AS = {"trace": "causal_trace"}
_PARTS = {"rollout_part": "rollout", "verify_part": "verify"}
_ERROR = re.compile(r" ERROR (?:process \d+: )?(\w+): (.*)")
_COLUMNS = ("system", "variant", "done", "", "running", "waiting")
_WIDTH = 20


@dataclass(frozen=True)
class Stage:
    """One stage of a system (variant: "") or of a variant.

    Attributes:
        progress: of one that runs, or was killed.
        error: of one that failed, the message.
    """

    variant: str
    name: str
    state: str
    progress: Progress | None = None
    error: str | None = None


def stages_of(system: System, project: Path) -> list[Stage]:
    """Every stage that the system needs, in order, with its state; one that variants share stands once."""
    results, logs = project / "results" / system.name, project / "logs" / system.name
    done = _recorded(results)
    running = {_key(path, logs, p.stage): p for path in logs.rglob(f"*{ENDING}") if (p := Progress.read(path))}
    errors = dict(_errors(logs))
    found = []
    for key in _needed(system):
        variant, name = key
        progress = running.get(key)
        if progress is not None and progress.alive:
            found.append(Stage(variant, name, RUNNING, progress))
        elif key in done:
            found.append(Stage(variant, name, DONE))
        elif progress is not None:
            found.append(Stage(variant, name, STOPPED, progress))
        elif key in errors:
            found.append(Stage(variant, name, FAILED, error=errors[key]))
        else:
            found.append(Stage(variant, name, WAITING))
    return found


def table(plan: Plan, project: Path) -> str:
    """A line for each variant, and one for each stage that runs, has stopped or failed."""
    rows, remarks = [_COLUMNS], []
    for system in plan.systems.values():
        stages = stages_of(system, project)
        for variant in system.trained:
            own = [stage for stage in stages if stage.variant in ("", variant)]
            share = sum(_share(stage) for stage in own) / len(own)
            done = sum(stage.state == DONE for stage in own)
            active = [stage.name for stage in own if stage.state in (RUNNING, STOPPED, FAILED)]
            waiting = sum(stage.state == WAITING for stage in own)
            bar = "#" * int(share * _WIDTH)
            rows.append(
                (
                    *(system.name, variant, f"{done}/{len(own)} stages"),
                    f"[{bar.ljust(_WIDTH, '.')}] {100 * share:.0f} %",
                    *(", ".join(active) or "-", waiting),
                )
            )
        remarks += [
            f"{system.name}/{stage.variant} {line}".replace("/ ", " ") for stage in stages if (line := _remark(stage))
        ]
    return "\n".join([*aligned(rows, rule=True), *([""] if remarks else []), *remarks])


def finished(plan: Plan, project: Path) -> bool:
    """Whether nothing is left to do."""
    return all(s.state == DONE for system in plan.systems.values() for s in stages_of(system, project))


def _needed(system: System) -> Iterable[tuple[str, str]]:
    """(variant, stage) of all that a system needs; of the system itself the variant is empty."""
    if system.frames_are == "atoms":
        if system.simulation is not None and system.simulation[0] == system.name:
            yield from (("", f"simulate_{number}") for number in range(system.simulation[1].replicas))
        yield from (("", "acquire"), ("", "prepare"))
    else:
        yield "", {"potential": "simulate", "series": "read_series"}[system.frames_are]
    for variant in system.trained:
        of_training = ("train", "rollout") if variant not in system.variants else VARIANT_STAGES
        for stage in of_training:
            if system.runs(variant, stage) and system.provider(variant, stage) == variant:
                yield variant, _RECORDED_AS.get(stage, stage)
    for group, kinds in groups().items():
        drawn = [v for v in system.variants if kinds[0].applies(lambda stage, of=v: system.runs(of, stage))]
        if kinds[0].of == "system":
            drawn = [""] * bool(drawn)
        yield from ((variant, f"draw_{group}") for variant in drawn)


def _recorded(results: Path) -> set[tuple[str, str]]:
    """(variant, stage) of every provenance record below the results of a system."""
    found = set()
    for path in results.rglob("*provenance.json"):
        folders = path.relative_to(results).parts[:-1]
        of_system = folders[0] in SHARED_FOLDERS
        stage = read_json(path)["stage"]
        stage = _PARTS.get(stage, stage)
        if path.parent.name == "discretization" and stage == "tokenize":
            stage = "discretize"
        if stage == "draw":
            stage = f"draw_{path.name.removesuffix('_provenance.json')}"
        found.add(("" if of_system else folders[0], stage))
    return found


def _errors(logs: Path) -> Iterable[tuple[tuple[str, str], str]]:
    for path in logs.rglob("*.log"):
        for stage, message in _ERROR.findall(path.read_text(errors="replace")):
            yield _key(path, logs, stage), message


def _key(path: Path, logs: Path, stage: str) -> tuple[str, str]:
    """(variant, stage) of a file in a folder of logs."""
    variant = "" if path.parent == logs else path.parent.name
    return variant, path.name.partition(".")[0] if stage in ("draw", "tokenize") else _PARTS.get(stage, stage)


def _share(stage: Stage) -> float:
    if stage.state == DONE:
        return 1.0
    return (stage.progress.share or 0.0) if stage.progress is not None else 0.0


def _remark(stage: Stage) -> str | None:
    if stage.state == FAILED:
        return f"{stage.name} failed: {stage.error}"
    if stage.progress is None:
        return None
    progress = stage.progress
    place = (
        f"job {progress.job} on {progress.host}" if progress.job else f"process {progress.process} on {progress.host}"
    )
    words = f"{stage.name}: {_of_bar(progress)}{_time(progress.elapsed)} so far"
    if stage.state == STOPPED:
        lost = f"no sign of it for {_time(progress.age)}: it was killed ({place})"
        return f"{words}; {lost}, and the same command goes on from there"
    left = "" if progress.seconds_left is None else f", {_time(timedelta(seconds=progress.seconds_left))} left"
    return f"{words}{left} ({place})"


def _of_bar(progress: Progress) -> str:
    if progress.share is None:
        return ""
    unit = f"{progress.unit}s" if progress.unit else ""
    return f"{progress.done:.0f} of {progress.total:.0f} {unit} ({100 * progress.share:.0f} %), "


def _time(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
