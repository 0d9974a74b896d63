"""The picture and the page of a report, with all that is drawn for them drawn by one process."""

import functools
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from harness.core.answer import Answer
from harness.core.errors import NoVerdictError
from harness.core.profile import Profile
from harness.core.report import Report
from harness.core.sites import CaseProfile
from harness.reporters.drawing import Drawn, Wanted, decode_drawn, encode_wanted
from harness.reporters.html.answer_page import AnswerPage
from harness.reporters.html.rendering import render
from harness.reporters.html.report_page import ReportPage
from harness.reporters.picture import picture_of
from harness.store import Store

PAGE: Final = "report.html"
_DRAWING_S: Final = 120
_PROFILE: Final = "profile.json"


class Drawings:
    """The picture and the page of one report."""

    def __init__(
        self,
        report: Report,
        store: Store,
        *,
        with_picture: bool = True,
        draw: Callable[[Wanted], Drawn] | None = None,
    ) -> None:
        """Draw nothing yet; without a picture, drawing takes less time.

        `draw` draws; another process does if it is not said.
        """
        self._draw = draw or draw_apart
        self._report = report
        self._store = store
        self._with_picture = with_picture

    @functools.cached_property
    def _page(self) -> ReportPage:
        return ReportPage(
            self._report,
            samples_of=self._store.samples,
            baseline=self._store.baseline(),
            profile_of=functools.partial(_profile_of, self._store.folder),
        )

    @functools.cached_property
    def _drawn(self) -> Drawn | NoVerdictError:
        timelines = self._store.timelines(self._report) if self._with_picture else {}
        picture = picture_of(self._report, timelines) if self._with_picture else None
        try:
            return self._draw(Wanted(picture=picture, plots=self._page.wanted))
        except NoVerdictError as error:
            return error

    def picture(self) -> bytes:
        """Return the picture of memory over time as PNG.

        Raises:
            NoVerdictError: it could not be drawn.

        """
        if isinstance(self._drawn, NoVerdictError):
            raise self._drawn
        return self._drawn.picture or b""

    def page(self) -> bytes:
        """Return the page; where plots cannot be drawn, it sketches the timelines itself."""
        svgs = () if isinstance(self._drawn, NoVerdictError) else self._drawn.plots
        return render(self._page.page(svgs))


def _profile_of(folder: Path, told: CaseProfile) -> Profile | None:
    """Return the profile that a case's table was made of, where it lies in the folder."""
    return _kept_profile(folder, told.files)


def _kept_profile(folder: Path, files: Sequence[str]) -> Profile | None:
    name = next((file for file in files if Path(file).name == _PROFILE), None)
    return None if name is None else profile_at(folder, name)


def profile_at(folder: Path, name: str) -> Profile | None:
    """Return the profile in a file below `folder`; None where there is none that can be read."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):  # a report comes from anywhere
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None


def render_answer_page(answer: Answer, store: Store) -> bytes:
    """Return the page of an answer."""
    files = answer.profile.files if answer.profile is not None else ()
    page = AnswerPage(answer, samples_of=store.samples, profile=_kept_profile(store.folder, files))
    try:
        svgs = draw_apart(Wanted(plots=page.wanted)).plots
    except NoVerdictError:
        svgs = ()
    return render(page.page(svgs))


def draw_apart(wanted: Wanted) -> Drawn:
    """Draw in another process.

    The library that draws costs 60 MB which a process never gives back.

    Raises:
        NoVerdictError: it could not be drawn.

    """
    try:
        drawn = subprocess.run(
            [sys.executable, "-m", "harness.reporters.drawing"],
            input=encode_wanted(wanted),
            capture_output=True,
            timeout=_DRAWING_S,
            check=True,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
        return decode_drawn(drawn.stdout)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise NoVerdictError(f"the picture could not be drawn: {' '.join(said)}") from error
    except (OSError, subprocess.TimeoutExpired, msgspec.MsgspecError) as error:
        raise NoVerdictError(f"the picture could not be drawn: {error}") from error
