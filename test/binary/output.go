package binary

import (
	"log/slog"
	"regexp"
	"sync"
	"testing"
	"time"
)

// awaitLimit is when a test gives up waiting for what a program does not say.
const awaitLimit = time.Minute

// Output takes what a program says (exec.Cmd.Stdout, Stderr), to be read and waited
// for while it runs. The zero value is ready.
type Output struct {
	mu   sync.Mutex
	said []byte
	more chan struct{} // closed by the next write
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, p...)
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return len(p), nil
}

// Logger writes a line for each record there.
func (o *Output) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(o, nil)) }

// String returns all that was said so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.said)
}

// Await returns the submatches of a pattern once they have been said, and fails the
// test if that takes too long.
func (o *Output) Await(t testing.TB, pattern string) []string {
	t.Helper()
	re, limit := regexp.MustCompile(pattern), time.After(awaitLimit)
	for {
		found, more := o.find(re)
		if found != nil {
			return found
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("nothing said of %s:\n%s", pattern, o)
		}
	}
}

func (o *Output) find(re *regexp.Regexp) (found []string, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return re.FindStringSubmatch(string(o.said)), o.more
}
