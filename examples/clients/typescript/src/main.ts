/** Calls a catalog in every way that most clients need; see docs/clients/typescript.md. */

import assert from "node:assert/strict";

import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";

import { type BulkUpsertItem, BulkUpsertItemSchema } from "../generated/dashboardcatalog/v1/bulk_pb.js";
import { BulkLoad } from "./bulk-load.js";
import { type Catalog, connect } from "./connection.js";
import {
  createDashboard,
  listDashboards,
  upsertDashboardWithCharts,
  upsertInvalidDashboard,
  upsertService,
} from "./steps.js";

const SERVICE = "typescript";
const ITEMS = 10_000;

async function main(): Promise<void> {
  const catalog = connect(setting("CATALOG_ADDRESS"), setting("CATALOG_TOKEN"));
  await upsertService(catalog, SERVICE);
  await createDashboard(catalog, SERVICE, "welcome");
  await upsertDashboardWithCharts(catalog, SERVICE, "sales");
  assert.equal(await upsertInvalidDashboard(catalog, SERVICE), 3);
  await loadDashboards(catalog);
  await countPages(catalog);
}

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

async function loadDashboards(catalog: Catalog): Promise<void> {
  console.log(`loading ${ITEMS} dashboards`);
  const load = new BulkLoad(catalog, SERVICE, Array.from({ length: ITEMS }, (_, index) => dashboardItem(index)));
  const { created, updated, unchanged, restored, failed } = await load.run();
  for (const { fullyQualifiedName, status } of load.failures.values()) {
    console.log(`  ${fullyQualifiedName}: ${status?.message}`);
  }
  const loaded = created + updated + unchanged + restored;
  console.log(`loaded ${loaded} of ${ITEMS}, resumed ${load.resumed} time(s)`);
  assert.equal(failed, BigInt(load.failures.size));
  assert.equal(loaded, BigInt(ITEMS));
}

/** Returns a dashboard of about 500 bytes. */
function dashboardItem(index: number): BulkUpsertItem {
  const description = `Dashboard ${index}. `.padEnd(450, "It shows what happened today. ");
  const value = { service: SERVICE, name: `generated-${index}`, description };
  return create(BulkUpsertItemSchema, { item: { case: "dashboard", value } });
}

async function countPages(catalog: Catalog): Promise<void> {
  let pages = 0;
  const names = new Set<string>();
  for await (const page of listDashboards(catalog, SERVICE)) {
    pages++;
    page.forEach((name) => names.add(name));
  }
  console.log(`listed ${names.size} dashboards on ${pages} pages`);
  // Those of the load, and the two that were written before it.
  assert.equal(names.size, ITEMS + 2);
}

main().catch((error: unknown) => {
  console.error(error instanceof ConnectError ? `failed: ${error.message}` : error);
  process.exitCode = 1;
});
