package example;

import dashboardcatalog.v1.DashboardServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Opens channels to a catalog. */
final class Channels {
    /** Retries UNAVAILABLE and nothing else. gRPC accepts numbers only as doubles here. */
    private static final Map<String, ?> RETRY_POLICY = Map.of(
            "maxAttempts", 5.0,
            "initialBackoff", "0.5s",
            "maxBackoff", "3s",
            "backoffMultiplier", 4.0,
            "retryableStatusCodes", List.of("UNAVAILABLE"));

    private static final Map<String, String> BULK_UPSERT =
            Map.of("service", DashboardServiceGrpc.SERVICE_NAME, "method", "BulkUpsert");

    /** The stream has no policy: after a break, its session knows where to go on. */
    private static final Map<String, ?> SERVICE_CONFIG = Map.of(
            "methodConfig",
            List.of(
                    Map.of("name", List.of(BULK_UPSERT)),
                    Map.of("name", List.of(Map.of()), "retryPolicy", RETRY_POLICY)));

    private Channels() {}

    /**
     * Opens a channel without TLS, which is for this machine only: elsewhere, use {@code TlsChannelCredentials}.
     *
     * @param address HOST:PORT
     */
    static ManagedChannel open(String address) {
        return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
                .defaultServiceConfig(SERVICE_CONFIG)
                // Notices a connection that died without a word.
                .keepAliveTime(60, TimeUnit.SECONDS)
                .build();
    }
}
