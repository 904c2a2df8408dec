package account

import (
	"strings"
	"testing"
)

// The page knows the client program by the name that it gave itself first, by its title
// where it has one. Which requests are looked at is the bridge's to know.
func TestClientNameIsRead(t *testing.T) {
	for _, tc := range []struct {
		want  string
		infos []string
	}{
		{"plain", []string{`{"name":"plain"}`}},
		{"With Title", []string{`{"name":"plain","title":"With Title"}`}},
		{"plain", []string{`{"name":"plain","title":""}`}},
		{"first", []string{`{"name":"first"}`, `{"name":"second"}`}},
		{"", []string{`{"name":7}`, `"x"`}},
		{"", []string{`{"name":"` + strings.Repeat("x", maxClientName+1) + `"}`}},
	} {
		var name clientName
		for _, info := range tc.infos {
			name.heard([]byte(info))
		}
		if got := name.String(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
