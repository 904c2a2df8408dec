package server

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mcp-login/test/issuer"
)

// Incidents TypeScript SDK CVE-2026-25536 and CVE-2026-111770: 50 clients at
// once whose requests all have the id 0 each get their own answers, 2,000 in
// all.
func TestIncidentAnswersReachTheirOwnClients(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	const clients, calls = 50, 40
	message := strings.Replace(callWhoami, `"id":1`, `"id":0`, 1)
	var wrong atomic.Int64
	var wg sync.WaitGroup
	for c := range clients {
		want := fmt.Sprintf("user-%02d", c)
		token := i.Claim(t, "sub", want)
		wg.Go(func() {
			for range calls {
				resp := call(s, "POST", "/mcp", token, message)
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != 200 || !strings.Contains(string(body), `"sub":"`+want+`"`) || strings.Count(string(body), "user-") != strings.Count(string(body), want) {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d clients, %d calls with id 0: %d wrong answers", clients, clients*calls, wrong.Load())
	if wrong.Load() != 0 {
		t.Error("answers crossed")
	}
}
