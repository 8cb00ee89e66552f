"""How tests wait: for conditions, never for an amount of time that some machine may not be able to keep.

A limit exists only so that a test that hangs fails.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

PATIENCE = 60.0
"""Seconds after which a test counts as hanging."""

_LIFETIMES = (1.0, 4.0, 16.0)


async def until(condition: Callable[[], object]) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is not made for tests
            await asyncio.sleep(0.01)


def for_some_lifetime(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Runs a test with a token that expires after `lifetime` seconds; if it fails, again with one that lives longer.

    Such a test does something before its token expires, and cannot know how long that takes here.
    """

    @functools.wraps(test)
    async def for_each(**fixtures: Any) -> None:
        for lifetime in _LIFETIMES:
            try:
                return await test(**fixtures, lifetime=lifetime)
            except (Exception, pytest.fail.Exception):
                if lifetime == _LIFETIMES[-1]:
                    raise
        return None

    signature = inspect.signature(test)
    fixtures = [parameter for name, parameter in signature.parameters.items() if name != "lifetime"]
    for_each.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
    return for_each
