/** The single calls: entities, charts and dashboards, one at a time and page by page. */

import { Code, ConnectError } from "@connectrpc/connect";

import { Outcome } from "../generated/dashboardcatalog/v1/asset_pb.js";
import type { Catalog } from "./connection.js";
import { infoOf, violationsOf } from "./errors.js";

const PAGE_SIZE = 100;

/** Creates or updates a BI service. An entity is a oneof: `case` names the kind, `value` holds its fields. */
export async function upsertService(catalog: Catalog, name: string): Promise<void> {
  const { outcome } = await catalog.entities.upsertEntity({
    entity: { entity: { case: "biService", value: { name, serviceType: "Superset" } } },
  });
  console.log(`BI service ${name}: ${Outcome[outcome]}`);
}

/** Creates a dashboard, unless it exists. */
export async function createDashboard(catalog: Catalog, service: string, name: string): Promise<void> {
  try {
    const { dashboard } = await catalog.dashboards.createDashboard({ dashboard: { service, name } });
    console.log(`dashboard ${dashboard?.fullyQualifiedName}: created with version ${dashboard?.version.toFixed(1)}`);
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.AlreadyExists) {
      throw error;
    }
    console.log(`dashboard ${service}.${name}: exists with version ${infoOf(error)?.metadata["version"]}`);
  }
}

/** Creates or updates a dashboard and the charts on it. What it refers to has to exist first. */
export async function upsertDashboardWithCharts(catalog: Catalog, service: string, name: string): Promise<void> {
  const charts = ["orders", "revenue"];
  for (const chart of charts) {
    await catalog.charts.upsertChart({ chart: { service, name: chart, chartType: "Line" } });
  }
  const { dashboard, outcome } = await catalog.dashboards.upsertDashboard({
    dashboard: { service, name, displayName: "Sales", charts: charts.map((chart) => `${service}.${chart}`) },
  });
  const names = dashboard?.charts.map((chart) => chart.fullyQualifiedName).join(", ");
  console.log(`dashboard ${dashboard?.fullyQualifiedName}: ${Outcome[outcome]}, with charts ${names}`);
}

/** Yields the names of all dashboards of a BI service, page by page. */
export async function* listDashboards(catalog: Catalog, service: string): AsyncGenerator<string[]> {
  // Without a mask, a page holds the whole of each dashboard.
  const query = { service, pageSize: PAGE_SIZE, readMask: { paths: ["fully_qualified_name"] } };
  let pageToken = "";
  do {
    const page = await catalog.dashboards.listDashboards({ ...query, pageToken });
    yield page.dashboards.map((dashboard) => dashboard.fullyQualifiedName);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

/** Sends a dashboard that breaks several rules, prints why it is refused, and returns the number of violations. */
export async function upsertInvalidDashboard(catalog: Catalog, service: string): Promise<number> {
  const dashboard = { service, name: "sales::north", dashboardType: "Story", charts: ["orders"] };
  try {
    await catalog.dashboards.upsertDashboard({ dashboard });
    return 0;
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.InvalidArgument) {
      throw error;
    }
    console.log(`invalid dashboard: refused with reason ${infoOf(error)?.reason}`);
    const violations = violationsOf(error);
    for (const { field, description, reason } of violations) {
      console.log(`  ${field}: ${description} (${reason})`);
    }
    return violations.length;
  }
}
