"""`report.json`: the report as a versioned document, and the schemas that are published."""

from typing import Any, Final

import msgspec

from harness.core.comparison import SCHEMA as COMPARISON_SCHEMA
from harness.core.comparison import ComparisonDocument
from harness.core.encoding import indent_json
from harness.core.history import SCHEMA as HISTORY_SCHEMA
from harness.core.history import HistoryLine, TrendDocument
from harness.core.quantity import Duration, Limit, Percent, Size, describe_quantity
from harness.core.report import SCHEMA, Report
from harness.core.scenario import SCHEMA as SCENARIO_SCHEMA
from harness.core.scenario import Scenario

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def render_json(report: Report) -> bytes:
    """Return the report as an indented JSON document in UTF-8."""
    return indent_json(report)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of `report.json` and of what `--json` prints."""
    return _publish(
        msgspec.json.schema(Report),
        urn="report",
        version=SCHEMA,
        title="oomproof report",
        description="What one invocation of oomproof found: its runs, findings and verdict. "
        "Sizes are in bytes, times in seconds. A reader must accept further keys.",
    )


def comparison_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `oomproof compare --json` prints."""
    return _publish(
        msgspec.json.schema(ComparisonDocument),
        urn="comparison",
        version=COMPARISON_SCHEMA,
        title="oomproof comparison",
        description="How the cases of two reports or baselines differ. "
        "Sizes are in bytes. A reader must accept further keys.",
    )


def history_schema() -> dict[str, Any]:
    """Return the JSON Schema of each line of a history."""
    return _publish(
        msgspec.json.schema(HistoryLine),
        urn="history-line",
        version=HISTORY_SCHEMA,
        title="oomproof history line",
        description="One case of one report, as `oomproof run --history` adds it to a file of such "
        "lines. Sizes are in bytes.",
    )


def trend_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `oomproof report --history FILE --json` prints."""
    return _publish(
        msgspec.json.schema(TrendDocument),
        urn="trend",
        version=HISTORY_SCHEMA,
        title="oomproof trend",
        description="Each case of a history from commit to commit, and how it changed. "
        "Sizes are in bytes. A reader must accept further keys.",
    )


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, once its TOML is read."""
    return _publish(
        msgspec.json.schema(_describable(Scenario), schema_hook=describe_quantity),
        urn="scenario",
        version=SCENARIO_SCHEMA,
        title="oomproof scenario",
        description="What to run, under which limits, and what to hold it against.",
    )


def _describable(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a struct like `kind` whose defaults are texts where `kind` has quantities.

    msgspec writes defaults into a schema, and knows no way to write an object of ours.
    """
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        type_, default = field.type, _text_of(field.default)
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            type_ = _describable(type_)
            default = default if field.required else type_()
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        fields.append((field.name, type_, default))
    return msgspec.defstruct(
        kind.__name__,
        fields,
        namespace={"__doc__": kind.__doc__},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=kind.__struct_config__.forbid_unknown_fields,
    )


def _text_of(default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(_text_of(inner) for inner in default)
    return default.text if isinstance(default, Size | Limit | Duration | Percent) else default


def _publish(
    schema: dict[str, Any], *, urn: str, version: int, title: str, description: str
) -> dict[str, Any]:
    """Return `schema` as a document of its own, which states the version that it describes."""
    name = schema["$ref"].rpartition("/")[2]
    schema["$defs"][name]["properties"]["schema"] = {"const": version}
    return {
        "$schema": _DIALECT,
        "$id": f"urn:oomproof:{urn}:{version}",
        "title": title,
        "description": description,
        **schema,
    }
