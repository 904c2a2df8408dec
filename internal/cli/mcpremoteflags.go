package cli

import (
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
)

func isPort(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && n > 0
}

func nothing(*mcpRemoteArgs, string) error { return nil }

// same is another name for the same flag.
func same(name string) func(*mcpRemoteArgs, string) error {
	return func(t *mcpRemoteArgs, value string) error {
		if value == "" {
			t.out = append(t.out, name)
		} else {
			t.out = append(t.out, name+"="+value)
		}
		return nil
	}
}

// seconds turns a number of seconds into a duration. A duration is taken as it
// is, where flag and name are the same.
func seconds(name string, zero bool) func(*mcpRemoteArgs, string) error {
	return func(t *mcpRemoteArgs, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			var n float64
			if n, err = strconv.ParseFloat(value, 64); n > 0 && n < 1e9 {
				d = time.Duration(n*1000) * time.Millisecond
			} else if n != 0 { // negative, endless or no number
				d = -1
			}
		}
		if err != nil || d < 0 || d == 0 && !zero {
			return fmt.Errorf("%q is no number of seconds that can be used", value)
		}
		t.out = append(t.out, name+"="+d.String())
		return nil
	}
}

// headerLine is what mcp-remote takes for a header; compiled when wanted.
var headerLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.*)$`) })

func (t *mcpRemoteArgs) header(line string) error {
	t.noteHeader(line)
	t.out = append(t.out, "--header="+line) // judged where it is parsed
	return nil
}

func (t *mcpRemoteArgs) noteHeader(line string) {
	if m := headerLine().FindStringSubmatch(line); m != nil {
		t.headers[m[1]] = m[2]
	}
}

// headerFile leaves the headers in their file: arguments can be seen by others,
// and are handed on to the process that waits for a sign-in.
func (t *mcpRemoteArgs) headerFile(path string) error {
	data, err := readGiven(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if _, _, ok := header.Split(line); !ok {
			return fmt.Errorf("line %d of %s is not of the form Name: value", i+1, path)
		}
		t.noteHeader(line)
	}
	t.out = append(t.out, "--header-file="+path)
	return nil
}

func (t *mcpRemoteArgs) transport(value string) error {
	switch value {
	case "http-first", "sse-first":
		value, t.theirs = "auto", true
	case "http-only":
		value, t.theirs = "http", true
	case "sse-only":
		value, t.theirs = "sse", true
	}
	t.out = append(t.out, "--transport="+value)
	return nil
}

func (t *mcpRemoteArgs) protocol(value string) error {
	if value != "legacy" && value != "auto" {
		return fmt.Errorf("%q is neither legacy nor auto", value)
	}
	return nil
}

func (t *mcpRemoteArgs) successURL(value string) error {
	if strings.ContainsAny(value, "?#") {
		return errors.New("the address has a query or a fragment")
	}
	t.out = append(t.out, "--success-url="+value)
	return nil
}

func (t *mcpRemoteArgs) debug(string) error     { t.debugging = true; return nil }
func (t *mcpRemoteArgs) silent(string) error    { t.quiet = true; return nil }
func (t *mcpRemoteArgs) keepAlive(string) error { t.pings = true; return nil }

func (t *mcpRemoteArgs) resource(value string) error {
	if value = strings.TrimSpace(value); value == "" || value == oauth.NoResource {
		t.withoutRes = true
		return nil
	}
	t.resourceURI = value
	return nil
}

func (t *mcpRemoteArgs) noResource(string) error { t.withoutRes = true; return nil }

func (t *mcpRemoteArgs) authParam(value string) error {
	name, text, ok := strings.Cut(value, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return errors.New("it is not of the form name=value")
	}
	t.params[name] = text
	t.out = append(t.out, "--auth-param="+name+"="+text)
	return nil
}

func (t *mcpRemoteArgs) metadataURL(value string) error {
	t.documentURL = strings.TrimSpace(value)
	t.out = append(t.out, "--client-metadata-url="+t.documentURL)
	return nil
}

func (t *mcpRemoteArgs) tokenEndpoint(value string) error {
	t.endpoint = strings.TrimSpace(value)
	t.out = append(t.out, "--token-endpoint="+t.endpoint)
	return nil
}

func (t *mcpRemoteArgs) version(string) error { t.versionOnly = true; return nil }

func (t *mcpRemoteArgs) clientMetadata(value string) error {
	chosen, err := readClientMetadata(value, t.redirectURI)
	if err != nil {
		return err
	}
	t.redirected = len(chosen.Redirects()) > 0
	t.out = append(t.out, "--client-metadata="+value)
	return nil
}

// clientInfo hands the secret on in the form it came in: a translated command
// line holds no secret that the original did not hold.
func (t *mcpRemoteArgs) clientInfo(value string) error {
	id, secret, err := parseClientInfo(value, t.getenv)
	if err != nil {
		return err
	}
	t.static = true
	t.out = append(t.out, "--client-id="+id)
	if secret.Reveal() != "" {
		t.out = append(t.out, "--client-info="+value)
	}
	return nil
}

// parseClientInfo reads the client registered by hand from the JSON of
// --static-oauth-client-info, or from the file behind its @.
func parseClientInfo(value string, getenv func(string) string) (id string, secret oauth.Secret, err error) {
	var info struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := readJSONArgument(value, getenv, &info); err != nil {
		return "", oauth.Secret{}, err
	}
	if info.ID == "" {
		return "", oauth.Secret{}, errors.New("it has no client_id")
	}
	return info.ID, oauth.NewSecret(info.Secret), nil
}

// readJSONArgument decodes JSON or a file with it. With getenv ${VAR} is replaced
// in its strings, after it is parsed: a value cannot break out of its string.
// Errors tell nothing of the content.
func readJSONArgument(value string, getenv func(string) string, into any) error {
	data := []byte(value)
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		var err error
		if data, err = readGiven(path); err != nil {
			return err
		}
	}
	if getenv != nil {
		var err error
		if data, err = expandJSON(data, getenv); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errors.New("it is not JSON of the expected form")
	}
	return nil
}

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
