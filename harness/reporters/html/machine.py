"""The machine, the sandbox and the versions that a report is of."""

from harness.core.conditions import Conditions
from harness.core.units import format_bytes
from harness.reporters.html.model import Fact
from harness.reporters.html.texts import clip


def facts_of(conditions: Conditions) -> tuple[Fact, ...]:
    """Return all that is known of the conditions."""
    memory, swap = conditions.memory_bytes, conditions.swap_bytes
    known = {
        "Sandbox": conditions.sandbox,
        "Image": conditions.image,
        "Engine": conditions.engine,
        "Cgroups": conditions.cgroup,
        "Kernel": conditions.kernel,
        "Architecture": conditions.architecture,
        "Processors": str(conditions.processors or ""),
        "Memory": format_bytes(memory) if memory else "",
        "Swap": (format_bytes(swap) if swap else "none") if memory else "",
        "Huge pages": conditions.huge_pages,
        "Allocator": conditions.allocator,
        "Python": conditions.python,
        "Collector": conditions.collector,
        "Parsers": ", ".join(f"{name} {version}" for name, version in conditions.packages.items()),
        "Environment": ", ".join(f"{key}={value}" for key, value in conditions.environment.items()),
    }
    return tuple(Fact(name=name, value=clip(value)) for name, value in known.items() if value)
