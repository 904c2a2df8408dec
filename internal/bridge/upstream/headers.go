package upstream

import (
	"encoding/base64"
	"net/http"
	"strings"

	"mcp-login/internal/jsonrpc"
)

// Header names of MCP.
const (
	headerVersion = "MCP-Protocol-Version"
	headerSession = "Mcp-Session-Id"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerParam   = "Mcp-Param-"
)

// setStatelessHeaders puts the headers of a message of MCP 2026-07-28 on a request
// (Transports).
func setStatelessHeaders(h http.Header, m jsonrpc.Message, version string) {
	h.Set(headerVersion, version)
	h.Set(headerMethod, m.Method)
	var name []byte
	switch m.Method {
	case "tools/call", "prompts/get":
		name = m.Param("name")
	case "resources/read":
		name = m.Param("uri")
	case "tasks/get", "tasks/update", "tasks/cancel": // SEP-2663
		name = m.Param("taskId")
	}
	if text, ok := jsonrpc.Text(name); ok {
		h.Set(headerName, headerValue(text))
	}
}

// headerValue encodes what a header cannot carry as it is: anything but visible ASCII and
// inner blanks, and what looks like the encoding itself (MCP 2026-07-28, Transports).
func headerValue(s string) string {
	const open, shut = "=?base64?", "?="
	plain := s == strings.TrimSpace(s) && (!strings.HasPrefix(s, open) || !strings.HasSuffix(s, shut))
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	return open + base64.StdEncoding.EncodeToString([]byte(s)) + shut
}
