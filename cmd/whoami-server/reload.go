package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// reloadOnHangup fetches the issuers' metadata and keys now, and again with
// every SIGHUP until ctx ends.
func reloadOnHangup(ctx context.Context, reload func(), log *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	reload()
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				log.Info("reading the issuers' metadata and keys again")
				reload()
			}
		}
	}()
}
