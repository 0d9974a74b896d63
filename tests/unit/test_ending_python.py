"""How a MemoryError shows in what Python leaves on the error stream: texts of real interpreters."""

import pytest

from harness.core.ending import Ending, ExitFacts, conclude

TOP = """\
Traceback (most recent call last):
  File "/work/w.py", line 12, in <module>
    main()
  File "/work/w.py", line 8, in main
    rows = json.load(file)
           ^^^^^^^^^^^^^^^
"""
CHAINED = """\
Traceback (most recent call last):
  File "/work/w.py", line 3, in <module>
    bytearray(10**15)
MemoryError

During handling of the above exception, another exception occurred:

"""
POOL = '''\
concurrent.futures.process._RemoteTraceback:
"""
Traceback (most recent call last):
  File "/usr/lib/python3.11/concurrent/futures/process.py", line 261, in _process_worker
    r = call_item.fn(*call_item.args, **call_item.kwargs)
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
MemoryError
"""

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<string>", line 3, in <module>
  File "/usr/lib/python3.11/concurrent/futures/_base.py", line 401, in __get_result
    raise self._exception
'''
IGNORED = """\
Exception ignored in: <function X.__del__ at 0x7f8fdbd54720>
Traceback (most recent call last):
  File "/work/w.py", line 2, in __del__
AttributeError: x
"""
THREAD = """\
Exception in thread Thread-1 (<lambda>):
Traceback (most recent call last):
  File "/usr/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
    self.run()
MemoryError
"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "<string>", line 6, in <module>
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "<string>", line 3, in f
    | MemoryError
    +------------------------------------
"""
FROZEN = """\
Fatal Python error: init_import_site: Failed to import the site module
Python runtime state: initialized
Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 1178, in _find_and_load
MemoryError
"""
ARRAY = (
    "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB for an array with "
    "shape (1000000000000,) and data type float64\n"
)


def ending_of(stderr_tail: str, exit_code: int = 1) -> Ending | None:
    return conclude(ExitFacts(exit_code=exit_code, stderr_tail=stderr_tail)).ending


@pytest.mark.parametrize(
    "stderr_tail",
    [
        TOP + "MemoryError\n",
        TOP + "MemoryError",
        TOP + "MemoryError: 4 GiB were asked for\n",
        TOP + ARRAY,
        TOP + "numpy.core._exceptions.MemoryError: Unable to allocate array\n",
        TOP + "pyarrow.lib.ArrowMemoryError: malloc of size 1 failed\n",
        TOP + "MemoryError: a\na note on it\n",
        TOP + "\x1b[1;35mMemoryError\x1b[0m: \x1b[35mtoo much\x1b[0m\n",
        (TOP + "MemoryError\n").replace("\n", "\r\n"),
        "lines of a log\n" * 100 + TOP + "MemoryError\n",
        TOP + "ValueError: a bad line, which was caught\n" + TOP + "MemoryError\n",
        CHAINED + TOP + "MemoryError\n",
        POOL + "MemoryError\n",
        TOP + "MemoryError\n" + IGNORED,
        TOP + "MemoryError\n" + IGNORED * 3,
        TOP + "MemoryError\n" + "resource_tracker: there are 2 leaked semaphores\n",
        FROZEN,
    ],
)
def test_a_memory_error_at_the_top(stderr_tail: str) -> None:
    assert ending_of(stderr_tail) is Ending.MEMORY_ERROR


@pytest.mark.parametrize(
    "stderr_tail",
    [
        "",
        "MemoryError",
        "MemoryError was caught and the batch halved\n",
        TOP + "ValueError: MemoryError\n",
        TOP + "ValueError: a\nMemoryError\n",
        TOP + "MemoryErrors: no such class\n",
        TOP + "torch.OutOfMemoryError: CUDA out of memory.\n",
        TOP + "torch.cuda.OutOfMemoryError: CUDA out of memory.\n",
        TOP + "MemoryError\n" + TOP + "KeyError: 'id'\n",
        CHAINED + TOP + "RuntimeError: the batch failed\n",
        "Traceback (most recent call last):\n",
        "Traceback (most recent call last):\n  MemoryError\n",
        THREAD,
        IGNORED.replace("AttributeError: x", "MemoryError"),
        GROUP,
    ],
)
def test_a_memory_error_elsewhere_is_not_what_ended_the_worker(stderr_tail: str) -> None:
    assert ending_of(stderr_tail) is Ending.CRASHED


def test_an_uncaught_error_makes_python_exit_with_one() -> None:
    assert ending_of(TOP + "MemoryError\n", exit_code=2) is Ending.CRASHED


def test_a_megabyte_of_tracebacks_is_read_in_a_moment() -> None:
    assert ending_of("Traceback (most recent call last):\n" * 30_000) is Ending.CRASHED
