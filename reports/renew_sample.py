"""Makes `reports/sample` and the README's pictures again, by a real run of the hero snapshots.

`nox -s sample` runs it, in the best sandbox that works here and has a kernel's own numbers. What is
committed must be of no single machine, so folders are left out of every path before it is rendered.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from PIL import Image
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from harness.reporters.terminal import render_terminal
from harness.store import load_report

ROOT: Final = Path(__file__).resolve().parents[1]
SAMPLE: Final = ROOT / "reports" / "sample"
IMAGES: Final = ROOT / "docs" / "images"
OOMPROOF: Final = (sys.executable, "-m", "harness")
COMMAND: Final = "oomproof run scenarios/hero_snapshots/scenario.toml --profile"
FORMS: Final = {
    "report.json": "json",
    "report.md": "markdown",
    "report.html": "html",
    "memory.png": "picture",
    "junit.xml": "junit",
    "metrics.prom": "openmetrics",
}
COLUMNS: Final = 100
CELL: Final = 8.4
LINE: Final = 19
MARGIN: Final = 14
# By their numbers on a terminal: red, green, yellow, cyan.
COLOURS: Final = {1: "#ef6270", 2: "#7ec77e", 3: "#e8be64", 6: "#6cc3d5"}
PLAIN: Final = "#d5dbe6"
DIM: Final = "#8b93a3"
SCREEN_WIDTH: Final = 1200
SHARPNESS: Final = 2
PALETTE: Final = 256


def main() -> None:
    """Run, take the folders out, and write the sample and the pictures."""
    with tempfile.TemporaryDirectory(prefix="oomproof-sample-") as name:
        folder = Path(name).resolve()
        shutil.copytree(ROOT / "scenarios", folder / "scenarios")
        words = COMMAND.split()[1:]
        _oomproof(folder, *words)
        report = (folder / "reports" / "out" / "hero-snapshots" / "latest").resolve()
        if (
            json.loads((report / "report.json").read_text("utf-8"))["conditions"]["sandbox"]
            == "process"
        ):
            sys.exit("The sample needs a sandbox with the kernel's own numbers: docker or cgroup.")
        _leave_out_folders(report, folder)
        _write_sample(report, folder)
    (IMAGES / "run.svg").write_text(terminal_picture(SAMPLE), "utf-8")
    for scheme, image in _screens(SAMPLE / "report.html"):
        image.save(IMAGES / f"report-{scheme}.png", optimize=True)


def _oomproof(folder: Path, *words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*OOMPROOF, *words], cwd=folder, env=environment, check=True)


def _leave_out_folders(report: Path, folder: Path) -> None:
    """Take out of every path in the report what is of this machine alone."""
    places = {f"{folder}/": "", f"{ROOT}/": "", f"{sys.base_prefix}/": "", str(Path.home()): "~"}
    for path in report.rglob("*.json"):
        text = path.read_text("utf-8")
        for place, instead in places.items():
            text = text.replace(place, instead)
        path.write_text(text, "utf-8")


def _write_sample(report: Path, folder: Path) -> None:
    shutil.rmtree(SAMPLE, ignore_errors=True)
    SAMPLE.mkdir()
    for name, form in FORMS.items():
        _oomproof(folder, "report", str(report), "--format", form, "-o", str(SAMPLE / name))


def terminal_picture(sample: Path) -> str:
    """Return what the run of a report printed on a terminal, as SVG."""
    report, _ = load_report(sample)
    printed = render_terminal(report, width=COLUMNS, color=True)
    lines = [Text(f"$ {COMMAND}"), *map(Text.from_ansi, printed.splitlines())]
    width = round(COLUMNS * CELL + 2 * MARGIN)
    height = 2 * MARGIN + LINE * (len(lines) + 1)
    words = "\n".join(
        element
        for number, line in enumerate(lines)
        for element in _words(line, y=2 * MARGIN + LINE * (number + 1) + 6)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" role="img" aria-label="{COMMAND} in a terminal">
<rect width="100%" height="100%" rx="8" fill="#11151c"/>\
<circle cx="20" cy="18" r="5.5" fill="#ef6270"/><circle cx="38" cy="18" r="5.5" fill="#e8be64"/>\
<circle cx="56" cy="18" r="5.5" fill="#7ec77e"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace" \
font-size="14">
{words}
</g>
</svg>
"""


def _words(line: Text, *, y: int) -> Iterator[str]:
    """Yield the words of a line, each held to its cells whatever the font is."""
    console = Console(width=COLUMNS, color_system="standard", force_terminal=True, _environ={})
    at = 0
    for segment in line.render(console):
        for index, word in enumerate(segment.text.rstrip("\n").split(" ")):
            at += index > 0
            if word:
                cells = cell_len(word)
                yield (
                    f'<text x="{MARGIN + at * CELL:.1f}" y="{y}" {_look(segment.style)} '
                    f'textLength="{cells * CELL:.1f}" lengthAdjust="spacingAndGlyphs">'
                    f"{escape(word)}</text>"
                )
                at += cells


def _look(style: Style | None) -> str:
    if style is None:
        return f'fill="{PLAIN}"'
    number = style.color.number if style.color else None
    colour = DIM if style.dim else COLOURS.get(-1 if number is None else number, PLAIN)
    return f'fill="{colour}"' + (' font-weight="bold"' if style.bold else "")


def _screens(page: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield how the page looks down to its scaling laws, light and dark."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": SCREEN_WIDTH, "height": 900, "deviceScaleFactor": SHARPNESS, "mobile": False},
        )
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            driver.get(page.as_uri())
            height = driver.execute_script(
                "return document.getElementById('scaling').getBoundingClientRect().bottom + 12"
            )
            shot = driver.execute_cdp_cmd(
                "Page.captureScreenshot",
                {
                    "captureBeyondViewport": True,
                    "clip": {"x": 0, "y": 0, "width": SCREEN_WIDTH, "height": height, "scale": 1},
                },
            )
            yield scheme, _decoded(shot["data"])
    finally:
        driver.quit()


def _decoded(data: str) -> Image.Image:
    """Return a picture in as few colours as it needs, for it is committed."""
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    # Of all methods, this one keeps colours that are few and far from others; each is then moved to
    # where the most pixels are.
    return image.quantize(PALETTE, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
