package bearer

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/test/issuer"
	"mcp-login/test/leak"
)

// maxGrowth is how much the heap may grow under an attack.
const maxGrowth = 20 << 20

// endless writes a key set that begins well and does not end before size.
func endless(size int) (http.HandlerFunc, *atomic.Int64) {
	var written atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[`)
		key := []byte(`{"kty":"EC","crv":"P-256","kid":"` + rand.Text() + `","x":"` + strings.Repeat("A", 900) + `","y":"A"},`)
		for sent := 0; sent < size; sent += len(key) {
			n, err := w.Write(key)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, `]}`)
	}, &written
}

// A key set, metadata or userinfo of 10 MB: 503, read to its limit only.
func TestDocumentsOf10MB(t *testing.T) {
	const size = 10 << 20
	for name, place := range map[string]func(*issuer.Issuer, http.HandlerFunc){
		"key set":  func(i *issuer.Issuer, h http.HandlerFunc) { i.JWKS = h },
		"metadata": func(i *issuer.Issuer, h http.HandlerFunc) { i.Metadata = h },
		"userinfo": func(i *issuer.Issuer, h http.HandlerFunc) { i.Userinfo = h },
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer.Start(t)
			serve, written := endless(size)
			place(i, serve)
			s := newServer(t, i, nil)
			token := i.Sign(t, issuer.Change{})
			if name == "userinfo" {
				token = "opaque"
			}
			var status int
			growth := leak.Heap(func() { status = call(s, "POST", "/mcp", token, callWhoami).StatusCode })
			t.Logf("%s of %d bytes: %d, %d KiB sent until the connection was closed, heap grew by %d KiB", name, size, status, written.Load()>>10, growth>>10)
			if status != 503 || growth > maxGrowth {
				t.Error("a bound is broken")
			}
			if written.Load() >= size {
				t.Error("all of it was read")
			}
		})
	}
}

// A token of 1 MB is refused before it is hashed, decoded or shown to anybody.
func TestTokenOf1MB(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	head, _, _ := strings.Cut(i.Sign(t, issuer.Change{}), ".")
	checks := counted(s)
	for name, token := range map[string]string{
		"dots":                       strings.Repeat(".", 1<<20),
		"letters":                    strings.Repeat("a", 1<<20),
		"a JWT":                      head + "." + strings.Repeat("A", 1<<20) + "." + strings.Repeat("A", 86),
		"padding":                    "a" + strings.Repeat("=", 1<<20),
		"letters, one byte too many": strings.Repeat("a", maxTokenBytes+1),
	} {
		start := time.Now()
		resp := call(s, "POST", "/mcp", token, callWhoami)
		took := time.Since(start)
		r := request("POST", "/mcp", token, http.NoBody)
		allocations := testing.AllocsPerRun(100, func() {
			if _, err := s.Authenticate(r); !errors.Is(err, ErrInvalidToken) {
				t.Fatal(err)
			}
		})
		t.Logf("1 MB of %s: %d in %s, %.0f allocations", name, resp.StatusCode, took.Round(time.Microsecond), allocations)
		if resp.StatusCode != 401 || allocations > 2 {
			t.Errorf("%s: %d, %.0f allocations", name, resp.StatusCode, allocations)
		}
	}
	if checks.Load() != 0 {
		t.Errorf("%d checks", checks.Load())
	}
}
