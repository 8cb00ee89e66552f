package example;

import dashboardcatalog.v1.BulkUpsertSummary;
import io.grpc.ManagedChannel;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Walks through what a client of the catalog does. Ends with an exception if anything is not as expected. */
public final class Main {
    private static final String SERVICE = "java";
    private static final int GENERATED = 10_000;

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        ManagedChannel channel = Channels.open(System.getenv("CATALOG_ADDRESS"));
        try {
            BearerToken token = new BearerToken(System.getenv("CATALOG_TOKEN"));
            writeDashboards(new Catalog(channel, token));
            load(new BulkLoad(channel, token, SERVICE, GeneratedDashboards.of(SERVICE, GENERATED).iterator()));
            list(new Catalog(channel, token));
        } finally {
            channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        }
    }

    private static void writeDashboards(Catalog catalog) {
        System.out.printf("BI service %s: %s%n", SERVICE, catalog.upsertService(SERVICE, "Superset"));
        System.out.printf("custom property: %s%n", catalog.upsertTextProperty("javaCostCentre"));
        catalog.upsertCharts(SERVICE, List.of("signups", "returns"));
        boolean created = catalog.createDashboard(SERVICE, "overview");
        System.out.printf("dashboard %s.overview: %s%n", SERVICE, created ? "created" : "exists already");
        var upserted = catalog.upsertDashboard(SERVICE, "overview", List.of("signups", "returns"));
        System.out.printf(
                "dashboard %s: %s, version %.1f, %d charts%n",
                upserted.getDashboard().getFullyQualifiedName(),
                upserted.getOutcome(),
                upserted.getDashboard().getVersion(),
                upserted.getDashboard().getChartsCount());
        Refusal refusal = catalog.upsertInvalidDashboard(SERVICE);
        System.out.printf("an invalid dashboard is refused: %s%n", refusal.reason());
        refusal.violations().forEach(violation -> System.out.println("  " + Refusal.describe(violation)));
    }

    private static void load(BulkLoad load) throws InterruptedException {
        BulkUpsertSummary summary = load.run();
        load.failures().forEach(failure ->
                System.out.printf("%s: %s%n", failure.getFullyQualifiedName(), failure.getStatus().getMessage()));
        long loaded = summary.getCreated() + summary.getUpdated() + summary.getUnchanged() + summary.getRestored();
        System.out.printf("loaded %d of %d, resumed %d time(s)%n", loaded, GENERATED, load.timesResumed());
        expect(loaded == GENERATED && load.failures().isEmpty(), "every dashboard is loaded");
    }

    private static void list(Catalog catalog) {
        Catalog.Listed listed = catalog.listDashboards(SERVICE, 100);
        System.out.printf("listed %d dashboards in %d pages%n", listed.names().size(), listed.pages());
        expect(listed.names().size() == listed.total() && listed.total() > GENERATED, "the list holds every dashboard");
    }

    private static void expect(boolean isSo, String what) {
        if (!isSo) {
            throw new IllegalStateException("expected: " + what);
        }
    }
}
