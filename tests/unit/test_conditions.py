import msgspec
import pytest

from harness.core.conditions import Conditions, differences

CONDITIONS = Conditions(
    sandbox="docker",
    image="host",
    cgroup="v2",
    kernel="6.1.0",
    architecture="x86_64",
    memory_bytes=2**34,
    huge_pages="madvise",
    python="3.13.1",
    packages={"ijson": "3.3.0", "orjson": "3.10.0"},
)


def test_the_same_conditions_can_be_compared() -> None:
    assert differences(CONDITIONS, CONDITIONS) == ()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sandbox", "process", "the sandbox was docker and is process"),
        ("image", "python:3.13@sha256:1", "the image was host and is python:3.13@sha256:1"),
        ("cgroup", "", "the cgroup version was v2 and is unknown"),
        ("architecture", "aarch64", "the architecture was x86_64 and is aarch64"),
        ("python", "3.14.0", "the Python was 3.13.1 and is 3.14.0"),
        ("huge_pages", "always", "the mode of huge pages was madvise and is always"),
        ("allocator", "musl", "the allocator was unknown and is musl"),
        ("environment", {"NODE_OPTIONS": "-x"}, "NODE_OPTIONS was absent and is -x"),
        ("packages", {"ijson": "3.4.0", "orjson": "3.10.0"}, "ijson was 3.3.0 and is 3.4.0"),
        ("packages", {"ijson": "3.3.0"}, "orjson was 3.10.0 and is absent"),
    ],
)
def test_what_makes_peaks_incomparable_is_named(field: str, value: object, said: str) -> None:
    assert differences(CONDITIONS, msgspec.structs.replace(CONDITIONS, **{field: value})) == (said,)


def test_every_difference_is_named() -> None:
    other = msgspec.structs.replace(CONDITIONS, sandbox="cgroup", python="3.12.0", packages={})
    assert len(differences(CONDITIONS, other)) == 4


def test_the_kernel_and_the_size_of_the_machine_do_not_count() -> None:
    other = msgspec.structs.replace(CONDITIONS, kernel="6.8.0", memory_bytes=2**30, processors=64)
    assert differences(CONDITIONS, other) == ()
