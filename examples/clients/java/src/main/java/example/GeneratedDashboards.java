package example;

import dashboardcatalog.v1.DashboardSpec;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Stands for a walk through a BI tool. */
final class GeneratedDashboards {
    private static final String DESCRIPTION = "Orders, returns and stock of one warehouse, day by day. ".repeat(9);

    private GeneratedDashboards() {}

    /** Returns dashboards of about 500 bytes each. */
    static Stream<DashboardSpec> of(String service, int count) {
        return IntStream.range(0, count).mapToObj(number -> DashboardSpec.newBuilder()
                .setName("warehouse %05d".formatted(number))
                .setService(service)
                .setDescription(DESCRIPTION)
                .build());
    }
}
