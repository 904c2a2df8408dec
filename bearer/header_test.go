package bearer

import (
	"errors"
	"net/http"
	"testing"
)

func TestAmbiguousHeadersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		h      http.Header
		status int
	}{
		"none":               {http.Header{}, 0},
		"agree":              {http.Header{"Mcp-Method": {"tools/call"}, "Mcp-Name": {"add"}}, 0},
		"agree in Base64":    {http.Header{"Mcp-Name": {"=?base64?YWRk?="}}, 0},
		"UTF-8":              {http.Header{"Content-Type": {`application/json; charset="UTF-8"`}, "Content-Encoding": {"identity"}}, 0},
		"another method":     {http.Header{"Mcp-Method": {"tools/list"}}, 400},
		"another name":       {http.Header{"Mcp-Name": {"sub"}}, 400},
		"another in Base64":  {http.Header{"Mcp-Name": {"=?base64?c3Vi?="}}, 400},
		"bad Base64":         {http.Header{"Mcp-Name": {"=?base64?YWRk=?="}}, 400},
		"method in Base64":   {http.Header{"Mcp-Method": {"=?base64?dG9vbHMvY2FsbA==?="}}, 400},
		"two methods":        {http.Header{"Mcp-Method": {"tools/call", "tools/list"}}, 400},
		"two sessions":       {http.Header{"Mcp-Session-Id": {"a", "b"}}, 400},
		"two types":          {http.Header{"Content-Type": {"application/json", "text/plain"}}, 400},
		"compressed":         {http.Header{"Content-Encoding": {"gzip"}}, 415},
		"compressed twice":   {http.Header{"Content-Encoding": {"identity", "gzip"}}, 400},
		"UTF-7":              {http.Header{"Content-Type": {"application/json; charset=utf-7"}}, 415},
		"two last event ids": {http.Header{"Last-Event-Id": {"1", "2"}}, 400},
	} {
		var refused *problem
		err := Message{Method: "tools/call", Name: "add"}.CheckHeader(c.h)
		if errors.As(err, &refused); refused == nil && c.status != 0 || refused != nil && refused.status != c.status {
			t.Errorf("%s: %v, want %d", name, err, c.status)
		}
	}
	if err := (Message{Method: "resources/read", Name: "a", URI: "b"}).CheckHeader(http.Header{"Mcp-Name": {"a"}}); err == nil {
		t.Error("a resource goes by another name than its URI")
	}
}
