/** How to reach the catalog: one transport for all its gRPC services. */

import { createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { CatalogService } from "../generated/dashboardcatalog/v1/catalog_service_pb.js";
import { ChartService } from "../generated/dashboardcatalog/v1/chart_service_pb.js";
import { DashboardService } from "../generated/dashboardcatalog/v1/dashboard_service_pb.js";

/** Clients of the catalog's gRPC services. They share one HTTP/2 connection, which opens with the first call. */
export interface Catalog {
  entities: Client<typeof CatalogService>;
  charts: Client<typeof ChartService>;
  dashboards: Client<typeof DashboardService>;
}

/**
 * Returns clients that send a bearer token with every call.
 *
 * @param address `HOST:PORT` of a server without TLS; with TLS, the base URL starts with `https://`.
 */
export function connect(address: string, token: string): Catalog {
  const transport = createGrpcTransport({
    baseUrl: `http://${address}`,
    interceptors: [bearer(token)],
    // The deadline of every call that does not set its own `timeoutMs`, streams included.
    defaultTimeoutMs: 10_000,
    // Detects a connection that died silently. The server accepts one ping every 10 seconds.
    pingIntervalMs: 60_000,
  });
  return {
    entities: createClient(CatalogService, transport),
    charts: createClient(ChartService, transport),
    dashboards: createClient(DashboardService, transport),
  };
}

function bearer(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
