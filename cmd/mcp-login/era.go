package main

import (
	"context"
	"time"

	"mcp-login/internal/bridge/era"
)

// link stands between the client's protocol era and the server's.
func (s *session) link() *era.Link {
	return era.New(era.Config{Server: s.remote, Verdicts: verdicts{s}, Name: s.server.Host, Log: s.log})
}

// verdicts keeps what a server speaks beside its login, so that the next start
// need not ask.
type verdicts struct{ s *session }

const (
	verdictNote = "era"
	// verdictTimeout bounds a look at the disk; without it the server is asked.
	verdictTimeout = time.Second
)

// Recall implements era.Verdicts.
func (v verdicts) Recall() era.Speaks {
	ctx, stop := context.WithTimeout(context.Background(), verdictTimeout)
	defer stop()
	b, err := v.s.store.Note(ctx, v.s.key, verdictNote)
	if err != nil {
		v.s.log.Debug("what the server speaks is not known from before", "reason", err)
	}
	return era.Read(b, time.Now())
}

// Keep implements era.Verdicts.
func (v verdicts) Keep(speaks era.Speaks) {
	ctx, stop := context.WithTimeout(context.Background(), verdictTimeout)
	defer stop()
	if err := v.s.store.SetNote(ctx, v.s.key, verdictNote, era.Note(speaks, time.Now())); err != nil {
		v.s.log.Debug("what the server speaks is not kept", "reason", err)
	}
}
