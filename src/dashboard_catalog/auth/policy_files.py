"""Reads Cedar policies from a folder and refuses policies that would not work as written.

Every policy that is returned parses, matches the schema and can take effect. This module must not know what the
policies decide about.
"""

from pathlib import Path

import cedarpy

from dashboard_catalog.auth.policy_trial import find_crash

DEFAULT_FOLDER = Path(__file__).parent / "policies"

Stamp = tuple[tuple[str, int, int, int], ...]

_SCHEMA_FILE = DEFAULT_FOLDER / "catalog.cedarschema"
_NEVER_NAMED = frozenset({"Asset", "Entity"})


class PolicyError(Exception):
    """Policies cannot be used. The message names the file and the problem."""


def read_schema() -> cedarpy.Schema:
    """Returns the parsed schema of this package. A folder of policies cannot replace it."""
    return cedarpy.Schema.from_str(_SCHEMA_FILE.read_text("utf-8"))


def policies_stamp(folder: Path) -> Stamp:
    """Returns a value that changes when a policy file is added, removed, replaced or written.

    The value is empty if the folder cannot be read.
    """
    try:
        stats = [(path.name, path.stat()) for path in _policy_files(folder)]
    except OSError:
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats)


def read_policies(folder: Path, schema: cedarpy.Schema) -> cedarpy.PolicySet:
    """Reads, parses and validates all policy files in `folder`, without its subfolders.

    Raises:
        PolicyError: If there is no file, or if one cannot be read, parsed or validated.
    """
    if not folder.is_dir():
        raise PolicyError(f"{folder}: is not a folder")
    texts = {str(path): _text_of(path) for path in _policy_files(folder)}
    if not texts:
        raise PolicyError(f"{folder}: contains no .cedar file")
    if folder != DEFAULT_FOLDER and (crashing := find_crash(texts)):
        raise PolicyError(f"{crashing}: is nested too deeply for the policy engine, or takes it too long")
    for path, text in texts.items():
        try:
            parse_policies(text, schema)
        except ValueError as error:
            raise PolicyError(f"{path}: {error}") from error
    return cedarpy.PolicySet.from_str("\n".join(texts.values()))


def parse_policies(text: str, schema: cedarpy.Schema) -> None:
    """Parses and validates the policies of one file.

    Raises:
        ValueError: If they cannot be used.
    """
    policies = cedarpy.PolicySet.from_str(text)
    _refuse_what_decides_nothing(policies)
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        names = result.id_annotations_by_policy_id
        problems = (f"{names.get(e.policy_id, e.policy_id)}: {e.error}" for e in result.errors)
        raise ValueError(f"does not match the schema: {'; '.join(problems)}")


def _policy_files(folder: Path) -> list[Path]:
    """Returns the policy files of a folder, without hidden files, which editors and archives leave behind."""
    return sorted(path for path in folder.glob("*.cedar") if not path.name.startswith("."))


def _text_of(path: Path) -> str:
    try:
        # Some editors begin UTF-8 with a byte order mark.
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8") from error


def _refuse_what_decides_nothing(policies: cedarpy.PolicySet) -> None:
    """Refuses policies that Cedar accepts but that would silently never permit or forbid anything.

    Raises:
        ValueError: If there is such a policy, or no policy at all.
    """
    if policies.templates():
        raise ValueError("contains a template (?principal or ?resource); templates are not supported")
    # Some editors empty a file before they write it. The rules of the file must not disappear for that moment.
    if len(policies) == 0:
        raise ValueError("contains no policy")
    for uid in cedarpy.pst.entity_uids(policies.to_pst()):
        if str(uid.type) in _NEVER_NAMED:
            raise ValueError(f"names {uid}, but a policy can only name groups, not a single asset or entity")
