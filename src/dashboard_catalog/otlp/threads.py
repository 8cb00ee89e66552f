"""Threads for work that waits for a collector, and may have to be given up."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread


async def done_in_thread(work: Callable[[], object], seconds: float) -> None:
    """Runs `work`, which handles its own errors, in a thread, and returns when it is done or the time is up.

    The threads of `asyncio.to_thread` would keep the process from ending.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            # The loop may be gone by now.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

    Thread(target=run, name="otlp", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
