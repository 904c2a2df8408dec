package cli

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
)

// offered asks as the scripts of the shells do, and returns the words without what explains
// them, and cobra's directive.
func offered(t *testing.T, line []string, variables ...string) (words []string, directive string) {
	t.Helper()
	code, out, said := runWith(t, "", append([]string{"__complete"}, line...), variables...)
	if code != exitOK || !strings.HasPrefix(said, "Completion ended with directive") {
		t.Errorf("%q: %d %s", line, code, said)
	}
	for word := range strings.Lines(out) {
		word, _, _ = strings.Cut(strings.TrimSpace(word), "\t")
		words = append(words, word)
	}
	return words[:len(words)-1], words[len(words)-1]
}

// Cobra's directives.
const (
	offersFiles = ":0"
	noFiles     = ":4"
)

// keptHome is a machine with logins in plain files, and a client with an entry. It returns
// the variables.
func keptHome(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(store.Options{Dir: filepath.Join(dir, "state"), Kind: store.KindFile})
	must(t, err)
	for server, profile := range map[string]string{"https://a.example/mcp": "", "https://b.example/mcp": "work", "https://c.example/mcp": "home"} {
		must(t, st.Save(t.Context(), oauth.Key{Server: server, Profile: profile}, oauth.Credential{Server: server, Issuer: "https://idp.example", AccessToken: grant.NewSecret("x"), TokenType: "Bearer", Account: "alice"}))
	}
	must(t, os.MkdirAll(filepath.Join(dir, ".cursor"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, ".cursor", "mcp.json"), []byte(`{"mcpServers":{"notes":{"command":"x"}}}`), 0o600))
	return []string{"MCP_LOGIN_DIR", filepath.Join(dir, "state"), "HOME", dir, "USERPROFILE", dir}
}

// What a shell is offered for the words of a command line.
func TestCompletionKnowsWhatMayStandThere(t *testing.T) {
	home := keptHome(t)
	servers := "https://a.example/mcp https://b.example/mcp https://c.example/mcp"
	for _, tc := range []struct{ line, want, directive string }{
		{"login ", servers, noFiles},
		{"logout ", servers, noFiles},
		{"status ", servers, noFiles},
		{"token ", servers, noFiles},
		{"tools ", servers, noFiles},
		{"call ", servers, noFiles},
		{"doctor ", servers, noFiles},
		{"login --store passphrase ", servers, noFiles},
		{"login --store memory ", "", noFiles},
		{"login https://a.example/mcp ", "", noFiles},
		{"call https://a.example/mcp ", "", noFiles},
		{"https://a.example/mcp ", "", noFiles},
		{"config cursor ", servers, noFiles},
		{"config cursor https://a.example/mcp ", "", noFiles},
		{"config --remove ", "notes", noFiles},
		{"config zed --remove ", "", noFiles},
		{"config cursor --file ", "", offersFiles},
		{"import mcp-remote ", "", noFiles},
		{"version ", "", noFiles},
		{"completion bash ", "", noFiles},
		{"completion ", "bash fish powershell zsh", noFiles},
		{"token --profile ", "home work", noFiles},
		{"token https://b.example/mcp --profile ", "work", noFiles},
		{"--profile ", "home work", noFiles},
		{"--store ", "auto keyring passphrase file memory", noFiles},
		{"import mcp-remote --store ", "auto keyring passphrase file", noFiles},
		{"status --log-level ", "debug info warn error", noFiles},
		{"tools --transport ", "auto http sse", noFiles},
		{"--transport=", "auto http sse", noFiles},
		{"--callback-host ", "127.0.0.1 localhost ::1", noFiles},
		{"--resource ", "none", noFiles},
		{"--ca-file ", "", offersFiles},
		{"--client-metadata ", "", offersFiles},
		{"--token-command ", "", offersFiles},
		{"login --timeout ", "", noFiles},
		{"login --issuer ", "", noFiles},
		{"help flags logou", "logout", noFiles},
		{"logout --ping", "", noFiles},
		{"logout --end", "--end-session", noFiles},
		{"--detached", "", noFiles},
		{"login --detached", "", noFiles},
		{"--client-i", "--client-id", noFiles},
		{"--cache", "", noFiles},
	} {
		words, directive := offered(t, strings.Split(tc.line, " "), home...)
		if last := tc.line[strings.LastIndex(tc.line, " ")+1:]; last != "" && !strings.HasSuffix(last, "=") { // the shells filter
			words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, last) })
		}
		if got := strings.Join(words, " "); got != tc.want || directive != tc.directive {
			t.Errorf("%q: %q %s", tc.line, got, directive)
		}
	}
	if words, _ := offered(t, []string{""}, home...); !slices.Contains(words, "login") || !slices.Contains(words, "https://a.example/mcp") || slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "_") }) {
		t.Errorf("%q", words)
	}
}

// Every value that is offered for a flag is one that the flag takes.
func TestWhatIsOfferedIsTaken(t *testing.T) {
	for flag, values := range flagChoices {
		for _, value := range values {
			var o options
			f := pflag.NewFlagSet("", pflag.ContinueOnError)
			o.register(f, env())
			must(t, f.Parse([]string{"--" + flag, value}))
			must(t, o.resolve(f))
			a := &app{getenv: env("MCP_LOGIN_DIR", t.TempDir()), term: onPipes(io.Discard, io.Discard)}
			_, storeErr := a.openStore(o.generalOptions, nil)
			_, logErr := a.logger(o.logLevel)
			_, connErr := a.connection(&o, nil)
			for _, err := range []error{o.check(), storeErr, logErr, connErr} {
				if err != nil {
					t.Errorf("--%s %s: %v", flag, value, err)
				}
			}
		}
	}
}

// Completion reads the index and nothing else: it changes no file, and needs neither the
// passphrase nor a login that can be read.
func TestCompletionReadsTheIndexAlone(t *testing.T) {
	home := keptHome(t)
	state := home[1]
	files := func() (all []string) {
		must(t, filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
			info, _ := d.Info()
			b, _ := os.ReadFile(path)
			all = append(all, path+info.ModTime().String()+string(b))
			return err
		}))
		return all
	}
	plain, err := filepath.Glob(filepath.Join(state, "*.plain"))
	must(t, err)
	if len(plain) != 3 {
		t.Fatalf("%q", plain)
	}
	must(t, os.WriteFile(plain[0], []byte("no login"), 0o600)) // List would mend the index
	must(t, os.Remove(plain[1]))
	before := files()
	words, _ := offered(t, []string{"login", ""}, append(home, "MCP_LOGIN_STORE", "passphrase", "MCP_LOGIN_PASSPHRASE_FILE", filepath.Join(state, "none"))...)
	if len(words) != 3 || !slices.Equal(files(), before) {
		t.Errorf("%q; files before and after:\n%q\n%q", words, before, files())
	}
	empty := filepath.Join(t.TempDir(), "state")
	if words, _ := offered(t, []string{"login", ""}, "MCP_LOGIN_DIR", empty); len(words) != 0 {
		t.Errorf("%q", words)
	}
	if _, err := os.Stat(empty); !os.IsNotExist(err) {
		t.Error("a folder is made")
	}
}
