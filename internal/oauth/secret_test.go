package oauth

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/oauth/grant"
)

// A secret shows in no verb, encoder or log, however deep it lies.
func TestSecretNeverPrints(t *testing.T) {
	const canary = "canary-7f3a"
	type hidden struct{ s grant.Secret }
	type holder struct {
		Open   grant.Secret
		hidden hidden
		ptr    *grant.Secret
		m      map[string]grant.Secret
	}
	s := grant.NewSecret(canary)
	values := []any{s, &s, hidden{s}, &holder{Open: s, hidden: hidden{s}, ptr: &s, m: map[string]grant.Secret{"k": s}}, []grant.Secret{s}, Credential{AccessToken: s, Registration: grant.Registration{ClientSecret: s}}}
	var out bytes.Buffer
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		a, _ := stdjson.Marshal(v)
		b, _ := json.Marshal(v)
		out.Write(a)
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Fatal("the secret was printed")
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Fatal("the marker is missing: is anything printed at all?")
	}
	if s.Reveal() != canary || grant.NewSecret("").IsZero() == false || !s.Equal(grant.NewSecret(canary)) {
		t.Fatal("the secret itself is wrong")
	}
}
