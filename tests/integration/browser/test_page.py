"""The page of a report in a real browser: what can be done with it, and what it never does."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import pytest

import harness
from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending, Killed, LimitReached
from harness.core.finding import Finding, Severity, Subject
from harness.core.peaks import Parts, Sample
from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.core.report import SCHEMA, Report
from harness.core.run import Output, Run
from harness.core.scaling import scaling_laws
from harness.core.sites import CaseProfile, site_table
from harness.core.verdict import Verdict
from harness.files import publish
from harness.reporters.document import render_json
from harness.store import REPORT, Store, new_store

pytestmark = pytest.mark.browser

MIB: Final = 2**20
HIT: Final = '</script><img src=x onerror="window.hit=1"><script>window.hit=1</script>\'{{7*7}}'
PEAKS: Final = {"alpha": 50, "bravo": 450, "charlie": 9, "delta": 511, HIT: 200}


class Browser(Protocol):
    """What the tests do with the browser."""

    driver: Any

    def open(self, page: Path, *, fragment: str = "") -> None: ...
    def all(self, selector: str) -> list[Any]: ...
    def one(self, selector: str) -> Any: ...
    def run(self, script: str, *arguments: object) -> Any: ...
    def wait_for(self, script: str) -> None: ...
    def texts(self, selector: str) -> list[str]: ...
    def complaints(self) -> list[str]: ...
    def requests(self) -> set[str]: ...
    def emulate(self, *, dark: bool = False, width: int = 1200) -> None: ...
    def printed(self) -> bytes: ...


def _run(number: int, worker: str, mib: int) -> Run:
    killed = worker == "delta"
    return Run(
        number=number,
        case=Case(
            worker=worker,
            snapshot=Snapshot(
                label=f"{mib}MB", path=f"/{worker}", bytes=mib * 10**6, sha256=f"{mib:064x}"
            ),
            memory_limit_bytes=512 * MIB,
            memory_limit_label="512MiB",
        ),
        sandbox="cgroup",
        ending=Ending.OOM_KILLED if killed else Ending.COMPLETED,
        reason=f"of {worker}",
        peak_bytes=mib * MIB,
        peak_upper_bytes=mib * MIB,
        peaks=Parts(
            anon_bytes=mib * MIB, kernel_bytes=0, shmem_bytes=0, file_bytes=0, rss_bytes=mib * MIB
        ),
        wall_seconds=2.0,
        killed=Killed.MAIN if killed else None,
        limit_reached=LimitReached.OWN if killed else LimitReached.UNKNOWN,
        peak_is_lower_bound=killed,
        output=Output(stderr_tail=HIT if killed else ""),
        notes=(HIT,),
        sample_count=200,
    )


def _profile() -> Profile:
    main = Frame(function="main", file="/app/worker.py", line=1)
    keep = Frame(function="keep", file="/app/worker.py", line=41)
    evil = Frame(function=HIT, file=f"/app/{HIT}", line=3)
    loads = Frame(function="loads", file="/usr/lib/python3.11/json/decoder.py", line=353)
    return Profile(
        profiler=Profiler.MEMRAY,
        version="1.20.0",
        moment=Moment.HIGH_WATER,
        total_bytes=100 * MIB,
        sites=(
            Site(stack=(loads, keep, main), bytes=60 * MIB, count=1),
            Site(stack=(evil, main), bytes=40 * MIB, count=1),
        ),
    )


def _save(store: Store) -> None:
    runs = tuple(_run(number, *item) for number, item in enumerate(PEAKS.items(), start=1))
    for run in runs:
        store.save_run(run, [
            Sample(at_s=step / 100, anon_bytes=(run.peak_bytes or 0) * step // 199,
                   offset_bytes=run.case.snapshot.bytes * step // 199)
            for step in range(200)
        ])  # fmt: skip
    publish(store.folder / "runs/002/profile.json", msgspec.json.encode(_profile()))
    finding = Finding(
        budget=Subject.EXPECT,
        worker="delta",
        message=f"delta `{HIT}`",
        severity=Severity.FAILURE,
        next_step=HIT,
        case=runs[3].case.name,
        run=4,
    )
    told = CaseProfile(
        case=runs[1].case.name,
        run=2,
        files=("runs/002/profile.json",),
        sites=site_table(_profile(), source_of=lambda _: HIT, shown=str),
    )
    report = Report(
        schema=SCHEMA,
        oomproof="0.1.0",
        scenario=f"demo {HIT}",
        verdict=Verdict.FAIL,
        started_at="2025-01-02T03:04:05Z",
        conditions=Conditions(sandbox="cgroup", kernel=HIT, packages={HIT: HIT}),
        runs=runs,
        findings=(finding,),
        planned_runs=5,
        laws=scaling_laws(runs, ()),
        profiles=(told,),
    )
    publish(store.folder / REPORT, render_json(report))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page as the command makes it, of a report whose every text may be hostile."""
    folder = tmp_path_factory.mktemp("page")
    store = new_store(folder, "demo")
    _save(store)
    file = folder / "report.html"
    words = ("report", str(store.folder), "--format", "html", "-o", str(file))
    made = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=Path(harness.__file__).parents[1],
        check=False,
        timeout=300,
    )
    assert made.returncode == 1, "the report's verdict is FAIL"
    return file


