package workload

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"mcp-login/internal/hint"
)

// agent is a SPIFFE Workload API made of the service of go-spiffe and grpc-go.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	answer func(audience []string) (*workload.JWTSVIDResponse, error)
}

func (a *agent) FetchJWTSVID(ctx context.Context, r *workload.JWTSVIDRequest) (*workload.JWTSVIDResponse, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	if !slices.Equal(header["workload.spiffe.io"], []string{"true"}) {
		return nil, status.Error(codes.InvalidArgument, "security header missing from request")
	}
	return a.answer(r.GetAudience())
}

// socket returns the address of a socket that is not too long for its system.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spiffe") //nolint:usetesting // the path of a test is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func startAgent(t *testing.T, answer func(audience []string) (*workload.JWTSVIDResponse, error)) (address string) {
	t.Helper()
	path := socket(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(srv, &agent{answer: answer})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
	return "unix://" + filepath.ToSlash(path)
}

// The first identity is taken, of whatever length, made for the audience that was asked for.
func TestSPIFFE(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	address := startAgent(t, func(audience []string) (*workload.JWTSVIDResponse, error) {
		return &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{
			{SpiffeId: "spiffe://example.org/first", Svid: "first." + long + "." + strings.Join(audience, " "), Hint: "h"},
			{SpiffeId: "spiffe://example.org/second", Svid: "second"},
		}}, nil
	})
	s, err := Parse("spiffe", environment(map[string]string{spiffeVariable: address}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if token, err := s.Token(t.Context(), "https://id.example/oidc"); err != nil || token.Reveal() != "first."+long+".https://id.example/oidc" {
			t.Errorf("%.20s %v", token.Reveal(), err)
		}
	}
}

// What an agent says instead of a token is told in one filtered line, with what to do where
// that is known.
func TestSPIFFERefuses(t *testing.T) {
	for want, c := range map[string]struct {
		answer *workload.JWTSVIDResponse
		err    error
		hint   string
	}{
		"it knows no identity for this program":           {err: status.Error(codes.PermissionDenied, "no identity issued"), hint: "spire-server entry create"},
		"it answers with gRPC status 14: dial: ähm; hint": {err: status.Error(codes.Unavailable, "dial: ähm\nhint: run this")},
		"it answers with gRPC status 12":                  {err: status.Error(codes.Unimplemented, "x")},
		"its answer holds no token":                       {answer: &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{{SpiffeId: "spiffe://example.org/x"}}}},
		"its answer holds no token ":                      {answer: &workload.JWTSVIDResponse{}},
		"read its answer: it is too large":                {answer: &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{{Svid: strings.Repeat("x", 2*maxToken)}}}},
	} {
		address := startAgent(t, func([]string) (*workload.JWTSVIDResponse, error) { return c.answer, c.err })
		_, err := fetchSVID(t.Context(), address, "a")
		if err == nil || !strings.HasPrefix(err.Error(), strings.TrimSpace(want)) || strings.Contains(err.Error(), "\n") || !strings.Contains(hint.Of(err), c.hint) {
			t.Errorf("%q, hint %q", err, hint.Of(err))
		}
	}
}

// Something else behind the socket, nothing there and an address that is no socket are errors.
func TestSPIFFEIsNotThere(t *testing.T) {
	path := socket(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(l) }()
	defer func() { _ = srv.Close(); <-served }()
	for address, want := range map[string]string{
		"unix://" + path: "no gRPC server", "unix:" + path: "no gRPC server", "unix:///nowhere/at/all": "dial unix",
		"": "names no Unix socket", path: "names no Unix socket", "tcp://127.0.0.1:80": "names no Unix socket", "unix://host/x": "names no Unix socket", "unix:///x?y": "names no Unix socket",
	} {
		advice := map[string]string{"dial unix": "whether the SPIFFE agent runs", "names no Unix socket": "set it to the socket of the SPIFFE agent"}[want]
		if _, err := fetchSVID(t.Context(), address, "a"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(hint.Of(err), advice) {
			t.Errorf("%s: %v, hint %q", address, err, hint.Of(err))
		}
	}
}

// The answer of an agent is read as protobuf reads it, and nothing of it makes the reader fail
// otherwise than by an error.
func FuzzSVID(f *testing.F) {
	for _, m := range []*workload.JWTSVIDResponse{
		{}, {Svids: []*workload.JWTSVID{{}}}, {Svids: []*workload.JWTSVID{{SpiffeId: "a", Svid: "b", Hint: "c"}, {Svid: "d"}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{0x0a, 0x7f, 0x12})
	f.Add([]byte{0x0a, 0x04, 0x12, 0x7f, 'a', 'b'})
	f.Add([]byte{0x08, 0x01, 0x0d, 1, 2, 3, 4, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x0b})
	f.Fuzz(func(t *testing.T, message []byte) {
		token, err := readSVID(frame(message))
		_, _ = readSVID(message)
		var m workload.JWTSVIDResponse
		if proto.Unmarshal(message, &m) != nil {
			return
		}
		want := ""
		if len(m.GetSvids()) > 0 {
			want = m.GetSvids()[0].GetSvid()
		}
		// Where a field stands twice, protobuf takes the last one and this reader the first.
		if again, _ := proto.Marshal(&m); err == nil && bytes.Equal(again, message) && token != want {
			t.Errorf("%q, protobuf reads %q", token, want)
		}
	})
}
