package example;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Struct;
import com.google.protobuf.util.FieldMaskUtil;
import com.google.protobuf.util.Structs;
import com.google.protobuf.util.Values;
import dashboardcatalog.v1.BiService;
import dashboardcatalog.v1.CatalogServiceGrpc;
import dashboardcatalog.v1.CatalogServiceGrpc.CatalogServiceBlockingStub;
import dashboardcatalog.v1.ChartServiceGrpc;
import dashboardcatalog.v1.ChartServiceGrpc.ChartServiceBlockingStub;
import dashboardcatalog.v1.ChartSpec;
import dashboardcatalog.v1.CreateDashboardRequest;
import dashboardcatalog.v1.CustomProperty;
import dashboardcatalog.v1.Dashboard;
import dashboardcatalog.v1.DashboardServiceGrpc;
import dashboardcatalog.v1.DashboardServiceGrpc.DashboardServiceBlockingStub;
import dashboardcatalog.v1.DashboardSpec;
import dashboardcatalog.v1.Entity;
import dashboardcatalog.v1.ListDashboardsRequest;
import dashboardcatalog.v1.ListDashboardsResponse;
import dashboardcatalog.v1.Outcome;
import dashboardcatalog.v1.UpsertChartRequest;
import dashboardcatalog.v1.UpsertDashboardRequest;
import dashboardcatalog.v1.UpsertDashboardResponse;
import dashboardcatalog.v1.UpsertEntityRequest;
import io.grpc.CallCredentials;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The unary calls of the example, one per method. */
final class Catalog {
    private static final long DEADLINE_SECONDS = 10;

    private final DashboardServiceBlockingStub dashboardStub;
    private final ChartServiceBlockingStub chartStub;
    private final CatalogServiceBlockingStub entityStub;

    Catalog(Channel channel, CallCredentials token) {
        dashboardStub = DashboardServiceGrpc.newBlockingStub(channel).withCallCredentials(token);
        chartStub = ChartServiceGrpc.newBlockingStub(channel).withCallCredentials(token);
        entityStub = CatalogServiceGrpc.newBlockingStub(channel).withCallCredentials(token);
    }

    Outcome upsertService(String name, String type) {
        BiService service = BiService.newBuilder().setName(name).setServiceType(type).build();
        return upsertEntity(Entity.newBuilder().setBiService(service).build());
    }

    /** Defines a custom property of dashboards, which their {@code extension} can then hold. */
    Outcome upsertTextProperty(String name) {
        CustomProperty property = CustomProperty.newBuilder()
                .setName(name)
                .setAppliesTo("dashboard")
                .setPropertyType("string")
                .build();
        return upsertEntity(Entity.newBuilder().setCustomProperty(property).build());
    }

    private Outcome upsertEntity(Entity entity) {
        UpsertEntityRequest request = UpsertEntityRequest.newBuilder().setEntity(entity).build();
        return entities().upsertEntity(request).getOutcome();
    }

    void upsertCharts(String service, List<String> names) {
        for (String name : names) {
            ChartSpec chart = ChartSpec.newBuilder().setName(name).setService(service).setChartType("Line").build();
            charts().upsertChart(UpsertChartRequest.newBuilder().setChart(chart).build());
        }
    }

    /** Creates a dashboard, and returns false if there is one of this name. */
    boolean createDashboard(String service, String name) {
        DashboardSpec dashboard = DashboardSpec.newBuilder().setName(name).setService(service).build();
        try {
            dashboards().createDashboard(CreateDashboardRequest.newBuilder().setDashboard(dashboard).build());
            return true;
        } catch (StatusRuntimeException error) {
            if (error.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
                throw error;
            }
            return false;
        }
    }

    /** Writes what the spec holds, and leaves the other fields of the dashboard as they are. */
    UpsertDashboardResponse upsertDashboard(String service, String name, List<String> chartNames) {
        Struct extension = Structs.of("javaCostCentre", Values.of("4711"));
        DashboardSpec.Builder dashboard = DashboardSpec.newBuilder()
                .setName(name)
                .setService(service)
                .setDescription("Who joins, and what comes back.")
                .setExtension(extension);
        // Names without dots and quotes: others are quoted in a fully qualified name.
        chartNames.forEach(chart -> dashboard.addCharts(service + "." + chart));
        return dashboards().upsertDashboard(UpsertDashboardRequest.newBuilder().setDashboard(dashboard).build());
    }

    /** Sends a dashboard with three mistakes, and returns what the catalog says about them. */
    Refusal upsertInvalidDashboard(String service) {
        DashboardSpec dashboard = DashboardSpec.newBuilder()
                .setName("sales::overview")
                .setService(service)
                .setDashboardType("Story")
                .addCharts("signups")
                .build();
        try {
            dashboards().upsertDashboard(UpsertDashboardRequest.newBuilder().setDashboard(dashboard).build());
        } catch (StatusRuntimeException error) {
            if (error.getStatus().getCode() == Status.Code.INVALID_ARGUMENT) {
                return Refusal.of(error);
            }
            throw error;
        }
        throw new IllegalStateException("expected: the catalog refuses an invalid dashboard");
    }

    /** Lists the names of all dashboards of a BI service, page by page. */
    Listed listDashboards(String service, int pageSize) {
        // Fails here, not at the server, if a field is misspelt.
        FieldMask nameOnly = FieldMaskUtil.fromStringList(Dashboard.class, List.of("name"));
        ListDashboardsRequest.Builder request = ListDashboardsRequest.newBuilder()
                .setService(service)
                .setPageSize(pageSize)
                .setReadMask(nameOnly)
                .setIncludeTotal(true);
        List<String> names = new ArrayList<>();
        for (int pages = 1; ; pages++) {
            ListDashboardsResponse page = dashboards().listDashboards(request.build());
            page.getDashboardsList().forEach(dashboard -> names.add(dashboard.getName()));
            if (page.getNextPageToken().isEmpty()) {
                return new Listed(names, pages, page.getTotal());
            }
            // A token is good only with the filters and the order that it came from.
            request.setPageToken(page.getNextPageToken());
        }
    }

    // A deadline counts from the moment it is set, so every call sets its own.

    private DashboardServiceBlockingStub dashboards() {
        return dashboardStub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    private ChartServiceBlockingStub charts() {
        return chartStub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    private CatalogServiceBlockingStub entities() {
        return entityStub.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    /** All dashboards of a list, and how many the catalog counted. */
    record Listed(List<String> names, int pages, long total) {}
}
