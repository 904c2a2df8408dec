package main

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// starts starts the built program, and returns its address.
func starts(t *testing.T, args ...string) string {
	t.Helper()
	address := real.FreeAddress(t)
	cmd := exec.Command(binary.Build(t, "whoami-server"), append([]string{"--listen", address}, args...)...)
	said := &binary.Output{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said.Await(t, ` listening on `)
	return address
}

// callAt calls a tool at a server, which is known by another name, and returns the status.
func callAt(t *testing.T, address string, header ...string) int {
	t.Helper()
	resp, body := send(t, http.MethodPost, "http://"+address+"/mcp", issuer.CallWhoami, append(header, "Content-Type", "application/json")...)
	if resp.StatusCode == http.StatusOK && strings.Contains(body, `"error"`) {
		t.Errorf("answered with an error: %s", body)
	}
	return resp.StatusCode
}

// Who has recorded a whole request, with a token that is bound to a key and its proof, has nothing
// at any replica, not while Redis is down either; and its owner goes on.
func TestStolenTokenIsOfNoUse(t *testing.T) {
	attackBoth(t, func(t *testing.T, args ...string) {
		i := issuer.Start(t)
		redis := real.Redis(t)
		const resource = "https://mcp.example.com/mcp"
		secret := write(t, strings.Repeat("s", 32))
		options := append([]string{
			"--issuer", i.URL, "--resource", resource, "--bus", "redis://" + redis.Address, "--dpop", "accept", "--dpop-secret-file", secret,
		}, args...)
		if len(args) > 0 {
			options = append(options, "--gateway-secret-file", secret)
		}
		replicas := []string{starts(t, options...), starts(t, options...)}
		alice := i.Bind(t, issuer.Change{Claims: map[string]any{"aud": resource}})
		mallory := issuer.Holder{Key: i.Bind(t, issuer.Change{}).Key, Token: alice.Token}
		binary.Until(t, "the replicas to find Redis", func() bool {
			return callAt(t, replicas[0], alice.Header(alice.Proof(t, "POST", resource, ""))...) == 200 &&
				callAt(t, replicas[1], alice.Header(alice.Proof(t, "POST", resource, ""))...) == 200
		})
		used := alice.Header(alice.Proof(t, "POST", resource, ""))
		if status := callAt(t, replicas[0], used...); status != 200 {
			t.Fatalf("the request itself: %d", status)
		}
		for k, replica := range replicas {
			for name, header := range map[string][]string{
				"the same request":    used,
				"as Bearer":           {"Authorization", "Bearer " + alice.Token},
				"with another key":    mallory.Header(mallory.Proof(t, "POST", resource, "")),
				"without a proof":     alice.Header(),
				"for the real origin": alice.Header(alice.Proof(t, "POST", "http://"+replica+"/mcp", "")),
			} {
				if status := callAt(t, replica, header...); status != 401 {
					t.Errorf("%s at replica %d: %d", name, k, status)
				}
			}
		}
		redis.Kill(t)
		if status := callAt(t, replicas[1], alice.Header(alice.Proof(t, "POST", resource, ""))...); status != 503 {
			t.Errorf("while Redis is down: %d", status)
		}
		if status := callAt(t, replicas[1], "Authorization", "Bearer "+i.Token(t, "bob", resource)); status != 200 {
			t.Errorf("a bearer token meanwhile: %d", status)
		}
		redis.Start(t)
		binary.Until(t, "Redis to be found again", func() bool {
			return callAt(t, replicas[1], alice.Header(alice.Proof(t, "POST", resource, ""))...) == 200
		})
	})
}

// What --dpop says is what is taken, and what clients are told.
func TestDPoPOptions(t *testing.T) {
	i := issuer.Start(t)
	const resource = "https://mcp.example.com/mcp"
	alice := i.Bind(t, issuer.Change{Claims: map[string]any{"aud": resource}})
	for name, tt := range map[string]struct {
		args            []string
		bound, unbound  int
		told, challenge string
	}{
		"off":     {nil, 401, 200, "", ""},
		"accept":  {[]string{"--dpop", "accept"}, 200, 200, `"dpop_signing_alg_values_supported":["ES256","EdDSA"]`, `algs="ES256 EdDSA"`},
		"require": {[]string{"--config", write(t, "dpop: require\n")}, 200, 401, `"dpop_bound_access_tokens_required":true`, `DPoP resource_metadata=`},
		"nonces":  {[]string{"--dpop=accept", "--dpop-nonce"}, 200, 200, `"dpop_signing_alg_values_supported"`, "algs="},
	} {
		options := append([]string{"--issuer", i.URL, "--resource", resource}, tt.args...)
		address := starts(t, options...)
		first, _ := send(t, "POST", "http://"+address+"/mcp", issuer.CallWhoami, alice.Header(alice.Proof(t, "POST", resource, ""))...)
		needed := first.Header.Get("DPoP-Nonce") // for a minute after the start
		if first.StatusCode != 401 || (needed != "") != (tt.bound == 200) {
			t.Errorf("%s: a proof without a nonce: %d, nonce %q", name, first.StatusCode, needed)
		}
		used := alice.Header(alice.Proof(t, "POST", resource, needed))
		if status := callAt(t, address, used...); status != tt.bound {
			t.Errorf("%s: a bound token: %d", name, status)
		}
		if status := callAt(t, starts(t, options...), used...); status != 401 {
			t.Errorf("%s: the same request after a restart: %d", name, status)
		}
		if status := callAt(t, address, "Authorization", "Bearer "+i.Token(t, "bob", resource)); status != tt.unbound {
			t.Errorf("%s: another token: %d", name, status)
		}
		if _, said := get(t, "http://"+address+"/.well-known/oauth-protected-resource/mcp"); !strings.Contains(said, tt.told) || tt.told == "" && strings.Contains(said, "dpop") {
			t.Errorf("%s: metadata %s", name, said)
		}
		resp, _ := get(t, "http://"+address+"/mcp")
		if said := strings.Join(resp.Header.Values("WWW-Authenticate"), ", "); !strings.Contains(said, tt.challenge) || strings.Contains(said, "Bearer ") == (name == "require") {
			t.Errorf("%s: challenges %s", name, said)
		}
		if nonce := resp.Header.Get("DPoP-Nonce"); (nonce != "") != (name == "nonces") {
			t.Errorf("%s: the nonce %q", name, nonce)
		}
	}
}
