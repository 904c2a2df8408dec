package mcpremote

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"mcp-login/internal/oauth/loopback"
)

// Environment is what values on a command line may refer to.
type Environment struct {
	// Getenv returns the variable of ${NAME}, "" for none.
	Getenv func(name string) string
	// ReadFile returns the file of @FILE and of --header-file.
	ReadFile func(path string) ([]byte, error)
}

// translation is a command line that is being translated.
type translation struct {
	env Environment
	out []string // our words so far
	// mcpRemote tells that one of the words is mcp-remote's alone.
	mcpRemote bool

	// What finish adds once all words are known.
	version, noResource              bool
	logLevel, pingInterval, resource string

	// What the redirect URI depends on, see callback and derivedPort.
	url, port, metadataURL, tokenEndpoint string
	headers, params                       map[string]string
	redirectURI                           string // of our own flag --redirect-uri
	staticClient, staticRedirects         bool
}

// Translate turns a command line of mcp-remote ([Version]) into one of mcp-login. Words that
// mean the same here, and words that it does not know, stay as they are, so that it can
// be applied to every command line of a bridge, and again to its own result. A value
// that mcp-remote would ignore with a warning is an error, which names the flag and
// shows no value that may be secret. The files of @FILE and --header-file are read.
// takesValue tells of a word that it is a flag of ours whose value is the next word,
// which then is neither the server's address nor a port.
func Translate(args []string, takesValue func(word string) bool, env Environment) ([]string, error) {
	t := &translation{env: env, headers: map[string]string{}, params: map[string]string{}, redirectURI: valueOf("--redirect-uri", args)}
	expectPort := false
	for i := 0; i < len(args); i++ {
		word := args[i]
		name, value, joined := strings.Cut(word, "=")
		f := slices.IndexFunc(Flags, func(row Row) bool { return row.Name() == name && (!joined || row.takesValue()) })
		switch {
		case f < 0 && i+1 < len(args) && takesValue(word):
			i++
			t.out = append(t.out, word, args[i])
		case f < 0 && expectPort && isPort(word):
			t.port, t.mcpRemote = word, true
		case f < 0 && t.url == "" && strings.Contains(word, "://") && !strings.HasPrefix(word, "-"):
			t.url, expectPort = word, true
			t.out = append(t.out, word)
			continue
		case f < 0 || Flags[f].takesValue() && !joined && i+1 == len(args):
			t.out = append(t.out, word) // one of ours, or refused where flags are parsed
		default:
			if Flags[f].takesValue() && !joined {
				i++
				value = args[i]
			}
			if err := t.flag(Flags[f], value); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if name == "--header" || name == "--header-file" {
				continue // mcp-remote takes these out before it looks for the port
			}
		}
		expectPort = false
	}
	return t.finish(), nil
}

// valueOf is the last value of a flag, "" for none.
func valueOf(flag string, args []string) (value string) {
	for i, word := range args {
		if joined, ok := strings.CutPrefix(word, flag+"="); ok {
			value = joined
		} else if word == flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

// flag translates one flag of the table.
func (t *translation) flag(row Row, value string) error {
	ours, _, _ := strings.Cut(row.Ours, " ")
	if row.Name() != ours {
		t.mcpRemote = true
	}
	switch ours = cmp.Or(ours, row.Name()); {
	case row.translate != nil:
		return row.translate(t, value)
	case row.takesValue():
		t.add(ours, value)
	default:
		t.out = append(t.out, ours)
	}
	return nil
}

// add appends a flag of ours.
func (t *translation) add(flag, value string) { t.out = append(t.out, flag+"="+value) }

// finish adds the flags that depend on several words, and returns the result. They
// stand in front: a flag at the end that lacks its value would swallow them.
func (t *translation) finish() []string {
	if t.version {
		return []string{"version"}
	}
	var front []string
	unlessGiven := func(flag, value string) {
		given := slices.ContainsFunc(t.out, func(word string) bool {
			name, _, _ := strings.Cut(word, "=")
			return name == flag
		})
		if value != "" && !given {
			front = append(front, flag+"="+value)
		}
	}
	unlessGiven("--log-level", t.logLevel)
	unlessGiven("--ping-interval", t.pingInterval)
	if t.noResource {
		front = append(front, "--no-resource")
	} else if t.resource != "" {
		front = append(front, "--resource="+t.resource)
	}
	// A client that is registered by hand has the redirect URI of mcp-remote.
	if t.port == "" && t.mcpRemote && !t.staticRedirects && (t.staticClient || t.metadataURL != "") && t.url != "" {
		t.port = strconv.Itoa(t.derivedPort())
	}
	if t.port != "" {
		unlessGiven("--callback-port", t.port)
		unlessGiven("--callback-path", loopback.MCPRemotePath)
		if runtime.GOOS != "windows" { // where mcp-remote uses 127.0.0.1, as we do
			unlessGiven("--callback-host", "localhost")
		}
	}
	return append(front, t.out...)
}

// derivedPort is the port that mcp-remote listens on when it is not told one.
func (t *translation) derivedPort() int {
	resource := t.resource
	if t.noResource {
		resource = ""
	}
	sum := digest(t.url, resource, sortedJSON(t.params), sortedJSON(t.headers), t.metadataURL, t.tokenEndpoint)
	return 3335 + int(binary.BigEndian.Uint16(sum[:]))%45816
}
