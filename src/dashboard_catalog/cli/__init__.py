"""The command `dashboard-catalog`: one module per subcommand.

Nothing here knows the rules of the catalog. `serve`, `token` and `db` call the parts that do; the other commands are
clients that know only the contract.
"""

import os

# Before gRPC is loaded, which would write to standard error what its exceptions say as well.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
