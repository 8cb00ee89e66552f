"""Reads Cedar policies from a folder and refuses what cannot be relied on.

A set that is read here parses, fits the schema, and can do what it says; who asks it what is not known.
"""

from pathlib import Path

import cedarpy

DEFAULT_FOLDER = Path(__file__).parent / "policies"

Stamp = tuple[tuple[str, int, int, int], ...]

_SCHEMA_FILE = DEFAULT_FOLDER / "catalog.cedarschema"
_NEVER_NAMED = frozenset({"Asset", "Entity"})


class PolicyError(Exception):
    """Policies that cannot be used; the text names the file and the problem."""


def read_schema() -> cedarpy.Schema:
    """Returns the schema of this package, parsed; a folder of policies cannot bring another."""
    return cedarpy.Schema.from_str(_SCHEMA_FILE.read_text("utf-8"))


def policies_stamp(folder: Path) -> Stamp:
    """Returns what differs once a policy file is added, removed, replaced or written; empty if unreadable."""
    try:
        files = sorted(folder.glob("*.cedar"))
        stats = [(path.name, path.stat()) for path in files]
    except OSError:
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats)


def read_policies(folder: Path, schema: cedarpy.Schema) -> cedarpy.PolicySet:
    """Reads, parses and validates all `*.cedar` files of `folder`, not of folders in it.

    Raises:
        PolicyError: If there is none, or one cannot be read, parsed or validated.
    """
    if not folder.is_dir():
        raise PolicyError(f"{folder}: is not a folder")
    files = sorted(folder.glob("*.cedar"))
    if not files:
        raise PolicyError(f"{folder}: holds no .cedar file")
    texts = [_read_file(path, schema) for path in files]
    return cedarpy.PolicySet.from_str("\n".join(texts))


def _read_file(path: Path, schema: cedarpy.Schema) -> str:
    try:
        text = path.read_text("utf-8")
        policies = cedarpy.PolicySet.from_str(text)
        _refuse_what_decides_nothing(policies)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8") from error
    except ValueError as error:
        raise PolicyError(f"{path}: {error}") from error
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        names = result.id_annotations_by_policy_id
        problems = (f"{names.get(e.policy_id, e.policy_id)}: {e.error}" for e in result.errors)
        raise PolicyError(f"{path}: does not fit the schema: {'; '.join(problems)}")
    return text


def _refuse_what_decides_nothing(policies: cedarpy.PolicySet) -> None:
    """Raises ValueError for what Cedar accepts but what would silently never permit or forbid anything."""
    if policies.templates():
        raise ValueError("holds a template (?principal or ?resource), which nothing here fills in")
    # An editor that is writing the file has emptied it first: a rule must not be lost for that moment.
    if len(policies) == 0:
        raise ValueError("holds no policy")
    for uid in cedarpy.pst.entity_uids(policies.to_pst()):
        if str(uid.type) in _NEVER_NAMED:
            raise ValueError(f"names {uid}, but a policy cannot name a single asset or entity, only groups")