WORKERS: Final = "table.cases tbody tr:not([hidden]) .column-worker a"


def test_nothing_is_logged_asked_for_or_obeyed(page: Path, browser: Browser) -> None:
    browser.open(page)
    for summary in browser.all("details:not([open]) > summary"):
        browser.run("arguments[0].parentElement.open = true", summary)
    browser.wait_for("document.querySelector('.flame-graph rect')")
    assert browser.run("return window.hit") is None
    assert browser.complaints() == []
    assert browser.requests() <= {page.as_uri(), "data:,"}
    assert browser.all("img, iframe, object, embed") == []
    assert HIT in browser.texts(WORKERS), "it is shown as what it is"


def test_the_policy_stops_a_script_that_got_in_all_the_same(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.hit = 1';"
        "document.body.append(s);"
        "const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x.png';"
        "document.body.append(i);"
    )
    browser.wait_for("document.querySelector('body > img').complete")
    assert browser.run("return window.hit") is None
    assert len(browser.complaints()) >= 2


def test_a_column_is_sorted_up_and_down(page: Path, browser: Browser) -> None:
    browser.open(page)
    assert browser.texts(WORKERS) == list(PEAKS)
    header = browser.one("th[data-key=peak] button")
    header.click()
    by_peak = sorted(PEAKS, key=PEAKS.__getitem__)
    assert browser.texts(WORKERS) == by_peak
    assert browser.one("th[data-key=peak]").get_attribute("aria-sort") == "ascending"
    header.click()
    assert browser.texts(WORKERS) == by_peak[::-1]
    browser.one("th[data-key=worker] button").send_keys("\n")
    assert browser.texts(WORKERS) == sorted(PEAKS, key=str.lower), "the keyboard does it, too"
    assert browser.one("th[data-key=peak]").get_attribute("aria-sort") is None


