import json
from typing import Any

import jsonschema
import msgspec
import pytest

from harness.core.errors import InputError
from harness.core.report import Report
from harness.reporters.document import render_json, report_schema, scenario_schema
from harness.store import read_report


def _replaced(report: Report, **changes: Any) -> bytes:
    document = json.loads(render_json(report))
    document.update(changes)
    return json.dumps(document).encode()


def test_a_report_comes_back_as_it_was(night: Report, passing: Report, empty: Report) -> None:
    for report in (night, passing, empty):
        assert read_report(render_json(report), source="report.json") == report


def test_a_document_is_indented_and_ends_its_last_line(night: Report) -> None:
    text = render_json(night).decode()
    assert text.startswith('{\n  "schema": 1,')
    assert text.endswith("}\n")


def test_a_document_has_the_keys_that_were_promised(night: Report) -> None:
    document = json.loads(render_json(night))
    assert document["schema"] == 1
    assert document["verdict"] in {"pass", "fail", "none"}
    run = document["runs"][2]
    assert run.keys() >= {
        "case",
        "sandbox",
        "ending",
        "exit_code",
        "peak_bytes",
        "peak_upper_bytes",
        "peak_is_lower_bound",
        "peaks",
        "wall_seconds",
        "approximate",
    }
    assert run["case"].keys() >= {"worker", "snapshot", "memory_limit_bytes", "settings"}
    assert run["case"]["snapshot"].keys() >= {"path", "bytes", "sha256"}
    assert run["peaks"].keys() == {
        "anon_bytes",
        "kernel_bytes",
        "shmem_bytes",
        "file_bytes",
        "rss_bytes",
    }
    assert (run["ending"], run["exit_code"], run["peak_is_lower_bound"]) == (
        "oom_killed",
        137,
        True,
    )
    assert all(
        finding.keys() >= {"budget", "worker", "message"} for finding in document["findings"]
    )


def test_documents_keep_to_the_published_schema(
    night: Report, passing: Report, empty: Report
) -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for report in (night, passing, empty):
        validator.validate(json.loads(render_json(report)))
    assert not validator.is_valid(json.loads(_replaced(night, verdict="perhaps")))
    assert not validator.is_valid(json.loads(_replaced(night, schema=2)))


def test_a_schema_says_what_it_describes() -> None:
    for schema, name in ((report_schema(), "report"), (scenario_schema(), "scenario")):
        assert schema["$id"] == f"urn:oomproof:{name}:1"
        assert name in schema["title"]
        assert schema["description"]
        json.dumps(schema)


def test_the_scenario_schema_takes_scenarios_and_refuses_others() -> None:
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    scenario: dict[str, Any] = {
        "schema": 1,
        "name": "hero-snapshots",
        "snapshots": {"shape": "hero_snapshot", "sizes": ["5MB"]},
        "limits": {"memory": ["512MiB", "unlimited"], "timeout": "120s"},
        "worker": [{"name": "w", "command": ["{python}", "w.py", "{snapshot}"]}],
        "budget": [{"worker": "w", "peak": "64MiB", "growth": "2%"}],
    }
    validator.validate(scenario)
    assert not validator.is_valid({**scenario, "limits": {"memory": [512]}})
    assert not validator.is_valid({**scenario, "snapshot": {}})
    assert schema["$defs"]["Limits"]["properties"]["timeout"]["default"] == "120s"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[1, 2]", "no report"),
        (b"{}", "schema: this key is missing"),
        (b'{"schema": "1"}', "schema"),
        (b'{"schema": 0}', "schema 0 was never"),
        (b'{"schema": 1}', "oomproof: this key is missing"),
        (b'{"x": ' + b"[" * 100_000, "nests too deeply"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError) as raised:
        read_report(data, source="old/report.json")
    assert str(raised.value).startswith("old/report.json: ")
    assert words in str(raised.value)


def test_a_half_written_report_is_called_so(night: Report) -> None:
    data = render_json(night)
    for end in (1, 20, len(data) // 2, len(data) - 3):
        with pytest.raises(InputError, match="half written"):
            read_report(data[:end], source="report.json")


def test_a_newer_report_asks_for_an_update(night: Report) -> None:
    with pytest.raises(InputError, match="is schema 2, and this oomproof reads 1; update it"):
        read_report(_replaced(night, schema=2, runs="in another form"), source="report.json")


def test_a_wrong_value_is_named_with_its_place(night: Report) -> None:
    document = json.loads(render_json(night))
    document["runs"][1]["peak_bytes"] = "much"
    with pytest.raises(InputError, match=r"runs\[1\]\.peak_bytes: Expected `int \| null`"):
        read_report(json.dumps(document).encode(), source="report.json")


def test_text_in_no_encoding_is_refused(night: Report) -> None:
    data = render_json(night).replace(b"hero-snapshots", b"hero-\xff\xfe", 1)
    with pytest.raises(InputError, match="not JSON"):
        read_report(data, source="report.json")


def test_keys_of_a_later_writer_are_passed_over(night: Report) -> None:
    assert read_report(_replaced(night, later=[1]), source="report.json") == night


def test_a_file_name_that_is_no_utf_8_costs_no_report(night: Report) -> None:
    report = msgspec.structs.replace(night, scenario="caf\udce9", findings=())
    assert json.loads(render_json(report))["scenario"] == "caf\\udce9"
