package server

import "testing"

// BenchmarkCallFromCache is a whole tools/call with a known token, without the
// network.
func BenchmarkCallFromCache(b *testing.B) {
	i := newTestIssuer(b)
	s := newServer(b, i, nil)
	token := i.token(b, tokenParts{})
	b.ReportAllocs()
	for b.Loop() {
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
			b.Fatal(resp.StatusCode)
		}
	}
}
