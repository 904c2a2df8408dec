package devidp_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/devidp"
)

// broken asks for metadata with a fault, and takes compressed answers as they
// are.
func broken(t *testing.T, body devidp.Body) (*rig, *http.Response) {
	t.Helper()
	r := start(t, nil)
	r.idp.SetFaults(devidp.Faults{Bodies: map[string]devidp.Body{"GET /.well-known/openid-configuration": body}})
	r.http.Transport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	resp, err := r.http.Do(r.request(http.MethodGet, r.idp.Issuer()+"/.well-known/openid-configuration", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if body != devidp.BodyRedirects && (resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")) {
		t.Errorf("status %d, type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return r, resp
}

const mib = 1 << 20

// Bodies without end, and one of 1 GiB that says so: both go on for longer than
// anybody should read, and stop when the reader goes.
func TestLargeBodies(t *testing.T) {
	for body, length := range map[devidp.Body]int64{devidp.BodyEndless: -1, devidp.BodyGiB: 1024*mib + 8} {
		_, resp := broken(t, body)
		if resp.ContentLength != length {
			t.Errorf("length %d", resp.ContentLength)
		}
		if n, err := io.CopyN(io.Discard, resp.Body, 20*mib); err != nil {
			t.Errorf("ends after %d bytes: %v", n, err)
		}
	}
}

// A gzip bomb: one MiB, which unpacks to a JSON object of 1 GiB.
func TestGzipBomb(t *testing.T) {
	_, resp := broken(t, devidp.BodyGzipBomb)
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("encoding %q", resp.Header.Get("Content-Encoding"))
	}
	packed := &counter{r: resp.Body}
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, 6)
	if _, err := io.ReadFull(z, begin); err != nil || string(begin) != `{"x":"` {
		t.Errorf("begins with %q, %v", begin, err)
	}
	if _, err := io.CopyN(io.Discard, z, 100*mib); err != nil || packed.n > mib {
		t.Errorf("100 MiB are %d bytes, %v", packed.n, err)
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

// 10,000 arrays in one another: correct JSON in form.
func TestNestedBody(t *testing.T) {
	_, resp := broken(t, devidp.BodyNested)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(body), "[") != 10_000 || strings.Count(string(body), "]") != 10_000 || !strings.HasPrefix(string(body), `{"x":[`) {
		t.Errorf("%d bytes", len(body))
	}
	if err := json.Unmarshal(body, new(any)); err == nil {
		t.Error("the decoder in use here takes it")
	}
}

// An answer that ends before its length.
func TestCutBody(t *testing.T) {
	_, resp := broken(t, devidp.BodyCut)
	if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != `{"x":"` {
		t.Errorf("%q, %v", body, err)
	}
}

// Redirects from one address of an endpoint to the next, for ever.
func TestRedirectChain(t *testing.T) {
	r, resp := broken(t, devidp.BodyRedirects)
	seen := map[string]bool{}
	for range 100 {
		to := resp.Header.Get("Location")
		if resp.StatusCode != 307 || to == "" || seen[to] {
			t.Fatalf("status %d, to %q", resp.StatusCode, to)
		}
		seen[to] = true
		next, err := r.http.Do(r.request(http.MethodGet, r.host()+to, ""))
		if err != nil {
			t.Fatal(err)
		}
		_ = next.Body.Close()
		resp = next
	}
}

// A body stands in for the endpoint: a code sent there is not spent.
func TestBodyInsteadOfWork(t *testing.T) {
	r := start(t, nil)
	code := r.code()
	r.idp.SetFaults(devidp.Faults{Bodies: map[string]devidp.Body{"POST /token": devidp.BodyNested}})
	if a := r.exchange(code); a.status != 200 || !strings.HasPrefix(a.body, `{"x":`) {
		t.Errorf("status %d", a.status)
	}
	r.idp.SetFaults(devidp.Faults{})
	if a := r.exchange(code); a.status != 200 || a.text("access_token") == "" {
		t.Errorf("afterwards: status %d", a.status)
	}
}
