package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// onHangup fetches the issuers' metadata and keys, and lets SIGHUP do what it is for. With
// --dev it means that the terminal was closed, and ends the context that is returned.
func onHangup(ctx context.Context, dev bool, reload func(), log *slog.Logger) context.Context {
	if !dev {
		reloadOnHangup(ctx, reload, log)
		return ctx
	}
	reload()
	if signal.Ignored(syscall.SIGHUP) { // by nohup
		return ctx
	}
	open, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	return open
}

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
