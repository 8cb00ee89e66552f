"""Tries policies in a process of their own before the server loads them.

The native parser of Cedar recurses without a limit. An expression that is nested too deeply overflows the stack and
ends the whole process, which no exception handler can prevent. This module must not judge policies in any other way:
what the trial survives is parsed and validated by the server itself, which words the problems.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO

TRIAL_SECONDS = 30.0

# A quarter of what threads have on most systems, so that what passes here has room to spare in the server.
_STACK_BYTES = 2 * 2**20


def find_crash(texts: Mapping[str, str], seconds: float = TRIAL_SECONDS) -> str | None:
    """Returns the name of the first policy file that ends the process that loads it; None if there is none.

    Args:
        texts: The content of each file, by its name.
        seconds: How long all of them may take together; a file that takes longer counts as a crash.
    """
    # -P: the working directory must not decide which modules the process imports.
    command = [sys.executable, "-P", "-m", __name__]
    child = subprocess.Popen(  # noqa: S603 - nothing in the command comes from outside
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )
    with child:
        try:
            tried, _ = child.communicate(json.dumps(list(texts.values())), timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            tried, _ = child.communicate()
    return None if child.returncode == 0 else list(texts)[max(len(tried.split()) - 1, 0)]


def try_out(load: Callable[[str], object], texts: list[str], report: TextIO) -> None:
    """Loads texts on a small stack, and writes a line before each. Ignores what an exception can say."""

    def run() -> None:
        for number, text in enumerate(texts):
            print(number, file=report, flush=True)
            # The server finds the same problem, and says what it is.
            with suppress(Exception):
                load(text)

    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


if __name__ == "__main__":
    from dashboard_catalog.auth.policy_files import parse_policies, read_schema

    schema = read_schema()
    try_out(lambda text: parse_policies(text, schema), json.load(sys.stdin), sys.stdout)
