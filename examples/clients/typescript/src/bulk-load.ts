/** A load of many items through BulkUpsert that goes on after a broken connection. */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import {
  type BulkUpsertItem,
  BulkUpsertItemSchema,
  type BulkUpsertProgress,
  type BulkUpsertRequestSchema,
  type BulkUpsertResult,
  type BulkUpsertSummary,
} from "../generated/dashboardcatalog/v1/bulk_pb.js";
import type { Catalog } from "./connection.js";
import { isConnectionFailure } from "./errors.js";

/** The server accepts chunks of at most 1,000 items and 4 MiB. */
const MAX_CHUNK_ITEMS = 1_000;
const MAX_CHUNK_BYTES = 2_000_000;
/** A load takes as long as it takes. Pings detect a dead connection. */
const NO_DEADLINE = 0;
const MAX_ATTEMPTS = 8;
const MAX_BACKOFF_MS = 10_000;

type Request = MessageInitShape<typeof BulkUpsertRequestSchema>;

/**
 * One load, which is one session of the server.
 *
 * The items stay in memory, so that whatever the server has not acknowledged can be sent again.
 */
export class BulkLoad {
  /** Names the session: another connection with the same id and the same options goes on with it. */
  readonly sessionId = randomUUID();
  /** Refused items by offset. */
  readonly failures = new Map<bigint, BulkUpsertResult>();
  /** Everything below this offset is committed or refused, and its results are in `failures`. */
  #acknowledged = 0;
  /** Connections on which the server has answered. */
  #connections = 0;

  constructor(
    private readonly catalog: Catalog,
    private readonly service: string,
    private readonly items: readonly BulkUpsertItem[],
  ) {}

  /** Number of times that the load went on after its connection broke. */
  get resumed(): number {
    return Math.max(0, this.#connections - 1);
  }

  /**
   * Runs connections until one of them reaches the end, and returns the counts of the whole session.
   *
   * @throws ConnectError if the catalog refuses the load, or if several connections in a row achieve nothing.
   */
  async run(): Promise<BulkUpsertSummary> {
    for (let attempt = 1; ; attempt++) {
      const before = this.#acknowledged;
      try {
        return await this.#runConnection();
      } catch (error) {
        attempt = this.#acknowledged > before ? 1 : attempt;
        if (!isConnectionFailure(error) || attempt === MAX_ATTEMPTS) {
          throw error;
        }
        console.log(`  connection lost after ${this.#acknowledged} acknowledged items: ${error.message}`);
        await sleep(backoffMs(attempt));
      }
    }
  }

  /** Sends and reads at the same time: the client consumes `#requests` while this loop consumes the responses. */
  async #runConnection(): Promise<BulkUpsertSummary> {
    let summary: BulkUpsertSummary | undefined;
    const responses = this.catalog.dashboards.bulkUpsert(this.#requests(), { timeoutMs: NO_DEADLINE });
    // To the end, even after the summary: the status of the call comes last.
    for await (const { response } of responses) {
      switch (response.case) {
        case "started":
          this.#connections++;
          console.log(`  session ${response.value.sessionId}: the server has ${response.value.nextOffset} items`);
          break;
        case "progress":
          this.#acknowledge(response.value);
          break;
        case "summary":
          summary = response.value;
          break;
      }
    }
    if (summary === undefined) {
      throw new ConnectError("the stream ended without a summary", Code.Unavailable);
    }
    return summary;
  }

  /**
   * Yields the options, every chunk that is not acknowledged, and the end.
   *
   * After a break, `started.nextOffset` may be higher than what was acknowledged. The server skips the items in between
   * and reports their failures again; a client that went on at `nextOffset` would never hear of those failures.
   */
  async *#requests(): AsyncGenerator<Request> {
    yield { options: { sessionId: this.sessionId, service: this.service } };
    let offset = this.#acknowledged;
    while (offset < this.items.length) {
      const chunk = chunkAt(this.items, offset);
      yield { offset: BigInt(offset), items: chunk };
      offset += chunk.length;
    }
    yield { finish: { totalItems: BigInt(this.items.length) } };
  }

  #acknowledge(progress: BulkUpsertProgress): void {
    for (const result of progress.results) {
      this.failures.set(result.offset, result);
    }
    // An int64 is a bigint. Offsets are far below 2^53, so a number holds them too.
    this.#acknowledged = Number(progress.nextOffset);
  }
}

/** Returns as many items from an offset on as one message may hold. */
function chunkAt(items: readonly BulkUpsertItem[], offset: number): BulkUpsertItem[] {
  const chunk: BulkUpsertItem[] = [];
  let bytes = 0;
  for (const item of items.slice(offset, offset + MAX_CHUNK_ITEMS)) {
    bytes += toBinary(BulkUpsertItemSchema, item).length;
    if (chunk.length > 0 && bytes > MAX_CHUNK_BYTES) {
      break;
    }
    chunk.push(item);
  }
  return chunk;
}

/** Doubles with each attempt, and is random so that clients do not come back all at once. */
function backoffMs(attempt: number): number {
  const most = Math.min(MAX_BACKOFF_MS, 200 * 2 ** attempt);
  return most * (0.5 + Math.random() / 2);
}
