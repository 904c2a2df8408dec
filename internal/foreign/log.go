package foreign

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How much of a log strangers can fill: they decide how often something happens.
const (
	// logBurst is how many records of one kind pass at once, logPause how long it
	// takes until another one does.
	logBurst = 10
	logPause = time.Minute
	// logBurstDebug is the same for what somebody has asked to see.
	logBurstDebug = 1000
	// maxKinds bounds the kinds that are told apart.
	maxKinds = 1000
)

// LogLimit passes records on to another handler, their values as [Message] cuts
// them, but only the first few of each kind, which is a message at a level: of what
// follows one a minute, with the number of those that were left out. It is safe for
// concurrent use.
type LogLimit struct {
	next slog.Handler
	*logCounts
}

type logCounts struct {
	mu    sync.Mutex
	kinds map[logKind]*logCount
}

type logKind struct {
	level   slog.Level
	message string
}

type logCount struct {
	passed, left int
	last         time.Time // when one passed beyond the burst
}

// NewLogLimit returns a handler in front of next.
func NewLogLimit(next slog.Handler) *LogLimit {
	return &LogLimit{next, &logCounts{kinds: map[logKind]*logCount{}}}
}

// Enabled implements slog.Handler.
func (l *LogLimit) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (l *LogLimit) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &LogLimit{l.next.WithAttrs(attrs), l.logCounts}
}

// WithGroup implements slog.Handler.
func (l *LogLimit) WithGroup(name string) slog.Handler {
	return &LogLimit{l.next.WithGroup(name), l.logCounts}
}

// Handle implements slog.Handler.
func (l *LogLimit) Handle(ctx context.Context, r slog.Record) error {
	left, ok := l.count(logKind{r.Level, r.Message}, r.Time)
	if !ok {
		return nil
	}
	r = bounded(r)
	if left > 0 {
		r.AddAttrs(slog.Int("left_out", left))
	}
	return l.next.Handle(ctx, r)
}

// bounded returns the record with long values cut.
func bounded(r slog.Record) slog.Record {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Value = a.Value.Resolve(); a.Value.Kind() == slog.KindString || a.Value.Kind() == slog.KindAny {
			if text := a.Value.String(); len(text) > MaxLine {
				a.Value = slog.StringValue(Message(text))
			}
		}
		out.AddAttrs(a)
		return true
	})
	return out
}

// count decides about one record; left is how many before it were left out.
func (c *logCounts) count(kind logKind, now time.Time) (left int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.kinds[kind]
	if one == nil {
		if len(c.kinds) >= maxKinds {
			return 0, false
		}
		one = new(logCount)
		c.kinds[kind] = one
	}
	burst := logBurst
	if kind.level < slog.LevelInfo {
		burst = logBurstDebug
	}
	if one.passed >= burst && now.Sub(one.last) < logPause {
		one.left++
		return 0, false
	}
	left, one.left = one.left, 0
	one.passed++
	one.last = now
	return left, true
}

// Close says how many records were left out that no later one has told of. It is
// called when nothing more is logged.
func (l *LogLimit) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind, one := range l.kinds {
		if one.left > 0 {
			r := slog.NewRecord(time.Now(), kind.level, kind.message, 0)
			r.AddAttrs(slog.Int("left_out", one.left))
			_ = l.next.Handle(context.Background(), r)
			one.left = 0
		}
	}
}
