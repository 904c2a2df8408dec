package discovery

import (
	"slices"
	"strings"
	"testing"
)

// Scopes with invisible characters, and those that are too long, are none; at most
// maxScopes are read.
func TestUsableScopes(t *testing.T) {
	odd := []string{"read", "a\u202eb", "\x1b[2J", strings.Repeat("s", maxScopeBytes+1), "schön", "tag\U000e0041", "two\nlines"}
	if got := UsableScopes(odd); !slices.Equal(got, []string{"read", "schön"}) {
		t.Errorf("%q", got)
	}
	if got := UsableScopes(slices.Repeat([]string{"a"}, maxScopes+1)); len(got) != maxScopes {
		t.Errorf("%d scopes", len(got))
	}
	if UsableScopes(nil) != nil {
		t.Error("nothing said became none")
	}
}

// MCP 2025-11-25, Scope Selection Strategy, and the rule of Logto for refresh tokens.
func TestScopesAreSelected(t *testing.T) {
	logto := ServerMetadata{ScopesSupported: []string{"openid", "offline_access", "profile"}, GrantTypesSupported: []string{"authorization_code", "refresh_token"}}
	plain := ServerMetadata{ScopesSupported: []string{"x"}}
	cases := []struct {
		name                                   string
		meta                                   ServerMetadata
		chosen, challenged, supported, earlier []string
		want                                   string
	}{
		{"challenge wins", plain, nil, []string{"a"}, []string{"b", "c"}, nil, "a"},
		{"else all supported", plain, nil, nil, []string{"b", "c"}, nil, "b c"},
		{"else none", plain, nil, nil, nil, nil, ""},
		{"never the server's own list", ServerMetadata{ScopesSupported: []string{"email"}}, nil, nil, nil, nil, ""},
		{"offline_access where listed", logto, nil, []string{"mcp:read"}, nil, nil, "mcp:read openid offline_access"},
		{"not doubled", logto, nil, []string{"offline_access", "openid"}, nil, nil, "offline_access openid"},
		{"not without the refresh grant", ServerMetadata{ScopesSupported: []string{"offline_access"}, GrantTypesSupported: []string{"authorization_code"}}, nil, []string{"a"}, nil, nil, "a"},
		{"the person's choice is literal", logto, []string{"z"}, []string{"a"}, nil, nil, "z"},
		{"step-up adds", logto, nil, []string{"write"}, []string{"b"}, []string{"read", "openid"}, "read openid write"},
		{"step-up adds to a choice", logto, []string{"z"}, []string{"write"}, nil, []string{"z"}, "z write"},
	}
	for _, tc := range cases {
		if got := strings.Join(tc.meta.SelectScopes(tc.chosen, tc.challenged, tc.supported, tc.earlier), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
