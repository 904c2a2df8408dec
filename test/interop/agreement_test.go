package interop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// row is one case of the one table that devidp and npm oidc-provider are both
// held against. What the MCP specification demands of a login rests on a provider
// that behaves so; the RFC is named where one decides.
type row struct {
	name string
	// play does the case and returns the answer that counts. What comes before
	// it must succeed.
	play func(*party) answer
	// want is that answer, in the words of [answer.String]; of both providers
	// unless own says otherwise.
	want string
	// own is what devidp answers instead, on purpose, and because says why:
	// mostly that Logto does so, with where that was seen.
	own, because string
}

// The tables, by what they are about.
var tables = map[string][]row{
	"authorize": authorizeRows, "code": codeRows, "client": clientRows, "assertion": assertionRows, "refresh": refreshRows,
	"resource": resourceRows, "device": deviceRows, "registration": registrationRows, "token": tokenRows, "document": documentRows,
	"form": formRows, "pushed": pushedRows, "dpop": dpopRows,
}

// npm oidc-provider, which Logto is built on, answers as the table says.
func TestOIDCProviderKeepsToTheTable(t *testing.T) {
	playTables(t, newWorld(t).oidcProvider(t), func(r row) string { return r.want })
}

// devidp answers every case as npm oidc-provider does, or otherwise on purpose,
// with the reason in the table.
func TestDevidpKeepsToTheTable(t *testing.T) {
	playTables(t, newWorld(t).devidp(t), func(r row) string {
		if r.own != "" {
			return r.own
		}
		return r.want
	})
}

func playTables(t *testing.T, p *provider, want func(row) string) {
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		for _, r := range tables[table] {
			t.Run(table+"/"+r.name, func(t *testing.T) {
				if got := r.play(p.begin(t)).String(); got != want(r) {
					t.Errorf("answers %s\n want    %s", got, want(r))
				}
			})
		}
	}
}

// The table is not shorter than somebody thinks, every case says what is
// wanted, and every difference has its reason.
func TestTableIsWhole(t *testing.T) {
	names, rows, differences := map[string]bool{}, 0, 0
	for table, list := range tables {
		for _, r := range list {
			if names[table+"/"+r.name] {
				t.Errorf("%s/%s is there twice", table, r.name)
			}
			if r.want == "" || r.own == r.want || (r.own == "") != (r.because == "") {
				t.Errorf("%s/%s: a difference needs a reason, and a reason a difference", table, r.name)
			}
			names[table+"/"+r.name] = true
			rows++
			if r.own != "" {
				differences++
			}
		}
	}
	t.Logf("%d cases, %d of them where devidp differs on purpose", rows, differences)
	if rows < 372 || differences > 16 {
		t.Errorf("%d cases, %d differences: the one may only grow, the other only shrink", rows, differences)
	}
}

// logtoMembers are those that Logto adds to every error answer; they are
// checked beside devidp.
var logtoMembers = []string{"code", "message", "error_uri"}

// openIDMembers are what npm oidc-provider tells a client it has registered
// beyond what the client sent: defaults that say nothing about OAuth, and the
// management of RFC 7592.
var openIDMembers = []string{
	"dpop_bound_access_tokens", "id_token_signed_response_alg", "post_logout_redirect_uris", "registration_access_token",
	"registration_client_uri", "require_auth_time", "require_pushed_authorization_requests", "subject_type",
}

// String is the part of an answer that the table compares: the status, the
// error or else "ok", the names of the members or of the parameters of the
// redirect, and the values of those that must be the same everywhere.
func (a answer) String() string {
	words := []string{fmt.Sprint(a.status)}
	if a.redirected {
		words = append(words, "to the client")
	}
	if a.fragment {
		words = append(words, "in the fragment")
	}
	code, failed := a.members["error"].(string)
	if failed {
		words = append(words, code)
	}
	for _, name := range slices.Sorted(maps.Keys(a.members)) {
		value := a.members[name]
		switch {
		case name == "error", failed && slices.Contains(logtoMembers, name) && !a.redirected, a.status == 201 && slices.Contains(openIDMembers, name):
			continue
		case name == "access_token":
			name += ":" + kind(fmt.Sprint(value))
		case slices.Contains(compared, name) && (name != "client_id" || a.status != 201):
			name = fmt.Sprintf("%s:%v", name, value)
		}
		words = append(words, name)
	}
	if challenge, _, there := strings.Cut(a.header.Get("WWW-Authenticate"), " "); there {
		words = append(words, "WWW-Authenticate:"+challenge)
	}
	if a.header.Get("DPoP-Nonce") != "" {
		words = append(words, "DPoP-Nonce")
	}
	return strings.Join(words, " ")
}

// compared names the members whose values count.
var compared = []string{
	"scope", "token_type", "active", "expires_in", "state", "grant_types", "response_types", "application_type",
	"token_endpoint_auth_method", "redirect_uris", "client_secret_expires_at", "typ", "alg", "aud", "client_id", "kty", "crv", "use",
}

// kind tells the two kinds of access tokens apart.
func kind(token string) string {
	switch {
	case strings.Count(token, ".") == 2:
		return "jwt"
	case len(token) == 43:
		return "opaque"
	}
	return "strange"
}
