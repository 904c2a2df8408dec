package store

import (
	"reflect"
	"regexp"
	"testing"
	"time"

	"mcp-login/internal/oauth"
)

// A field that somebody adds to a credential has a name of its own in the file, not
// the one it happens to have in Go.
func TestRecordMembersAreNamed(t *testing.T) {
	var cred oauth.Credential
	fill(t, reflect.ValueOf(&cred).Elem(), "cred")
	var key oauth.Key
	fill(t, reflect.ValueOf(&key).Elem(), "key")
	b, err := encodeRecord(key, cred, time.Now())
	must(t, err)
	for _, name := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(string(b), -1) {
		if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(name[1]) {
			t.Errorf("a member is named %q", name[1])
		}
	}
}
