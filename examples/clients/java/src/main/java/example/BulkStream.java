package example;

import dashboardcatalog.v1.BulkUpsertFinish;
import dashboardcatalog.v1.BulkUpsertOptions;
import dashboardcatalog.v1.BulkUpsertRequest;
import dashboardcatalog.v1.BulkUpsertResponse;
import dashboardcatalog.v1.BulkUpsertSummary;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * One stream of a load: sends chunks while gRPC has room for them, and reads responses meanwhile.
 *
 * <p>gRPC runs the callbacks of a call one after the other, so they need no locks. They must not block.
 */
final class BulkStream implements ClientResponseObserver<BulkUpsertRequest, BulkUpsertResponse> {
    private final BulkLoad load;
    private final BulkUpsertOptions options;
    private final PendingChunks pending;
    private final CompletableFuture<BulkUpsertSummary> ended = new CompletableFuture<>();
    private ClientCallStreamObserver<BulkUpsertRequest> requests;
    private BulkUpsertSummary summary;
    private boolean sentOptions;
    private boolean sentFinish;
    private long sentBelow;

    BulkStream(BulkLoad load, BulkUpsertOptions options, PendingChunks pending) {
        this.load = load;
        this.options = options;
        this.pending = pending;
        this.sentBelow = pending.acknowledged();
    }

    /**
     * Waits for the end of the stream.
     *
     * @throws StatusRuntimeException if it ended before its time
     */
    BulkUpsertSummary summary() {
        try {
            return ended.join();
        } catch (CompletionException error) {
            throw error.getCause() instanceof StatusRuntimeException status ? status : error;
        }
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<BulkUpsertRequest> requests) {
        this.requests = requests;
        // Runs when the connection is up, and whenever it can take more after it could not.
        requests.setOnReadyHandler(this::send);
    }

    /** Sends what fits. Without {@code isReady}, gRPC would hold the whole load in memory. */
    private void send() {
        while (requests.isReady() && !sentFinish) {
            Optional<BulkUpsertRequest> request = next();
            if (request.isEmpty()) {
                return;
            }
            requests.onNext(request.get());
            sentFinish = request.get().hasFinish();
            if (sentFinish) {
                requests.onCompleted();
            }
        }
    }

    /** Returns the next message; empty if the server has to acknowledge a chunk first. */
    private Optional<BulkUpsertRequest> next() {
        if (!sentOptions) {
            sentOptions = true;
            return Optional.of(BulkUpsertRequest.newBuilder().setOptions(options).build());
        }
        if (pending.isEnd(sentBelow)) {
            BulkUpsertFinish finish = BulkUpsertFinish.newBuilder().setTotalItems(sentBelow).build();
            return Optional.of(BulkUpsertRequest.newBuilder().setFinish(finish).build());
        }
        Optional<BulkUpsertRequest> chunk = pending.after(sentBelow);
        chunk.ifPresent(sent -> sentBelow = PendingChunks.endOf(sent));
        return chunk;
    }

    @Override
    public void onNext(BulkUpsertResponse response) {
        switch (response.getResponseCase()) {
            case STARTED -> load.started(response.getStarted());
            case PROGRESS -> {
                load.progressed(response.getProgress());
                send();
            }
            case SUMMARY -> summary = response.getSummary();
            // A response of a newer contract.
            case RESPONSE_NOT_SET -> {}
        }
    }

    @Override
    public void onError(Throwable error) {
        ended.completeExceptionally(error);
    }

    @Override
    public void onCompleted() {
        if (summary == null) {
            onError(Status.UNAVAILABLE.withDescription("the stream ended without a summary").asRuntimeException());
        } else {
            ended.complete(summary);
        }
    }
}
