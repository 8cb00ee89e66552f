package example;

import dashboardcatalog.v1.BulkUpsertOptions;
import dashboardcatalog.v1.BulkUpsertProgress;
import dashboardcatalog.v1.BulkUpsertResult;
import dashboardcatalog.v1.BulkUpsertStarted;
import dashboardcatalog.v1.BulkUpsertSummary;
import dashboardcatalog.v1.DashboardServiceGrpc;
import dashboardcatalog.v1.DashboardServiceGrpc.DashboardServiceStub;
import dashboardcatalog.v1.DashboardSpec;
import dashboardcatalog.v1.Outcome;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A load in one session, which survives broken connections.
 *
 * <p>After a break, another stream with the same session id and the same options sends again what the server has not
 * acknowledged. The server writes every item once: it skips what it already has, and repeats the failures among it.
 */
final class BulkLoad {
    /** About five minutes without progress. */
    private static final int MAX_ATTEMPTS = 60;

    private static final long FIRST_BACKOFF_MILLIS = 200;
    private static final long MAX_BACKOFF_MILLIS = 5_000;

    private final ManagedChannel channel;
    private final DashboardServiceStub stub;
    private final BulkUpsertOptions options;
    private final PendingChunks pending;
    private final Map<Long, BulkUpsertResult> failures = new TreeMap<>();
    private int streamsStarted;
    private int failedAttempts;

    BulkLoad(ManagedChannel channel, CallCredentials token, String service, Iterator<DashboardSpec> dashboards) {
        this.channel = channel;
        this.stub = DashboardServiceGrpc.newStub(channel).withCallCredentials(token);
        this.options = BulkUpsertOptions.newBuilder()
                .setSessionId(UUID.randomUUID().toString())
                .setService(service)
                .build();
        this.pending = new PendingChunks(dashboards);
    }

    /**
     * Runs the load to its end.
     *
     * @return counts of the whole session
     * @throws StatusRuntimeException if the load cannot go on
     */
    BulkUpsertSummary run() throws InterruptedException {
        while (true) {
            try {
                BulkStream stream = new BulkStream(this, options, pending);
                // Without a deadline: a load takes as long as it takes.
                stub.bulkUpsert(stream);
                return stream.summary();
            } catch (StatusRuntimeException error) {
                waitBeforeNextStream(error);
            }
        }
    }

    private void waitBeforeNextStream(StatusRuntimeException error) throws InterruptedException {
        if (!isCut(error) || failedAttempts >= MAX_ATTEMPTS) {
            throw error;
        }
        System.out.printf("the stream broke: %s%n", error.getMessage());
        long longest = Math.min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(failedAttempts, 10));
        failedAttempts++;
        Thread.sleep(ThreadLocalRandom.current().nextLong(longest / 2, longest));
        // The channel would wait up to two minutes before it connects again.
        channel.resetConnectBackoff();
    }

    /** Says whether a stream ended because the server is away, or because something in between broke it. */
    private static boolean isCut(StatusRuntimeException error) {
        return switch (error.getStatus().getCode()) {
            case UNAVAILABLE -> true;
            // The catalog always gives a reason. An exception in a callback ends a stream too, and is the cause.
            case CANCELLED, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN ->
                    Refusal.of(error).reason().isEmpty() && error.getCause() == null;
            default -> false;
        };
    }

    void started(BulkUpsertStarted started) {
        if (streamsStarted++ > 0) {
            System.out.printf(
                    "resumed: the server has %d items, %d of them acknowledged%n",
                    started.getNextOffset(), pending.acknowledged());
        }
    }

    void progressed(BulkUpsertProgress progress) {
        for (BulkUpsertResult result : progress.getResultsList()) {
            // By offset, so that a failure that is repeated after a break counts once.
            if (result.getOutcome() == Outcome.OUTCOME_FAILED) {
                failures.put(result.getOffset(), result);
            }
        }
        if (progress.getNextOffset() > pending.acknowledged()) {
            failedAttempts = 0;
        }
        pending.acknowledge(progress.getNextOffset());
    }

    int timesResumed() {
        return streamsStarted - 1;
    }

    /** Returns the items that were refused, in order. */
    Collection<BulkUpsertResult> failures() {
        return failures.values();
    }
}
