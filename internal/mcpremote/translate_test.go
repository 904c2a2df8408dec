package mcpremote

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/oauth"
)

// env is an environment with variables and the files of the disk.
func env(pairs ...string) Environment {
	return Environment{
		Getenv: func(name string) string {
			for i := 0; i+1 < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		},
		ReadFile: func(path string) ([]byte, error) {
			b, err := os.ReadFile(path)
			return bytes.TrimPrefix(b, []byte("\ufeff")), err
		},
	}
}

// ours reports whether a word is a flag of ours with a value, of those that tests use.
func ours(word string) bool {
	return slices.Contains([]string{"--auth-param", "--callback-port", "--profile", "--scope"}, word)
}

const remoteURL = "https://example.com/mcp"

// redirect is what mcp-remote's redirect URI looks like in our words.
func redirect(port string) string {
	s := "--callback-port=" + port + " --callback-path=/oauth/callback"
	if runtime.GOOS != "windows" {
		s += " --callback-host=localhost"
	}
	return s
}

// sameWords compares without the order, which does not matter to flags.
func sameWords(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Every flag of mcp-remote in our words. The first word of a case is the row of
// the table that it tests; every row has one. A blank in a value is written as ~.
func TestEveryFlagIsTranslated(t *testing.T) {
	dir := t.TempDir()
	headers, info := filepath.Join(dir, "headers"), filepath.Join(dir, "info.json")
	for path, text := range map[string]string{
		headers: "\ufeff# comment\r\n\r\nX-One: 1\r\nX-Two:${TWO}\n",
		info:    `{"client_id": "${ID}", "client_secret": "s3cret", "redirect_uris": ["http://localhost:3334/oauth/callback"], "n": 1.5}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	getenv := env("ID", "the-id", "WHOLE", `{"client_id":"whole"}`)
	covered := map[string]bool{}
	for _, tc := range []struct{ theirs, ours string }{
		{"--header X-Key:~${KEY}", "--header=X-Key:~${KEY}"},
		{"--header=X:y", "--header=X:y"},
		{"--header-file " + headers, "--header-file=" + headers},
		{"--transport http-first", "--transport=auto"},
		{"--transport sse-first", "--transport=auto"},
		{"--transport http-only", "--transport=http"},
		{"--transport sse-only", "--transport=sse"},
		{"--transport sse", "--transport=sse"},
		{"--protocol auto", ""},
		{"--protocol legacy", ""},
		{"--host localhost", "--callback-host=localhost"},
		{"--callback-path /done", "--callback-path=/done"},
		{"--auth-timeout 60", "--timeout=1m0s"},
		{"--auth-success-url https://example.com/done", "--success-url=https://example.com/done"},
		{"--allow-http", "--allow-http"},
		{"--debug", "--log-level=debug"},
		{"--silent", "--log-level=error"},
		{"--silent --debug", "--log-level=debug"},
		{"--enable-proxy", ""},
		{"--ignore-tool delete* --ignore-tool x", "--ignore-tool=delete* --ignore-tool=x"},
		{"--connect-timeout 2.5", "--connect-timeout=2.5s"},
		{"--connect-timeout 2m", "--connect-timeout=2m0s"},
		{"--headers-timeout 30", "--headers-timeout=30s"},
		{"--body-timeout 0", "--body-timeout=0s"},
		{"--keep-alive", "--ping-interval=30s"},
		{"--ping-interval 60 --keep-alive", "--ping-interval=1m0s"},
		{"--ipv4", "--ipv4"},
		{"--disable-cookies", "--no-cookies"},
		{"--resource https://r.example/", "--resource=https://r.example/"},
		{"--resource ~", "--no-resource"},
		{"--disable-resource-parameter --resource https://r.example/", "--no-resource"},
		{"--authorize-param prompt=consent --authorize-param x=a=b", "--auth-param=prompt=consent --auth-param=x=a=b"},
		{`--static-oauth-client-metadata {"scope":"a~b","client_name":"x"}`, `--client-metadata={"scope":"a~b","client_name":"x"}`},
		{`--static-oauth-client-metadata {"client_name":"x"}`, `--client-metadata={"client_name":"x"}`},
		{`--static-oauth-client-metadata {"redirect_uris":["http://localhost:1/x"]} --static-oauth-client-info {"client_id":"public"}`, `--client-metadata={"redirect_uris":["http://localhost:1/x"]} --client-id=public`},
		{`--static-oauth-client-info {"client_id":"public"}`, "--client-id=public " + redirect("37931")},
		{"--static-oauth-client-info ${WHOLE}", "--client-id=whole " + redirect("37931")},
		{"--static-oauth-client-info @" + info, "--client-id=the-id --client-info=@" + info + " " + redirect("37931")},
		{"--client-metadata-url https://c.example/doc", "--client-metadata-url=https://c.example/doc"},
		{"--client-metadata-url https://c.example/doc --silent", "--client-metadata-url=https://c.example/doc --log-level=error " + redirect("26048")},
		{"--client-credentials", "--client-credentials"},
		{"--token-endpoint https://t.example/token", "--token-endpoint=https://t.example/token"},
		{"--device-code", "--device"},
		{"--use-id-token", "--id-token"},
		{"--cache-dir kept", "--cache-dir=kept"},
		{"--help", "--help"},
		{"-h", "--help"},
		// What is not mcp-remote's stays as it is, for cobra to judge.
		{"--profile work --unknown 3334 --debug=x", "--profile work --unknown 3334 --debug=x"},
		{"--resource", "--resource"},
	} {
		words := func(s string) []string {
			f := strings.Fields(s)
			for i := range f {
				if !strings.Contains(f[i], dir) {
					f[i] = strings.ReplaceAll(f[i], "~", " ")
				}
			}
			return f
		}
		theirs := words(tc.theirs)
		name, _, _ := strings.Cut(theirs[0], "=")
		covered[name] = true
		got, err := Translate(append([]string{remoteURL}, theirs...), ours, getenv)
		want := append([]string{remoteURL}, words(tc.ours)...)
		if err != nil || !sameWords(got, want) {
			t.Errorf("%s:\n%q, %v\n%q", tc.theirs, got, err, want)
		}
	}
	covered["--version"] = true // TestVersionIsAVerbHere
	for _, row := range Flags {
		if !covered[row.Name()] {
			t.Errorf("%s is not tested", row.Name())
		}
	}
	if len(Flags) != 34 {
		t.Errorf("%d flags; mcp-remote %s has 33, with --help, -h and --version, and --cache-dir is in configurations", len(Flags), Version)
	}
}

func TestVersionIsAVerbHere(t *testing.T) {
	if got, err := Translate([]string{"--debug", "--version", remoteURL}, ours, env()); err != nil || !slices.Equal(got, []string{"version"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// The port behind the URL, and where mcp-remote itself would not take it for one.
func TestPortIsTakenBehindTheURLAlone(t *testing.T) {
	for theirs, want := range map[string]string{
		"U 9696":                            "U " + redirect("9696"),
		"U --header X:y 9696":               "U --header=X:y " + redirect("9696"),
		"--header X:y U 9696 --allow-http":  "--header=X:y U --allow-http " + redirect("9696"),
		"U 9696 --callback-path /x":         "U --callback-path=/x --callback-port=9696 --callback-host=localhost",
		"U 9696 --host 127.0.0.1":           "U --callback-host=127.0.0.1 --callback-port=9696 --callback-path=/oauth/callback",
		"U --allow-http 9696":               "U --allow-http 9696",
		"U 96960":                           "U 96960",
		"U 0":                               "U 0",
		"login U":                           "login U",
		"U":                                 "U",
		"":                                  "",
		"9696 U":                            "9696 U",
		"U --profile 9696":                  "U --profile 9696",
		"--scope https://x/.default U 9696": "--scope https://x/.default U " + redirect("9696"),
		"U --callback-port 1 --profile x":   "U --callback-port 1 --profile x",
	} {
		words := func(s string) []string {
			return strings.Fields(strings.ReplaceAll(s, "U", remoteURL))
		}
		got, err := Translate(words(theirs), ours, env())
		if err != nil || !sameWords(got, words(want)) {
			if runtime.GOOS == "windows" && strings.Contains(want, "localhost") {
				continue
			}
			t.Errorf("%s: %q, %v", theirs, got, err)
		}
	}
}

// The port that mcp-remote derives, as it says itself with --debug.
func TestPortIsTheOneMCPRemoteDerives(t *testing.T) {
	for _, tc := range []struct {
		args []string
		port string
	}{
		{[]string{remoteURL}, "37931"},
		{[]string{"--auth-param", "audience=https://api.x", remoteURL}, "37931"},
		{[]string{
			remoteURL, "--resource", "https://r.example/", "--header", `X-B:2 <&>`, "--header", "Authorization: Bearer ${K} \"é\u2028", "--authorize-param", "prompt=consent",
			"--authorize-param", "audience=https://a/?x=1", "--client-metadata-url", "https://c.example/doc", "--token-endpoint", "https://t.example/token",
		}, "8363"},
		{[]string{"http://127.0.0.1:1/mcp", "--resource", "https://r.example/", "--authorize-param", "prompt=consent", "--header", `X-B: 2 "q"`}, "12278"},
	} {
		got, err := Translate(append(tc.args, "--static-oauth-client-info", `{"client_id":"x"}`), ours, env("K", "s3cret"))
		if err != nil || !slices.Contains(got, "--callback-port="+tc.port) {
			t.Errorf("%q: %q, %v", tc.args, got, err)
		}
	}
}

// A value that mcp-remote would ignore, with or without a warning, is an error that names
// the flag and shows no secret.
func TestUnusableValuesAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "headers")
	if err := os.WriteFile(file, []byte("no header s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--header-file", file},
		{"--header-file", filepath.Join(dir, "none")},
		{"--protocol", "modern"},
		{"--auth-timeout", "0"},
		{"--auth-timeout", "-1"},
		{"--auth-timeout", "soon"},
		{"--auth-timeout", "NaN"},
		{"--auth-timeout", "Inf"},
		{"--ping-interval", "0"},
		{"--body-timeout", "-0.5"},
		{"--connect-timeout", "1e300"},
		{"--authorize-param", "s3cret"},
		{"--authorize-param", "=x"},
		{"--auth-success-url", "https://example.com/?s3cret"},
		{"--static-oauth-client-info", `{"client_secret":"s3cret"}`},
		{"--static-oauth-client-info", `{"client_id":"x","client_secret":"s3cret"`},
		{"--static-oauth-client-info", `{"client_id":1,"client_secret":"s3cret"}`},
		{"--static-oauth-client-info", `["s3cret"]`},
		{"--static-oauth-client-info", "@" + filepath.Join(dir, "none")},
		{"--static-oauth-client-metadata", `{"scope":["s3cret"]}`},
		{"--static-oauth-client-metadata", "s3cret"},
		{"--static-oauth-client-metadata", "@" + filepath.Join(dir, "none")},
		{"--static-oauth-client-metadata", `{"redirect_uris":["https://s3cret.example/"]}`},
		{"--static-oauth-client-metadata", `{"jwks_uri":"https://s3cret.example/"}`},
	} {
		got, err := Translate(append([]string{remoteURL}, args...), ours, env())
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %q, %v", args, got, err)
		}
	}
}

// The value of a variable cannot end its string in the JSON.
func TestAVariableCannotEndItsStringInTheClientInfo(t *testing.T) {
	id, secret, err := ParseClientInfo(`{"client_id":"a","client_secret":"${S}"}`, env("S", `x","client_id":"evil`))
	if err != nil || id != "a" || secret.Reveal() != `x","client_id":"evil` {
		t.Errorf("%q, %v", id, err)
	}
}

// No words make Translate panic, and translating a result again changes nothing.
func FuzzTranslate(f *testing.F) {
	f.Add("https://example.com/mcp\n9696\n--debug\n--resource\nhttps://r.example/")
	f.Add("--header\nX: y\nhttps://example.com/mcp\n--static-oauth-client-info\n{\"client_id\":\"${X}\"}")
	f.Add("https://example.com/mcp\n--auth-timeout=1e3\n--keep-alive\n--transport\nsse-only\n--version")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "@") || strings.Contains(text, "--header-file") {
			return // names files
		}
		once, err := Translate(strings.Split(text, "\n"), ours, env("X", "y"))
		if err != nil || slices.ContainsFunc(once, isPort) {
			return // a number too many, which is refused later
		}
		twice, err := Translate(once, ours, env("X", "y"))
		if err != nil || !sameWords(once, twice) {
			t.Fatalf("%v\n%q\n%q\n%q", err, text, once, twice)
		}
	})
}

// The tables of docs/coming-from-mcp-remote.md are those of the program, and of the same release.
func TestDocumentedTables(t *testing.T) {
	page, err := os.ReadFile("../../docs/coming-from-mcp-remote.md")
	if err != nil {
		t.Fatal(err)
	}
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
	}
	if !strings.Contains(string(page), "all words that mcp-remote "+Version+" knows") {
		t.Errorf("the page does not say that it is about %s", Version)
	}
	for _, rows := range [][]Row{Arguments, Flags, Variables} {
		table := ""
		for _, row := range rows {
			table += "| " + code(row.Theirs) + " | " + code(row.Ours) + " | " + row.Note + " |\n"
		}
		if !strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), "| --- | --- | --- |\n"+table+"\n") {
			t.Errorf("the page lacks this table:\n%s", table)
		}
	}
}

// The hashes were made by mcp-remote's own function.
func TestFilesAreNamedByTheHashOfMCPRemote(t *testing.T) {
	const server = "https://example.com/mcp"
	for want, r := range map[string]Identity{
		"8724945d3c4865fe12d6890203193588": {Server: server},
		"6b2dc2acf96330bd28ca9b858bf4090a": {Server: server, Resource: "https://example.com/"},
		"665f84bd9f84149c9b5588d74a8df0f5": {Server: server, Headers: map[string]string{"X-B": "<b> & \"q\" ü \u2028", "Authorization": "Bearer ${TOKEN}"}},
	} {
		if got := r.filePrefix(); got != want {
			t.Errorf("%+v: %s, want %s", r, got, want)
		}
	}
	args := []string{"-y", "mcp-remote", server, "--header", "X-B: <b> & \"q\" ü \u2028", "--header", "Authorization:Bearer ${TOKEN}"}
	if all := Identities(args); len(all) != 2 || all[0].filePrefix() != "665f84bd9f84149c9b5588d74a8df0f5" || all[1].filePrefix() != "8724945d3c4865fe12d6890203193588" {
		t.Errorf("%+v", all)
	}
}

// A resource covers the server if it is its address, or a path above it.
func TestAResourceCoversThePathsBelowIt(t *testing.T) {
	server, err := url.Parse("https://a.example/x/mcp")
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]bool{
		"https://a.example/x/mcp": true, "https://a.example/x": true, "https://a.example": true, "https://a.example/": true, "https://a.example/x/mcp/": true,
		"https://a.example/x/mc": false, "https://b.example/x/mcp": false, "http://a.example/x/mcp": false, "": false, "api://x": false,
	} {
		if covers(resource, server) != want {
			t.Errorf("%s: %v", resource, !want)
		}
	}
}

// Whatever stands in mcp-remote's files, a credential of them is bound to one issuer.
func FuzzLogin(f *testing.F) {
	f.Add([]byte(`{"client_id":"c","redirect_uris":["x"],"client_secret_expires_at":1e99}`), []byte(`{"access_token":"a.e30.c","id_token":"a.eyJzdWIiOiJ4In0.c","expires_at":1e300}`))
	f.Add([]byte(`{"client_id":"c","issuer":"https://i.example"}`), []byte(`{"access_token":"t","issuer":"https://i.example"}`))
	f.Fuzz(func(t *testing.T, client, tokens []byte) {
		dir := t.TempDir()
		l := &Login{folder: dir, hash: strings.Repeat("0", 32)}
		for name, b := range map[string][]byte{"_client_info.json": client, "_tokens.json": tokens} {
			if err := os.WriteFile(l.Prefix()+name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if l.read() != nil {
			return
		}
		l.Identify(nil)
		cred, err := l.stored(oauth.Key{Server: "https://a.example/mcp"})
		if err == nil && (cred.Issuer == "" || cred.Registration.ClientID == "" || cred.Registration.Issuer != cred.Issuer || cred.Login() == "") {
			t.Errorf("%+v", cred)
		}
	})
}
