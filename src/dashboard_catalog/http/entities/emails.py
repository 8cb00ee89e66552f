"""Email addresses as OpenMetadata's clients accept them."""

import re

# RFC 2606 keeps this domain free of mail. Clients refuse the top-level domains that are free of it, such as `invalid`.
_NOWHERE = "no-email.example.com"
_RESERVED = "arpa|example|invalid|local|localhost|onion|test"
_ACCEPTED = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    rf"@([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+(?!({_RESERVED})$)[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?",
    re.IGNORECASE,
)
_MIN_CHARACTERS, _MAX_CHARACTERS = 6, 127
_MAX_LOCAL_CHARACTERS = 64
_UNUSABLE = re.compile(r"[^A-Za-z0-9.]+|\.{2,}")


def accepted_email(stored: str, name: str) -> str:
    """Returns the email address of a user, or one at which there is no mail where clients would refuse it.

    Args:
        stored: As it is stored; empty if there is none.
        name: Name of the user.
    """
    if _MIN_CHARACTERS <= len(stored) <= _MAX_CHARACTERS and _ACCEPTED.fullmatch(stored):
        return stored
    local = _UNUSABLE.sub("_", name)[:_MAX_LOCAL_CHARACTERS].strip(".")
    return f"{local or 'user'}@{_NOWHERE}"
