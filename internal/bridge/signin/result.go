package signin

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/jsonrpc"
)

// provisionalResult is the answer to initialize until the server gives its own:
// the known one with lists that change, or one that promises only those.
func provisionalResult(version string, known []byte, login Pending) []byte {
	if !jsonrpc.KeepsSession(version) { // as servers do
		version = jsonrpc.LatestSession
	}
	var result, capabilities map[string]jsontext.Value
	if json.Unmarshal(known, &result) != nil || result == nil || json.Unmarshal(result["capabilities"], &capabilities) != nil {
		result, capabilities = map[string]jsontext.Value{
			"protocolVersion": quote(version),
			"serverInfo":      jsontext.Value(`{"name":"mcp-login","title":"Sign-in pending","version":"1"}`),
			"instructions":    quote("This server needs a sign-in before it can be used: open " + login.URL + " in a browser. If its tools do not appear afterwards, start a new session."),
		}, nil
	}
	if capabilities == nil {
		capabilities = map[string]jsontext.Value{}
	}
	for _, list := range []string{"tools", "prompts", "resources"} {
		var members map[string]jsontext.Value
		if json.Unmarshal(capabilities[list], &members) != nil || members == nil {
			members = map[string]jsontext.Value{}
		}
		members["listChanged"] = jsontext.Value("true")
		capabilities[list] = encode(members)
	}
	result["capabilities"] = encode(capabilities)
	return encode(result)
}

// encode writes what cannot fail to be written.
func encode(v any) jsontext.Value {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return jsontext.Value("{}")
	}
	return b
}

func quote(s string) jsontext.Value { return encode(s) }
