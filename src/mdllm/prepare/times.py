"""Times of raw frames: what a file says, whether it can be believed, and where one segment ends.

Times are single precision in most formats: at 100 ns they are known to 0.008 ps, which may be a tenth of the time
between frames. So a step is compared with the mean interval of its segment, as far as both can be told.
"""

import logging
import math
import warnings

from mdllm.config.settings.system import UNORDERED
from mdllm.core.errors import InputError

logger = logging.getLogger(__name__)
UNKNOWN = "unknown"
_AKMA_PS = 0.04888821
_FINEST_PS = 1e-3  # frames may lie closer than times can tell where these are coarser than that
_SHARE = 0.01  # a step that differs less from the interval is one


def placeholder(reader) -> str | None:
    """Why the times of an open trajectory are none, in words; None: they can be believed.

    A DCD file has a time step and how many of them lie between frames; writers that know neither put 1 or 0. Formats
    without times (PDB, XYZ) get 1 ps a frame of MDAnalysis.
    """
    if reader.format == "DCD":
        if reader.dt == 0:
            return "its header has no time or no steps between frames"
        if math.isclose(reader.dt, _AKMA_PS, rel_tol=1e-5):
            return "its header has the time step 1 and 1 step between frames, which writers put that know neither"
        return None
    if getattr(reader, "has_time", True) is False:  # NetCDF of AMBER
        return "the file has no times"
    if len(reader) < 2:
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first = reader[0]
        time = float(first.time)
    if any("no dt information" in str(warning.message) for warning in caught):
        return "the format has no times"
    if float(reader[1].time) == time == float(reader[len(reader) - 1].time):
        return f"every frame has the time {time:g} ps"
    return None


class Clock:
    """Time and segment of each frame of several files, in order.

    Args:
        interval_ps: time between raw frames, which then decides times and segments; UNKNOWN: times are NaN; UNORDERED:
            likewise, and every frame is a segment; None: as the files say.
    """

    def __init__(self, interval_ps: float | str | None):
        self._given = interval_ps
        self.segment = -1
        self._believed: tuple[bool, str] | None = None  # of the first file
        self._interval: tuple[float, float, str, int] | None = None  # of the first segment with two frames
        self._start = self._last = None
        self._steps = 0

    def open(self, reader, path: str) -> None:
        """A new file begins, and with it a segment.

        Raises:
            InputError: it has times, and the first file had placeholders, or the reverse.
        """
        self._place, self._last = path, None
        if self._given is not None:
            return
        why = placeholder(reader)
        if why is not None:
            logger.warning(
                "%s: the times are placeholders: %s. The time between frames is taken as unknown, and axes count "
                "frames; say frame_interval_ps (`unknown`, if nobody knows)",
                *(path, why),
            )
        if self._believed is not None and self._believed[0] != (why is None):
            raise InputError(
                f"{path} and {self._believed[1]}: one has times, and the other placeholders; say frame_interval_ps"
            )
        self._believed = (why is None, path)

    @property
    def reads_times(self) -> bool:
        """Whether times are those of the files."""
        return self._given is None and self._believed[0]

    def gap(self) -> None:
        """Frames were left out: the next one begins a segment."""
        self._last = None

    def tick(self, number: int, time_ps: float, place: str) -> tuple[float, int]:
        """Time in ps and segment of the frame `number` (over all files) of which a file says `time_ps`.

        Raises:
            InputError: the interval is another than before.
        """
        if not self.reads_times:
            self.segment += self._last is None
            self._last = None if self._given == UNORDERED else 0.0
            return (math.nan if self._given in (None, UNKNOWN, UNORDERED) else number * self._given), self.segment
        if self._last is not None and self._continues(time_ps):
            self._steps += 1
            self._last = time_ps
            self._compare(place)
        else:
            if self._last is not None:
                logger.warning("%s: time goes from %g to %g ps; a new segment starts", place, self._last, time_ps)
            self.segment += 1
            self._start = self._last = time_ps
            self._steps = 0
        return time_ps, self.segment

    def _continues(self, time_ps: float) -> bool:
        """Whether a time follows the last one at the interval seen so far (any positive one for the second frame)."""
        step, error = time_ps - self._last, 2 * resolution_ps(time_ps)
        if self._steps == 0:
            return step > 0 or (step == 0 and error > _FINEST_PS)
        mean = (self._last - self._start) / self._steps
        return step >= 0 and abs(step - mean) <= _SHARE * mean + error + error / self._steps

    def _compare(self, place: str) -> None:
        """Compare the interval of this segment with that of the first one; both get sharper as they grow."""
        own = (self._last - self._start) / self._steps
        error = 2 * resolution_ps(self._last) / self._steps
        if self._interval is None or self._interval[3] == self.segment:
            self._interval = (own, error, self._place, self.segment)
            return
        first, uncertain, where, _ = self._interval
        if abs(own - first) > _SHARE * first + error + uncertain:
            raise InputError(
                f"{place}: frames come every {own:g} ps here, and every {first:g} ps in {where}. Frames of one system "
                "have one interval: write every n-th frame of one file, or describe the files as two systems; where "
                "the times are wrong, frame_interval_ps says what is right"
            )


def resolution_ps(time_ps: float) -> float:
    """Distance of neighbouring numbers in single precision at a time."""
    return 2.0 ** (math.frexp(max(abs(time_ps), 1e-30))[1] - 24)
