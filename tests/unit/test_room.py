import threading

import pytest

from harness.room import Room


def test_a_run_waits_until_its_limit_fits() -> None:
    room, tried, seen = Room(1000), threading.Event(), []

    def second() -> None:
        tried.set()
        with room.taken(600):
            seen.append("second began")

    with room.taken(600):
        thread = threading.Thread(target=second)
        thread.start()
        assert tried.wait(timeout=30)
        seen.append("first ends")
    thread.join(timeout=30)
    assert seen == ["first ends", "second began"]


@pytest.mark.parametrize("limit_bytes", [None, 1000, 5000])
def test_a_run_that_takes_everything_is_alone_but_runs(limit_bytes: int | None) -> None:
    room = Room(1000)
    for _ in range(2):
        with room.taken(limit_bytes):
            assert room._free_bytes == 0
    assert room._free_bytes == 1000


def test_there_is_room_for_as_many_as_fit() -> None:
    room = Room(1000)
    with room.taken(400), room.taken(600):
        assert room._free_bytes == 0


def test_what_fails_gives_its_room_back() -> None:
    room = Room(1000)

    def fail() -> None:
        with room.taken(600):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert room._free_bytes == 1000


def test_a_machine_without_room_still_runs_one_at_a_time() -> None:
    with Room(0).taken(100):
        pass
