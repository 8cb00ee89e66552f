package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	catalog "example.com/dashboard-catalog-example/generated/dashboardcatalog/v1"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	maxChunkItems = 1_000
	// A message may have 4 MiB; this leaves room for options and lengths.
	maxChunkBytes = 3 << 20
	firstBackoff  = 200 * time.Millisecond
	maxBackoff    = 10 * time.Second
	// How often a connection is tried again without any progress.
	maxAttempts = 30
)

// A load sends items in one session of BulkUpsert, over as many connections as that takes.
type load struct {
	client  catalog.DashboardServiceClient
	options *catalog.BulkUpsertOptions
	items   []*catalog.BulkUpsertItem
	// Everything below this offset is durable, and its results have been read.
	acknowledged int64
	resumed      int
	// How often in a row a connection has been tried again without progress.
	attempts int
	summary  *catalog.BulkUpsertSummary
}

// newLoad keeps all items in memory. A larger load needs to keep only those that are not yet acknowledged.
func newLoad(client catalog.DashboardServiceClient, service string, items []*catalog.BulkUpsertItem) *load {
	// The same for every connection: the session belongs to its id and its options.
	options := &catalog.BulkUpsertOptions{SessionId: uuid.NewString(), Service: service}
	return &load{client: client, options: options, items: items}
}

// run returns the counts of the whole session when all items are acknowledged.
func (l *load) run(ctx context.Context) (*catalog.BulkUpsertSummary, error) {
	for {
		err := l.connect(ctx)
		if err == nil {
			return l.summary, nil
		}
		if !isCut(err) || l.attempts >= maxAttempts {
			return nil, err
		}
		fmt.Println("connection lost:", status.Convert(err).Message())
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wait sleeps before the next attempt, longer each time and never in step with other clients.
func (l *load) wait(ctx context.Context) error {
	most := min(maxBackoff, firstBackoff<<min(l.attempts, 10))
	l.attempts++
	select {
	case <-time.After(most/2 + rand.N(most/2)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connect runs one stream to its end. It has no deadline: a load takes as long as it takes.
func (l *load) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	// Ends the sender, too, if the stream ends early.
	defer cancel()
	stream, err := l.client.BulkUpsert(ctx)
	if err != nil {
		return err
	}
	go l.send(stream, l.acknowledged)
	return l.receive(stream)
}

// send sends everything from an offset on. The server skips what it has already, and repeats the failures in it, which
// the program may not have read. An error of Send only says that the stream has ended; Recv says why.
func (l *load) send(stream catalog.DashboardService_BulkUpsertClient, offset int64) {
	if stream.Send(&catalog.BulkUpsertRequest{Options: l.options}) != nil {
		return
	}
	total := int64(len(l.items))
	for offset < total {
		chunk := firstChunk(l.items[offset:])
		if stream.Send(&catalog.BulkUpsertRequest{Offset: proto.Int64(offset), Items: chunk}) != nil {
			return
		}
		offset += int64(len(chunk))
	}
	finish := &catalog.BulkUpsertFinish{TotalItems: proto.Int64(total)}
	if stream.Send(&catalog.BulkUpsertRequest{Finish: finish}) == nil {
		stream.CloseSend()
	}
}

func (l *load) receive(stream catalog.DashboardService_BulkUpsertClient) error {
	l.summary = nil
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) && l.summary == nil {
			return status.Error(codes.Unavailable, "the stream ended without a summary")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l.take(response)
	}
}

func (l *load) take(response *catalog.BulkUpsertResponse) {
	switch response := response.GetResponse().(type) {
	case *catalog.BulkUpsertResponse_Started:
		if l.attempts > 0 {
			l.resumed++
			fmt.Printf("resumed: the server has %d items\n", response.Started.GetNextOffset())
		}
	case *catalog.BulkUpsertResponse_Progress:
		for _, result := range response.Progress.GetResults() {
			fmt.Printf("item %d failed: %s\n", result.GetOffset(), result.GetStatus().GetMessage())
		}
		if offset := response.Progress.GetNextOffset(); offset > l.acknowledged {
			l.acknowledged, l.attempts = offset, 0
		}
	case *catalog.BulkUpsertResponse_Summary:
		l.summary = response.Summary
	}
}

// firstChunk returns as many of the items as one message may hold.
func firstChunk(items []*catalog.BulkUpsertItem) []*catalog.BulkUpsertItem {
	bytes := 0
	for count, item := range items {
		bytes += proto.Size(item)
		if count == maxChunkItems || (bytes > maxChunkBytes && count > 0) {
			return items[:count]
		}
	}
	return items
}

// isCut says whether a stream ended by no fault of its own, so that another connection can go on. Networks and proxies
// end streams with several codes; only the catalog sends details along.
func isCut(err error) bool {
	ended := status.Convert(err)
	switch ended.Code() {
	case codes.Unavailable:
		return true
	case codes.Canceled, codes.DeadlineExceeded, codes.Internal, codes.Unknown:
		return len(ended.Details()) == 0
	}
	return false
}
