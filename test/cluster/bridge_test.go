package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"mcp-login/test/binary"
)

// bridged calls through mcp-login, as a desktop client does. It may be used by several
// goroutines at a time.
type bridged struct {
	*user
	path string
	in   io.Writer

	mu      sync.Mutex
	waiting map[int]chan answer
	strange []error // what came and nobody was waiting for
	gone    chan struct{}
}

func newBridged(t *testing.T, u *user, path string) *bridged {
	t.Helper()
	cmd := exec.Command(binary.Build(t, "mcp-login"), u.base+path)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_TOKEN="+u.token, "HOME="+t.TempDir())
	in, out := binary.Start(t, cmd)
	b := &bridged{user: u, path: path, in: in, waiting: make(map[int]chan answer), gone: make(chan struct{})}
	go b.read(out)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-b.gone
		_ = cmd.Wait()
		for _, err := range b.strange {
			t.Error(err)
		}
	})
	if a, err := b.ask(t.Context(), initialize, 0); err != nil || a.Error != nil {
		t.Fatal(a, err)
	}
	_, _ = io.WriteString(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return b
}

func (b *bridged) read(out io.Reader) {
	defer close(b.gone)
	for r := bufio.NewReader(out); ; {
		text, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		a := answer{ID: -1}
		err = json.Unmarshal(text, &a)
		b.mu.Lock()
		to := b.waiting[a.ID]
		delete(b.waiting, a.ID)
		if err != nil || to == nil {
			b.strange = append(b.strange, fmt.Errorf("%s: nobody waits for %s (%w)", b.name, text, err))
		} else {
			to <- a
		}
		b.mu.Unlock()
	}
}

// ask sends a request, into which its id is put, and waits for what it ends in.
func (b *bridged) ask(ctx context.Context, request string, id int) (answer, error) {
	to := make(chan answer, 1)
	b.mu.Lock()
	b.waiting[id] = to
	_, err := fmt.Fprintf(b.in, request+"\n", id)
	b.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	select {
	case a := <-to:
		return a, nil
	case <-b.gone:
		return answer{}, errors.New("mcp-login has ended")
	case <-ctx.Done():
		return answer{}, fmt.Errorf("call %d of %s: %w", id, b.name, ctx.Err())
	}
}

func (b *bridged) call(ctx context.Context, id int) error { return b.calls(ctx, whoami, id) }

func (b *bridged) calls(ctx context.Context, request string, id int) error {
	a, err := b.ask(ctx, request, id)
	if err != nil {
		return err
	}
	switch said := fmt.Sprint(a.Error); {
	case a.Error == nil:
	case strings.Contains(said, "httpStatus:502"):
		return fmt.Errorf("%w: %s", errAgain, said)
	case strings.Contains(said, "the server ended the stream before the answer"):
		return fmt.Errorf("%w: %s", errCut, said)
	}
	return b.check(a, id)
}

func (b *bridged) restart(context.Context) error { return nil }
func (b *bridged) close()                        {}
