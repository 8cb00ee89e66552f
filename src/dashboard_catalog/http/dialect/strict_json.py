"""Parses bodies as strict JSON.

No error quotes a body. OpenMetadata's clients send passwords of BI tools in some of them.
"""

import json
import re
from typing import Any, NoReturn

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

MAX_DEPTH = 100
"""How many objects and lists may be inside each other."""

MAX_STRUCTURES = 100_000
"""How many objects and lists a body may have. A few bytes of JSON can take much more memory than that."""

MAX_KEYS = 10_000
"""How many keys an object may have."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def parsed(body: bytes) -> Any:
    """Returns the JSON value of a body.

    Raises:
        CatalogError: MALFORMED_REQUEST with the place of the mistake, not with its text.
    """
    if _structures_in(body) > MAX_STRUCTURES and _structures_in(_STRING.sub(b"", body)) > MAX_STRUCTURES:
        raise _malformed(f"has more than {MAX_STRUCTURES:,} objects and lists")
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_number, object_pairs_hook=_unique)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"is not JSON: {error.msg} at {place}" if body else "is empty; JSON is expected") from None
    except UnicodeDecodeError as error:
        raise _malformed(f"is not UTF-8: byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise _malformed("has half of a surrogate pair") from None
    except RecursionError:
        raise _malformed("is nested too deeply") from None
    except _Unusable as error:
        raise _malformed(str(error)) from None
    except ValueError:
        # Python reads no integer of that length.
        raise _malformed("has a number that is too long") from None
    if _structures_in(body) > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
        raise _malformed("is nested too deeply")
    return value


def _structures_in(text: bytes) -> int:
    """Returns at most how many objects and lists a text has. What looks like one in a string counts, too."""
    return text.count(b"{") + text.count(b"[")


def depth_of(value: Any) -> int:
    """Returns how many objects and lists are inside each other."""
    depth, level = 0, [value]
    while level:
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        depth, level = depth + bool(inner), [one for each in inner for one in each]
    return depth


def _malformed(text: str) -> CatalogError:
    return CatalogError(Reason.MALFORMED_REQUEST, f"the body {text}")


class _Unusable(ValueError):
    """JSON that cannot be used. The message says why, and quotes nothing."""


def _refuse_number(_text: str) -> NoReturn:
    raise _Unusable("has a number that JSON does not have, such as NaN")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise _Unusable(f"has an object with more than {MAX_KEYS:,} keys")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unusable("has an object with the same key twice")
    return found
