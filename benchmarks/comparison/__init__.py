"""What a team would write without the catalog: a FastAPI service on SQLAlchemy's ORM, over the same PostgreSQL.

It is as quick as its tools allow without leaving the usual ways, and knows nothing of the catalog's code.
"""