def test_cases_are_filtered_by_words_and_by_how_they_stand(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.run("document.body.focus()")
    browser.one("body").send_keys("/")
    browser.driver.switch_to.active_element.send_keys("BRAVO completed")
    browser.wait_for("document.querySelector('#shown').textContent === '1 of 5 shown'")
    assert browser.texts(WORKERS) == ["bravo"]
    assert len(browser.texts("details.case > summary")) == 1, "and the details with them"
    browser.one("#filter").send_keys("\ue00c")  # Escape
    assert len(browser.texts(WORKERS)) == 5
    browser.run(
        "const s = document.querySelector('#standing'); s.value = 'failed';"
        "s.dispatchEvent(new Event('change'))"
    )
    assert browser.texts(WORKERS) == ["delta"]


def test_a_link_opens_the_details(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.one("#close-all").click()
    assert browser.all("details.case[open]") == []
    browser.one(".notes a").click()
    browser.wait_for("document.querySelector('#case-4').open")
    assert len(browser.all("details.case[open]")) == 1
    browser.open(page, fragment="#case-2")
    browser.wait_for("document.querySelector('#case-2').open")


FRAMES: Final = "[...document.querySelectorAll('g.frame')].map((g) => g.getAttribute('name'))"


def _open_flame(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.run("document.querySelector('#case-2').open = true")
    assert browser.all("g.frame") == [], "it is drawn when it is opened"
    browser.one("details.flame > summary").click()
    browser.wait_for("document.querySelectorAll('g.frame').length === 5")


def test_a_flame_graph_is_zoomed_and_reset(page: Path, browser: Browser) -> None:
    _open_flame(page, browser)
    whole = browser.run("return document.querySelector('.flame-graph').clientWidth")
    width = "Math.round(document.querySelector('g.frame[name^=keep] rect').getAttribute('width'))"
    browser.wait_for(f"Math.abs({width} - {whole} * 0.6) < 3")
    browser.run(
        "document.querySelector('g.frame[name^=keep]')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    browser.wait_for(f"Math.abs({width} - {whole}) < 3")
    browser.wait_for(f"!{FRAMES}.some((name) => name.includes('onerror'))")
    browser.one(".flame-reset").click()
    browser.wait_for(f"Math.abs({width} - {whole} * 0.6) < 3")
    assert browser.complaints() == []


def test_a_flame_graph_is_searched(page: Path, browser: Browser) -> None:
    _open_flame(page, browser)
    browser.one(".flame-search").send_keys("DECODER.py(")
    browser.wait_for("document.querySelector('.flame-told').textContent.startsWith('0 frames')")
    browser.one(".flame-search").send_keys("\ue003")  # Backspace
    told = "document.querySelector('.flame-told').textContent"
    browser.wait_for(f"{told} === '1 frames match: 60.0 MiB, 60.0 %'")
    fill = "document.querySelector('g.frame[name^=loads] rect').getAttribute('fill')"
    assert browser.run(f"return {fill}") == "var(--hit)"
    assert browser.complaints() == []


def test_a_flame_graph_is_read_with_the_keyboard(page: Path, browser: Browser) -> None:
    _open_flame(page, browser)
    graph = browser.one(".flame-graph")
    down, enter, escape = "\ue015", "\ue007", "\ue00c"
    graph.send_keys(down, down, down)
    told = "document.querySelector('.flame-told').textContent"
    assert browser.run(f"return {told}").startswith("keep (worker.py:41): 60.0 MiB, 60.0 %")
    graph.send_keys(enter)
    browser.wait_for(f"{FRAMES}.length === 4")
    graph.send_keys(escape)
    browser.wait_for(f"{FRAMES}.length === 5")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_is_readable_on_every_screen(
    page: Path, browser: Browser, dark: bool, width: int
) -> None:
    browser.emulate(dark=dark, width=width)
    browser.open(page)
    browser.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    low = browser.run(_CONTRAST)
    assert low == [], "texts that are too near to their background"


# Of every text that is shown, its contrast with what is behind it; WCAG 2.2 asks for 4.5.
_CONTRAST: Final = """
const value = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (e) => {
  for (let at = e; at; at = at.parentElement) {
    const colour = value(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
};
return [...document.querySelectorAll("body *")]
  .filter((e) => !e.closest("svg, script, noscript") && e.offsetParent
    && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .filter((e) => {
    const [a, b] = [light(value(getComputedStyle(e).color)), light(behind(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 30)}`).slice(0, 5);
"""


def test_it_is_printed_with_its_details(page: Path, browser: Browser) -> None:
    browser.open(page)
    browser.one("#close-all").click()
    browser.run(
        "window.opened = []; addEventListener('beforeprint', () => "
        "window.opened.push(document.querySelectorAll('details.case[open]').length))"
    )
    assert browser.printed().startswith(b"%PDF")
    assert browser.run("return window.opened") == [5]
    assert browser.all("details.case[open]") == [], "it is as it was afterwards"


def test_without_its_script_everything_can_be_read(page: Path, browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(page)
        assert len(browser.all("table.cases tbody tr")) == 5
        assert not browser.one("#filter").is_displayed()
        assert browser.one("#case-4").text.count("OOM-killed")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
