"""Where OpenMM computes: the platform, its settings for repeatable results, and seeds."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import openmm

from mdllm.core.errors import InputError

logger = logging.getLogger(__name__)
_PREFERRED = ("CUDA", "OpenCL", "CPU")
_POCL = "Portable Computing Language"


@dataclass(frozen=True)
class Device:
    """A platform that works, and what identifies it: a checkpoint can only be loaded on the same one."""

    platform: openmm.Platform
    identity: str

    def context(self, system: openmm.System, integrator: openmm.Integrator) -> openmm.Context:
        return openmm.Context(system, integrator, self.platform)


def open_device(name: str | None, threads: int) -> Device:
    """The platform `name`, or the first of CUDA, OpenCL, CPU that works here.

    Forces are summed in a fixed order where the platform offers it (CUDA, CPU), so that the same program on the same
    device gives the same bits; on the CPU the number of threads belongs to that. OpenCL does not promise it.

    Raises:
        InputError: `name` does not work on this machine; says why, and what does.
    """
    if name is not None:
        device, reason = _try(name, threads)
        if device is None:
            working = [other for other in (*_PREFERRED, "Reference") if _try(other, threads)[0] is not None]
            raise InputError(
                f"platform: {name} does not work here ({reason}). Choose one of {', '.join(working)}, leave `platform` "
                "out to take the fastest, or run on a machine that has it"
            )
        return device
    for name in _PREFERRED:
        device, reason = _try(name, threads)
        if device is not None:
            logger.info("OpenMM computes on %s", device.identity)
            return device
        logger.info("platform %s is passed over: %s", name, reason)
    raise InputError(f"none of {', '.join(_PREFERRED)} works here; reinstall OpenMM")


def derive_seed(root: int, *path: int) -> int:
    """A seed for one draw below `root`, in 1 ... 2^31 - 1 (OpenMM takes 0 for "choose one")."""
    return 1 + int(np.random.SeedSequence([root, *path]).generate_state(1)[0]) % (2**31 - 2)


@contextmanager
def atoms_apart(what: str) -> Iterator[None]:
    """Turn OpenMM's complaint about coordinates that are not finite into an InputError about `what`."""
    try:
        yield
    except openmm.OpenMMException as error:
        if "nan" not in str(error).lower():
            raise
        raise InputError(
            f"{what}: atoms lie on each other, and no force can part them; repair the structure, or start from another"
        ) from error


def _try(name: str, threads: int) -> tuple[Device | None, str]:
    """The device, or None and the reason why a first context on it fails."""
    try:
        platform = openmm.Platform.getPlatformByName(name)
    except openmm.OpenMMException:
        failures = [line for line in openmm.Platform.getPluginLoadFailures() if f"OpenMM{name}." in line]
        return None, failures[0].split(": ", 1)[-1] if failures else "OpenMM is installed without it"
    wanted = {"Threads": str(threads), "DeterministicForces": "true", "Precision": "mixed"}
    offered = set(platform.getPropertyNames())
    for key, value in wanted.items():
        if key in offered:
            platform.setPropertyDefaultValue(key, value)
    system = openmm.System()
    system.addParticle(1.0)
    try:
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    except openmm.OpenMMException as error:
        return None, str(error)
    if "OpenCLPlatformName" in offered and platform.getPropertyValue(context, "OpenCLPlatformName") == _POCL:
        return None, f"its device is this CPU, by {_POCL}, which OpenMM does not support"
    details = [platform.getPropertyValue(context, "DeviceName")] if "DeviceName" in offered else []
    details += [f"threads {threads}"] if "Threads" in offered else []
    return Device(platform, ", ".join([name, *details, f"OpenMM {openmm.Platform.getOpenMMVersion()}"])), ""
