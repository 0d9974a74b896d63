import json
import subprocess
import sys
from typing import Any

import pytest

from harness.pytest_plugin.options import inner_options

# What the harness needs and pytest does not.
HEAVY = ("docker", "harness.core", "harness.sandbox", "ijson", "matplotlib", "memray", "msgspec",
         "numpy", "orjson", "rich", "synthetic", "typer")  # fmt: skip
_LOAD = """
import json, sys, time
import pytest
before = set(sys.modules)
began_s = time.perf_counter()
import harness.pytest_plugin
took_s = time.perf_counter() - began_s
print(json.dumps({"took_s": took_s, "modules": sorted(set(sys.modules) - before)}))
"""
_MOST_S = 0.025
# Plugins that take as long to start as all others.
_LESS = ("-p", "no:hypothesispytest", "-p", "no:memray", "-p", "no:benchmark")


def _load() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, check=True)
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def test_a_pytest_that_does_not_use_it_pays_next_to_nothing() -> None:
    loads = [_load() for _ in range(3)]
    assert set(loads[0]["modules"]) == {"harness", "harness.pytest_plugin"}
    # The best of some: a busy machine makes the others late.
    assert min(load["took_s"] for load in loads) < _MOST_S


def test_a_session_that_uses_no_mark_loads_nothing_more(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_plain="""
        def test_plain():
            pass
        """,
        conftest=f"""
        import sys
        HEAVY = {HEAVY!r}
        def pytest_unconfigure(config):
            ours = "harness.pytest_plugin."
            loaded = [n for n in sys.modules if n in HEAVY or n.startswith(ours)]
            print("LOADED", loaded)
        """,
    )
    done = pytester.runpytest_subprocess(*_LESS)
    done.assert_outcomes(passed=1)
    assert "LOADED []" in done.stdout.str()


def test_the_mark_is_known_where_marks_are_strict(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.oomproof(memory="1GiB")
        def test_plain():
            pass
        """
    )
    done = pytester.runpytest_subprocess("--strict-markers", "--no-oomproof", *_LESS)
    done.assert_outcomes(passed=1)


def test_the_options_of_a_session_stay_outside(pytestconfig: pytest.Config) -> None:
    options = inner_options(pytestconfig)
    assert json.loads(json.dumps(options)) == options
    assert options["oomproof_inside"] is True
    assert options["rootdir"] == str(pytestconfig.rootpath)
    assert (options["keyword"], options["lf"], options["xmlpath"]) == ("", False, None)
    assert options["numprocesses"] is None


def test_a_mark_that_cannot_be_used_fails_in_one_sentence(pytester: pytest.Pytester) -> None:
    marks = {
        'memori="1GiB"': '"memori" is not known',
        'memory="lots"': "limits.memory",
        'memory="1GiB", sandbox="moon"': "sandbox.kind",
        'memory="1GiB", snapshot="gone.json"': "gone.json is not there",
    }
    pytester.makepyfile(
        "import pytest\n"
        + "\n".join(
            f"@pytest.mark.oomproof({terms})\ndef test_{number}():\n    raise SystemError\n"
            for number, terms in enumerate(marks)
        )
    )
    done = pytester.runpytest_inprocess("--oomproof-sandbox=process")
    done.assert_outcomes(failed=len(marks))
    text = done.stdout.str()
    assert text.count("oomproof: the mark cannot be used: ") >= len(marks)
    for words in marks.values():
        assert words in text
    assert "Traceback" not in text
    assert "SystemError" not in text
