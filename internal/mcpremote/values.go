package mcpremote

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/header"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

func isPort(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && n > 0
}

// seconds translates a number of seconds into a duration for our flag of that name. A
// duration is accepted as well, because some names are the same in both programs.
func seconds(name string, zero bool) func(*translation, string) error {
	return func(t *translation, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			var n float64
			if n, err = strconv.ParseFloat(value, 64); n > 0 && n < 1e9 {
				d = time.Duration(n*1000) * time.Millisecond
			} else if n != 0 { // negative, infinite or NaN
				d = -1
			}
		}
		if err != nil || d < 0 || d == 0 && !zero {
			return fmt.Errorf("%q is no number of seconds that can be used", value)
		}
		t.add(name, d.String())
		return nil
	}
}

// headerLine is what mcp-remote takes for a header. Compiled on first use: most bridges
// have none.
var headerLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.*)$`) })

// noteHeader keeps a header for derivedPort.
func (t *translation) noteHeader(line string) {
	if m := headerLine().FindStringSubmatch(line); m != nil {
		t.headers[m[1]] = m[2]
	}
}

func (t *translation) header(line string) error {
	t.noteHeader(line)
	t.add("--header", line) // checked where it is parsed
	return nil
}

// headerFile leaves the headers in their file: other users can see arguments, and a
// detached login gets them too.
func (t *translation) headerFile(path string) error {
	data, err := t.env.ReadFile(path)
	if err != nil {
		return err
	}
	for number, line := range header.Lines(data) {
		if _, _, ok := header.Split(line); !ok {
			return fmt.Errorf("line %d of %s is not of the form Name: value", number, path)
		}
		t.noteHeader(line)
	}
	t.add("--header-file", path)
	return nil
}

func (t *translation) transport(value string) error {
	switch value {
	case "http-first", "sse-first":
		value, t.mcpRemote = "auto", true
	case "http-only":
		value, t.mcpRemote = "http", true
	case "sse-only":
		value, t.mcpRemote = "sse", true
	}
	t.add("--transport", value)
	return nil
}

func (t *translation) protocol(value string) error {
	if value != "legacy" && value != "auto" {
		return fmt.Errorf("%q is neither legacy nor auto", value)
	}
	return nil
}

func (t *translation) successURL(value string) error {
	if strings.ContainsAny(value, "?#") {
		return errors.New("the address has a query or a fragment")
	}
	t.add("--success-url", value)
	return nil
}

func (t *translation) authorizeParam(value string) error {
	name, text, ok := strings.Cut(value, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return errors.New("it is not of the form name=value")
	}
	t.params[name] = text
	t.add("--auth-param", name+"="+text)
	return nil
}

// Flags without a value.

func (t *translation) ignore(string) error        { return nil }
func (t *translation) setVersion(string) error    { t.version = true; return nil }
func (t *translation) setDebug(string) error      { t.logLevel = "debug"; return nil }
func (t *translation) setSilent(string) error     { t.logLevel = cmp.Or(t.logLevel, "error"); return nil }
func (t *translation) setKeepAlive(string) error  { t.pingInterval = "30s"; return nil }
func (t *translation) setNoResource(string) error { t.noResource = true; return nil }

func (t *translation) setResource(value string) error {
	if value = strings.TrimSpace(value); value == "" || value == oauth.NoResource {
		t.noResource = true
	} else {
		t.resource = value
	}
	return nil
}

func (t *translation) setMetadataURL(value string) error {
	t.metadataURL = strings.TrimSpace(value)
	t.add("--client-metadata-url", t.metadataURL)
	return nil
}

func (t *translation) setTokenEndpoint(value string) error {
	t.tokenEndpoint = strings.TrimSpace(value)
	t.add("--token-endpoint", t.tokenEndpoint)
	return nil
}

func (t *translation) clientMetadata(value string) error {
	if value != "" {
		data, err := t.env.Read(value)
		if err != nil {
			return err
		}
		chosen, err := grant.ParseClientMetadata(data, t.redirectURI)
		if err != nil {
			return err
		}
		t.staticRedirects = len(chosen.Redirects()) > 0
	}
	t.add("--client-metadata", value)
	return nil
}

// clientInfo passes a secret on in the form that it came in: a translated command line
// holds no secret that the original did not hold.
func (t *translation) clientInfo(value string) error {
	id, secret, err := ParseClientInfo(value, t.env)
	if err != nil {
		return err
	}
	t.staticClient = true
	t.add("--client-id", id)
	if secret.Reveal() != "" {
		t.add("--client-info", value)
	}
	return nil
}

// ParseClientInfo reads the client registered by hand from a value of
// --static-oauth-client-info: JSON, or @FILE, with ${VAR} in its strings. No error shows
// any of it.
func ParseClientInfo(value string, env Environment) (id string, secret grant.Secret, err error) {
	var info struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	data, err := env.Read(value)
	if err == nil {
		data, err = expandJSON(data, env.Getenv)
	}
	if err != nil {
		return "", grant.Secret{}, err
	}
	if json.Unmarshal(data, &info) != nil {
		return "", grant.Secret{}, errors.New("it is not JSON of the expected form")
	}
	if info.ID == "" {
		return "", grant.Secret{}, errors.New("it has no client_id")
	}
	return info.ID, grant.NewSecret(info.Secret), nil
}

// Read returns the JSON of a value that is JSON or @FILE.
func (e Environment) Read(value string) ([]byte, error) {
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		return e.ReadFile(path)
	}
	return []byte(value), nil
}

// expandJSON replaces variables in the strings of an object. It is parsed first, so that
// the value of a variable cannot end its string.
func expandJSON(data []byte, getenv func(string) string) ([]byte, error) {
	var m map[string]any
	if json.Unmarshal(data, &m) != nil { // the variable may be the whole of it
		text, err := header.Expand(string(data), getenv)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal([]byte(text), &m) != nil {
			return nil, errors.New("it is no JSON object")
		}
	}
	for name, member := range m {
		text, ok := member.(string)
		if !ok {
			continue
		}
		text, err := header.Expand(text, getenv)
		if err != nil {
			return nil, err
		}
		m[name] = text
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, errors.New("a variable in it is not text")
	}
	return data, nil
}
