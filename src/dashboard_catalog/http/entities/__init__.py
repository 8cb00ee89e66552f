"""Entities: BI services, users, teams, domains, classifications and tags."""
