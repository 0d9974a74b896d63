"""Which commands take what they get."""

import pytest

from harness.core.runtime import takes_what_it_gets


@pytest.mark.parametrize(
    ("command", "takes"),
    [
        (("node", "w.mjs", "{snapshot}"), True),
        (("/opt/node/bin/node", "--max-old-space-size=64", "w.mjs"), True),
        (("sh", "-c", "exec node w.mjs {snapshot}"), True),
        (("bash", "-c", "/usr/bin/nodejs w.mjs"), True),
        (("java", "-jar", "w.jar"), True),
        (("java", "-Xmx512m", "-jar", "w.jar"), False),
        (("dotnet", "run"), True),
        (("python3", "node"), False),
        (("python3", "w.py", "java"), False),
        (("sh", "-c", "python3 node_worker.py"), False),
        ((), False),
    ],
)
def test_commands(command: tuple[str, ...], takes: bool) -> None:
    assert takes_what_it_gets(command) is takes
