package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	catalog "example.com/dashboard-catalog-example/generated/dashboardcatalog/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// A deadline covers the retries of a call, too.
const timeout = 10 * time.Second

func upsertService(ctx context.Context, client catalog.CatalogServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	biService := &catalog.BiService{Name: service, ServiceType: "Superset"}
	entity := &catalog.Entity{Entity: &catalog.Entity_BiService{BiService: biService}}
	response, err := client.UpsertEntity(ctx, &catalog.UpsertEntityRequest{Entity: entity})
	if err != nil {
		return err
	}
	fmt.Printf("BI service %s: %s\n", response.GetEntity().GetBiService().GetFullyQualifiedName(), response.GetOutcome())
	return nil
}

func createDashboard(ctx context.Context, client catalog.DashboardServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// Fields that can be absent are pointers.
	spec := &catalog.DashboardSpec{Name: "orders", Service: service, DisplayName: proto.String("Orders")}
	response, err := client.CreateDashboard(ctx, &catalog.CreateDashboardRequest{Dashboard: spec})
	if status.Code(err) == codes.AlreadyExists {
		fmt.Println("dashboard exists:", status.Convert(err).Message())
		return nil
	}
	if err != nil {
		return err
	}
	dashboard := response.GetDashboard()
	fmt.Printf("dashboard %s: created, version %.1f\n", dashboard.GetFullyQualifiedName(), dashboard.GetVersion())
	return nil
}

func upsertWithChart(
	ctx context.Context, client catalog.DashboardServiceClient, charts catalog.ChartServiceClient,
) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	chart := &catalog.ChartSpec{Name: "orders by day", Service: service, ChartType: proto.String("Line")}
	upserted, err := charts.UpsertChart(ctx, &catalog.UpsertChartRequest{Chart: chart})
	if err != nil {
		return err
	}
	names := []string{upserted.GetChart().GetFullyQualifiedName()}
	spec := &catalog.DashboardSpec{Name: "orders", Service: service, Charts: names}
	response, err := client.UpsertDashboard(ctx, &catalog.UpsertDashboardRequest{Dashboard: spec})
	if err != nil {
		return err
	}
	dashboard := response.GetDashboard()
	fmt.Printf("dashboard %s: %s, charts:", dashboard.GetFullyQualifiedName(), response.GetOutcome())
	for _, chart := range dashboard.GetCharts() {
		fmt.Printf(" %s", chart.GetFullyQualifiedName())
	}
	fmt.Println()
	return nil
}

// upsertInvalid prints everything that the server says about a request that it refuses.
func upsertInvalid(ctx context.Context, client catalog.DashboardServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	spec := &catalog.DashboardSpec{Name: "a::b", Service: service, DashboardType: proto.String("Story")}
	_, err := client.UpsertDashboard(ctx, &catalog.UpsertDashboardRequest{Dashboard: spec})
	if status.Code(err) != codes.InvalidArgument {
		return errors.Join(errors.New("an invalid dashboard was not refused as such"), err)
	}
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println("refused:", detail.GetReason())
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fmt.Printf("  %s: %s (%s)\n", violation.GetField(), violation.GetDescription(), violation.GetReason())
			}
		}
	}
	return nil
}

func listDashboards(ctx context.Context, client catalog.DashboardServiceClient) error {
	// New checks the paths, which are those of the message that is read.
	readMask, err := fieldmaskpb.New(&catalog.Dashboard{}, "fully_qualified_name", "version")
	if err != nil {
		return err
	}
	request := &catalog.ListDashboardsRequest{Service: service, PageSize: 100, ReadMask: readMask}
	listed, pages := 0, 0
	for {
		page, err := listPage(ctx, client, request)
		if err != nil {
			return err
		}
		listed += len(page.GetDashboards())
		pages++
		// A page may hold fewer than were asked for; only an empty token says that it is the last.
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			fmt.Printf("listed %d dashboards in %d pages\n", listed, pages)
			return nil
		}
	}
}

func listPage(
	ctx context.Context, client catalog.DashboardServiceClient, request *catalog.ListDashboardsRequest,
) (*catalog.ListDashboardsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return client.ListDashboards(ctx, request)
}
