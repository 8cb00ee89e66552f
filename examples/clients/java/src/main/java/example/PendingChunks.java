package example;

import dashboardcatalog.v1.BulkUpsertItem;
import dashboardcatalog.v1.BulkUpsertRequest;
import dashboardcatalog.v1.DashboardSpec;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.Optional;
import java.util.Queue;

/** The chunks that the server has not acknowledged, kept to be sent again after a break. */
final class PendingChunks {
    /** Limits of a chunk. The server accepts 4 MiB, and 512 KiB per item. */
    private static final int MAX_ITEMS = 1_000;

    private static final int MAX_BYTES = 3 << 20;
    /** Enough to keep the server busy. */
    private static final int MAX_CHUNKS = 8;

    private final Iterator<DashboardSpec> source;
    private final Queue<BulkUpsertRequest> chunks = new ArrayDeque<>();
    private long acknowledged;
    private long end;

    PendingChunks(Iterator<DashboardSpec> source) {
        this.source = source;
    }

    /** Returns the offset below which the server has everything. */
    long acknowledged() {
        return acknowledged;
    }

    /** Says whether a connection that has sent everything below an offset has sent all there is. */
    boolean isEnd(long offset) {
        return offset == end && !source.hasNext();
    }

    /**
     * Returns the chunk that follows on a connection that has sent everything below an offset.
     *
     * @return empty if the server has to acknowledge something first, or if there is no more
     */
    Optional<BulkUpsertRequest> after(long offset) {
        if (offset == end && source.hasNext() && chunks.size() < MAX_CHUNKS) {
            chunks.add(nextChunk());
        }
        return chunks.stream().filter(chunk -> endOf(chunk) > offset).findFirst();
    }

    private BulkUpsertRequest nextChunk() {
        BulkUpsertRequest.Builder chunk = BulkUpsertRequest.newBuilder().setOffset(end);
        int bytes = 0;
        while (source.hasNext() && chunk.getItemsCount() < MAX_ITEMS && bytes < MAX_BYTES) {
            BulkUpsertItem item = BulkUpsertItem.newBuilder().setDashboard(source.next()).build();
            bytes += item.getSerializedSize();
            chunk.addItems(item);
        }
        end += chunk.getItemsCount();
        return chunk.build();
    }

    /** Forgets the chunks that the server has completely. */
    void acknowledge(long nextOffset) {
        // A session that an earlier process began may be further than this one has read.
        acknowledged = Math.max(acknowledged, Math.min(nextOffset, end));
        while (!chunks.isEmpty() && endOf(chunks.peek()) <= acknowledged) {
            chunks.remove();
        }
    }

    static long endOf(BulkUpsertRequest chunk) {
        return chunk.getOffset() + chunk.getItemsCount();
    }
}
