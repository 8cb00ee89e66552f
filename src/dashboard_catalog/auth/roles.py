"""The roles that exist: those that policies name."""

from pathlib import Path

import cedarpy

from dashboard_catalog.auth.claims import BOT_ROLE
from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER, read_policies, read_schema


def named_roles(policy_dir: Path | None) -> frozenset[str]:
    """Returns the roles that the policies of a folder name, and the role that makes a caller a bot.

    Empty if the policies name no role: then they decide by something else.

    Args:
        policy_dir: Folder of `*.cedar` files; None for the default policies of this package.

    Raises:
        PolicyError: If the policies cannot be used.
    """
    policies = read_policies(policy_dir or DEFAULT_FOLDER, read_schema())
    roles = {str(uid.id) for uid in cedarpy.pst.entity_uids(policies.to_pst()) if str(uid.type) == "Role"}
    return frozenset(roles | {BOT_ROLE}) if roles else frozenset()
