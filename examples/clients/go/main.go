// A client of Dashboard Catalog: single calls, pages, error details, a load that survives a broken connection,
// and a consumer that follows all changes.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	catalog "example.com/dashboard-catalog-example/generated/dashboardcatalog/v1"
)

const (
	service    = "go"
	dashboards = 10_000
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	connection, err := connect(os.Getenv("CATALOG_ADDRESS"), os.Getenv("CATALOG_TOKEN"))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := catalog.NewDashboardServiceClient(connection)

	if err := upsertService(ctx, catalog.NewCatalogServiceClient(connection)); err != nil {
		return err
	}
	// The second time, the name is taken.
	for range 2 {
		if err := createDashboard(ctx, client); err != nil {
			return err
		}
	}
	if err := upsertWithChart(ctx, client, catalog.NewChartServiceClient(connection)); err != nil {
		return err
	}
	if err := upsertInvalid(ctx, client); err != nil {
		return err
	}
	if err := loadDashboards(ctx, client); err != nil {
		return err
	}
	if err := listDashboards(ctx, client); err != nil {
		return err
	}
	return followChanges(ctx, catalog.NewCatalogServiceClient(connection))
}

func loadDashboards(ctx context.Context, client catalog.DashboardServiceClient) error {
	load := newLoad(client, service, madeUp(dashboards))
	summary, err := load.run(ctx)
	if err != nil {
		return fmt.Errorf("the load ended with %d items done: %w", load.acknowledged, err)
	}
	loaded := summary.GetCreated() + summary.GetUpdated() + summary.GetUnchanged() + summary.GetRestored()
	fmt.Printf("loaded %d of %d, resumed %d time(s)\n", loaded, dashboards, load.resumed)
	if failed := summary.GetFailed(); failed > 0 {
		return fmt.Errorf("%d items failed", failed)
	}
	return nil
}

// madeUp returns the items to load. A real program would walk through a BI tool here.
func madeUp(count int) []*catalog.BulkUpsertItem {
	description := strings.Repeat("What this dashboard shows, and for whom. ", 10)
	items := make([]*catalog.BulkUpsertItem, count)
	for number := range items {
		dashboard := &catalog.DashboardSpec{
			Name:        fmt.Sprintf("dashboard %05d", number),
			Service:     service,
			Description: &description,
		}
		items[number] = &catalog.BulkUpsertItem{Item: &catalog.BulkUpsertItem_Dashboard{Dashboard: dashboard}}
	}
	return items
}
