"""What a team might write instead of the catalog: a FastAPI service on SQLAlchemy's ORM, on the same PostgreSQL.

It is as fast as its tools allow in their usual ways, and uses none of the catalog's code.
"""
