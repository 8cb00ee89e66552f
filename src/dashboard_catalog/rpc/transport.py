"""How gRPC treats connections and streams, before the edge sees a call."""

from collections.abc import Sequence

import grpc.aio

from dashboard_catalog.contract.limits import MAX_MESSAGE_BYTES
from dashboard_catalog.rpc.edge.edge import Edge

MAX_CONNECTION_STREAMS = 100
HANDSHAKE_SECONDS = 10
IDLE_CONNECTION_SECONDS = 600

# A little above the limit of the catalog, which refuses a message with details. gRPC reads nothing of larger ones, and
# refuses them without details.
_MESSAGE_BYTES = MAX_MESSAGE_BYTES + 2**20


def new_server(edge: Edge, *, shares_address: bool) -> grpc.aio.Server:
    """Returns a server that has no address yet.

    gRPC limits no calls itself: it would count those of strangers, and refuse without details.

    Args:
        shares_address: Whether other processes serve the same address.
    """
    return grpc.aio.server(handlers=[edge], options=_options(shares_address=shares_address))


def _options(*, shares_address: bool) -> Sequence[tuple[str, int]]:
    options = [
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        # The tokens of identity providers grow with the groups in them.
        ("grpc.max_metadata_size", 32 * 2**10),
        ("grpc.absolute_max_metadata_size", 64 * 2**10),
        # Clients queue further calls, or open another connection.
        ("grpc.max_concurrent_streams", MAX_CONNECTION_STREAMS),
        # It would count streams that have ended but are not yet cleared away, and refuse those of clients that keep the
        # limit.
        ("grpc.http.overload_protection", 0),
        # What may arrive before the server reads stays at 64 KiB per stream, instead of growing with the speed of the
        # network. A message that the server is reading may always arrive as a whole.
        ("grpc.http2.bdp_probe", 0),
        # For TLS and for the first frames of a connection.
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1_000),
        # Clients connect again when they need to.
        ("grpc.max_connection_idle_ms", IDLE_CONNECTION_SECONDS * 1_000),
        # Above 1,000 calls that the server has not yet seen, gRPC would cancel some of them, whoever calls.
        ("grpc.server.max_pending_requests", 10_000),
        ("grpc.server.max_pending_requests_hard_limit", 20_000),
        # Otherwise two servers could be started on one port, and would share its connections.
        ("grpc.so_reuseport", int(shares_address)),
        # Finds clients that have gone silently, and lets long streams show that they are alive.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
    if shares_address:
        # The kernel balances connections, not calls, so clients must connect again. gRPC varies this by 10 %.
        options.append(("grpc.max_connection_age_ms", 600_000))
    return options
