package main

import (
	"log"
	"log/slog"
	"strings"
)

// connectionFaults are the beginnings of what an http.Server reports. What stands
// behind them can be a caller's own words, and is not logged.
var connectionFaults = []string{"http: TLS handshake error", "http: panic serving", "http2: panic serving", "http: Accept error"}

// connectionLog is the ErrorLog of a server: which kind of fault a connection
// had, and of a panic where.
func connectionLog(to *slog.Logger) *log.Logger { return log.New(connectionFault{to}, "", 0) }

type connectionFault struct{ log *slog.Logger }

// Write implements io.Writer; log writes one message at a time.
func (c connectionFault) Write(line []byte) (int, error) {
	text, kind := string(line), "other"
	for _, known := range connectionFaults {
		if strings.HasPrefix(text, known) {
			kind = known
		}
	}
	attrs := []any{slog.String("kind", kind)}
	// The stack begins behind the value of the panic and shows no values.
	if at := strings.LastIndex(text, "\ngoroutine "); at >= 0 && strings.Contains(kind, "panic") {
		attrs = append(attrs, slog.String("stack", text[at+1:]))
	}
	c.log.Warn("a connection had a fault", attrs...)
	return len(line), nil
}
