package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	catalog "example.com/dashboard-catalog-example/generated/dashboardcatalog/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mirror is what a consumer has made of the changes so far. The token is stored with it, so the two always agree.
type mirror struct {
	Token string
	Names map[string]string
	// Changes since this program has read the file.
	changes int
}

// follow delivers every change to the mirror in a file, from the beginning, and goes on after any interruption. With
// once, it returns as soon as it has caught up.
func follow(ctx context.Context, client catalog.CatalogServiceClient, file string, once bool) (*mirror, error) {
	for {
		mirrored, err := stream(ctx, client, file, once)
		switch status.Code(err) {
		case codes.OK:
			return mirrored, nil
		case codes.OutOfRange: // The catalog was set back to an earlier state: begin again.
			if err := os.Remove(file); err != nil {
				return nil, err
			}
		case codes.Unavailable, codes.Unauthenticated, codes.ResourceExhausted:
			time.Sleep(time.Second)
		default:
			return nil, err
		}
	}
}

func stream(ctx context.Context, client catalog.CatalogServiceClient, file string, once bool) (*mirror, error) {
	mirrored := &mirror{Names: map[string]string{}}
	if content, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(content, mirrored); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, err := client.WatchChanges(ctx, &catalog.WatchChangesRequest{
		Services:    []string{service},
		Kinds:       []catalog.Kind{catalog.Kind_KIND_DASHBOARD},
		ResumeToken: mirrored.Token,
		Start:       catalog.WatchStart_WATCH_START_BEGINNING,
	})
	if err != nil {
		return nil, err
	}
	for {
		message, err := changes.Recv()
		if err != nil {
			return nil, err
		}
		for _, change := range message.GetChanges() {
			mirrored.changes++
			if change.GetType() == catalog.ChangeType_CHANGE_TYPE_REMOVED {
				delete(mirrored.Names, change.GetId())
			} else {
				mirrored.Names[change.GetId()] = change.GetFullyQualifiedName()
			}
		}
		mirrored.Token = message.GetResumeToken()
		if err := store(mirrored, file); err != nil {
			return nil, err
		}
		if message.GetCaughtUp() && once {
			return mirrored, nil
		}
	}
}

// store replaces the file in one step, so that a crash leaves the old content or the new one.
func store(mirrored *mirror, file string) error {
	content, err := json.Marshal(mirrored)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func followChanges(ctx context.Context, client catalog.CatalogServiceClient) error {
	folder, err := os.MkdirTemp("", "mirror")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	// The second time, it goes on where it was.
	for range 2 {
		mirrored, err := follow(ctx, client, filepath.Join(folder, "mirror.json"), true)
		if err != nil {
			return err
		}
		fmt.Printf("mirrored %d dashboards from %d changes\n", len(mirrored.Names), mirrored.changes)
	}
	return nil
}
