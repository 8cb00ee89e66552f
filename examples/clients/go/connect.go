package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Only UNAVAILABLE is safe to retry. BulkUpsert has an entry of its own, without retries: its sessions resume instead.
const serviceConfig = `{"methodConfig": [{
  "name": [{"service": "dashboardcatalog.v1.DashboardService", "method": "BulkUpsert"}]
}, {
  "name": [{}],
  "retryPolicy": {
    "maxAttempts": 5, "initialBackoff": "0.5s", "maxBackoff": "3s", "backoffMultiplier": 4,
    "retryableStatusCodes": ["UNAVAILABLE"]
  }
}]}`

// connect returns a connection whose calls carry the token. It does not wait for the server.
func connect(address, token string) (*grpc.ClientConn, error) {
	return grpc.NewClient(
		address,
		// For a server on this machine. For any other: credentials.NewTLS(nil).
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearerToken(token)),
		grpc.WithDefaultServiceConfig(serviceConfig),
		// Notices a server that is gone without a word, also in the middle of a load.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute}),
		// By default, a channel waits up to two minutes before it tries a lost connection again.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{
			BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second,
		}}),
	)
}

type bearerToken string

func (token bearerToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(token)}, nil
}

// RequireTransportSecurity should return true in a client that uses TLS, so that the token never travels unencrypted.
func (bearerToken) RequireTransportSecurity() bool {
	return false
}
