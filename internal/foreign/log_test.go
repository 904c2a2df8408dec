package foreign_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/foreign"
)

// Whatever happens a thousand times is said ten times, once a minute more, and
// how often it was at the end; what else happens is said all the same.
func TestLogLimitBoundsEachKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		limit := foreign.NewLogLimit(slog.NewTextHandler(&out, nil))
		log := slog.New(limit)
		for i := range 1000 {
			log.With("stream", 1).Warn("dropped an event", "bytes", i)
		}
		log.Warn("something else", "error", errors.New(strings.Repeat("x", 1<<20)))
		log.Error("dropped an event")
		if n := strings.Count(out.String(), "\n"); n != 12 || out.Len() > 8<<10 {
			t.Errorf("%d lines, %d bytes", n, out.Len())
		}
		time.Sleep(time.Minute)
		out.Reset()
		for range 5 {
			log.Warn("dropped an event")
		}
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "left_out=990") {
			t.Errorf("after a minute: %s", got)
		}
		out.Reset()
		limit.Close()
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "left_out=4") {
			t.Errorf("at the end: %s", got)
		}
	})
}
