package cli

import (
	"context"
	"time"

	"mcp-login/internal/bridge/protover"
)

// link stands between the client's protocol era and the server's.
func (s *session) link() *protover.Link {
	return protover.New(protover.Config{Server: s.remote, Verdicts: verdicts{s}, Name: s.server.Host, Log: s.log})
}

// verdicts keeps what a server speaks beside its login, so that the next start
// need not ask.
type verdicts struct{ s *session }

const (
	verdictNote = "era"
	// verdictTimeout bounds a look at the disk; without it the server is asked.
	verdictTimeout = time.Second
)

// Recall implements protover.Verdicts.
func (v verdicts) Recall() protover.Speaks {
	ctx, stop := context.WithTimeout(context.Background(), verdictTimeout)
	defer stop()
	b, err := v.s.store.LoadCache(ctx, v.s.key, verdictNote)
	if err != nil {
		v.s.log.Debug("what the server speaks is not known from before", "reason", err)
	}
	return protover.Read(b, time.Now())
}

// Keep implements protover.Verdicts.
func (v verdicts) Keep(speaks protover.Speaks) {
	ctx, stop := context.WithTimeout(context.Background(), verdictTimeout)
	defer stop()
	if err := v.s.store.SaveCache(ctx, v.s.key, verdictNote, protover.Note(speaks, time.Now())); err != nil {
		v.s.log.Debug("what the server speaks is not kept", "reason", err)
	}
}
