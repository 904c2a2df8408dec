package bridge

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// knownVersions are those of sessions; of any other the newest is answered, as
// servers do.
var knownVersions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}

// provisionalResult is the answer to initialize until the server gives its own:
// the known one with lists that change, or one that promises only those.
func provisionalResult(version string, known []byte, signIn SignIn) []byte {
	if !slices.Contains(knownVersions, version) {
		version = knownVersions[len(knownVersions)-1]
	}
	var result, capabilities map[string]jsontext.Value
	if json.Unmarshal(known, &result) != nil || result == nil || json.Unmarshal(result["capabilities"], &capabilities) != nil {
		result, capabilities = map[string]jsontext.Value{
			"protocolVersion": quote(version),
			"serverInfo":      jsontext.Value(`{"name":"mcp-login","title":"Sign-in pending","version":"1"}`),
			"instructions":    quote("This server needs a sign-in before it can be used: open " + signIn.URL + " in a browser. If its tools do not appear afterwards, start a new session."),
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
