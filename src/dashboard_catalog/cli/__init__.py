"""The command `dashboard-catalog`: one module a noun.

Nothing here knows the rules of the catalog: `serve`, `token` and `db` start what does, the other commands are
clients that know the contract only.
"""

import os

# Before gRPC is loaded: what it would write to standard error by itself is in the errors that it raises, too.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
