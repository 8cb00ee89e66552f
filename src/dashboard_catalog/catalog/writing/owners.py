"""The rule of ownership: an asset is owned by any number of users, or by exactly one team of type Group.

Source: OpenMetadata, which refuses other owners with 400.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from dashboard_catalog.store.records import EntityRecord


def check_owners(owners: Sequence[EntityRecord], held: Collection[UUID]) -> list[Violation]:
    """Returns how owners break the rule.

    Args:
        owners: Users and teams, each once.
        held: Ids of the owners that the asset has already. Such a team may be of any type.
    """
    teams = [owner for owner in owners if owner.kind == "team"]
    found = []
    if teams and len(owners) > 1:
        text = "owners are any number of users, or exactly one team"
        found.append(Violation("owners", ViolationReason.OWNER_RULE, text))
    for team in teams:
        if team.attributes["team_type"] != "Group" and team.id not in held:
            text = f"team {team.name} is of type {team.attributes['team_type']}; only a Group can own assets"
            found.append(Violation("owners", ViolationReason.OWNER_RULE, text))
    return found
