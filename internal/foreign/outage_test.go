package foreign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/foreign"
)

// An outage is a line when it begins, a few while it lasts, and one when it is over; the
// next one is logged at once, and what was called off is none.
func TestAnOutageIsAFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		o := foreign.Outage{Peer: "the server", Log: slog.New(slog.NewTextHandler(&out, nil))}
		down := errors.New("down\n" + strings.Repeat("x", 1<<20))
		o.Report(nil)
		o.Report(fmt.Errorf("ask: %w", context.Canceled))
		for range 10 {
			o.Report(down, "outcome", "broken")
		}
		if got := out.String(); strings.Count(got, "\n") != 1 || len(got) > 2*foreign.MaxMessage ||
			!strings.Contains(got, `level=WARN msg="the server gives no usable answer" outcome=broken failures=1 since=`) || !strings.Contains(got, `error="down; xx`) {
			t.Errorf("at the beginning: %.300s", got)
		}
		o.Report(context.Canceled)
		for range 8 * 360 { // eight hours
			<-time.After(10 * time.Second)
			o.Report(down)
		}
		during := strings.Count(out.String(), "level=WARN")
		if during < 10 || during > 15 {
			t.Errorf("%d lines about eight hours", during)
		}
		for range 3 {
			o.Report(nil)
		}
		if got := out.String(); strings.Count(got, "level=INFO") != 1 || !strings.Contains(got, `msg="the server answers again" failures=2890 duration_ms=28800000`) {
			t.Errorf("at the end: %.300s", got)
		}
		o.Report(down) // too soon for a line, as is its end
		o.Report(nil)
		if got := out.String(); strings.Count(got, "level=INFO") != 1 {
			t.Errorf("the end of what nothing was said of: %.300s", got)
		}
		<-time.After(time.Minute)
		o.Report(down)
		if got := strings.Count(out.String(), "level=WARN"); got != during+1 {
			t.Errorf("the next outage: %d lines", got-during)
		}
	})
}
