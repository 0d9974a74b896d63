"""`oomproof baseline`: accept a report as what later ones are compared with, and show it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.core.baseline import Baseline

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Accept a report as what later ones are compared with, and show what was accepted.",
    epilog="Example: oomproof baseline accept reports/out/hero-snapshots/latest",
)

_BASELINES = Path("reports/baselines")


@app.command(epilog="Example: oomproof baseline accept reports/out/hero-snapshots/latest")
def accept(
    path: Annotated[
        Path | None, typer.Argument(help="A report.json or its folder; else the newest.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the reports are.")] = Path("reports/out"),
    baselines: Annotated[Path, typer.Option(help="Where the baselines go.")] = _BASELINES,
    json: Annotated[bool, typer.Option("--json", help="Print the baseline as JSON.")] = False,
) -> int:
    """Write the peaks of a report's completed runs to BASELINES/NAME.json, with what held them."""
    from harness.core.accepted import with_profiles
    from harness.core.baseline import baseline_of
    from harness.core.errors import InputError
    from harness.files import check_writable
    from harness.store import baseline_path, load_report, newest_report, save_baseline

    source = path or newest_report(out)
    report, _ = load_report(source)
    if not report.finished:
        raise InputError(f"{source}: the report is not finished; run the scenario again first")
    baseline = baseline_of(report.scenario, report.conditions, report.runs)
    if not baseline.entries:
        raise InputError(f"{source}: no run completed, so there is nothing to compare with later")
    target = baseline_path(baselines, report.scenario)
    check_writable(target, option="--baselines")
    before = _before(target)
    dropped = _dropped(before, baseline)
    baseline = with_profiles(baseline, report.profiles, before)
    save_baseline(target, baseline)
    count = len(baseline.entries)
    typer.echo(f"Accepted {count} case{'' if count == 1 else 's'} as {target}.", err=json)
    for case in dropped:
        typer.echo(f"No longer in it, because the report has no such run: {case}", err=json)
    bare = [entry for entry in baseline.entries if not (entry.profile and entry.profile.sites)]
    if bare:
        typer.echo(
            f"What held the memory of {len(bare)} of them is not in it; to know that, run with "
            "`oomproof run --profile`, and accept again.",
            err=json,
        )
    if json:
        typer.echo(target.read_text("utf-8"))
    return 0


def _before(target: Path) -> "Baseline | None":
    """Return the baseline so far, if it can be read."""
    from harness.core.errors import InputError
    from harness.store import load_baseline

    try:
        return load_baseline(target)
    except InputError:
        return None  # accepting another mends it


def _dropped(before: "Baseline | None", baseline: "Baseline") -> tuple[str, ...]:
    """Return the cases of the baseline so far that the new one will not have."""
    kept = {entry.case for entry in baseline.entries}
    return tuple(entry.case for entry in before.entries if entry.case not in kept) if before else ()


@app.command(epilog="Example: oomproof baseline show hero-snapshots")
def show(
    name: Annotated[str, typer.Argument(help="The scenario's name.")],
    baselines: Annotated[Path, typer.Option(help="Where the baselines are.")] = _BASELINES,
    json: Annotated[bool, typer.Option("--json", help="Print the baseline as JSON.")] = False,
) -> int:
    """Show the accepted peaks of a scenario, their spread, what held most, and the conditions."""
    from harness.core.attribution_words import quoted
    from harness.core.errors import InputError
    from harness.core.units import format_bytes
    from harness.reporters.plain import one_line
    from harness.reporters.words import describe_spread
    from harness.store import baseline_path, load_baseline

    path = baseline_path(baselines, name)
    found = load_baseline(path)
    if found is None:
        raise InputError(f"{path} is not there; `oomproof baseline accept` makes it")
    if json:
        typer.echo(path.read_text("utf-8"))
        return 0
    conditions = found.conditions
    typer.echo(f"{name}: {conditions.sandbox}, Python {conditions.python}, {conditions.kernel}")
    for entry in found.entries:
        typer.echo(f"  {format_bytes(entry.peak_bytes):>12}  {one_line(entry.case)}")
        typer.echo(f"  {'':>12}    {describe_spread(entry.peaks.samples)}")
        if (least_bytes := entry.peaks.least_bytes) > entry.peak_bytes:
            least = f"compared as {format_bytes(least_bytes)}: sampling missed the rest"
            typer.echo(f"  {'':>12}    {least}, by the kernel's counter less page cache")
        sites = entry.profile.sites if entry.profile else None
        if sites and sites.rows:
            most = max(sites.rows, key=lambda row: row.bytes)
            place = quoted(most.file, most.line, most.source, most.function)
            held = f"{format_bytes(most.bytes)} of heap at {place}"
            typer.echo(f"  {'':>12}    {one_line(held)}")
    return 0
