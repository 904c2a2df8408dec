package cli

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/hint"
)

// proposal is what is said about a command line, and the line that is proposed.
func proposal(words []string) (said, line string) {
	a := &app{getenv: env(), given: words}
	err := a.mistake(errArguments)
	line, ok := strings.CutPrefix(hint.Of(err), "did you mean: ")
	if !ok {
		line = ""
	}
	return err.Error() + "; " + hint.Of(err), line
}

// What may be secret is never shown, in whatever place it stands.
func TestAMistakeShowsNoSecret(t *testing.T) {
	const url = "https://example.com/mcp"
	for _, words := range [][]string{
		{url, "--header X: s3cret"},
		{url, "-HX:s3cret"},
		{url, "-Hs3cret"},
		{url + " --device --header X:s3cret"},
		{url, "--header:X=s3cret"},
		{"login", url, "--haeder X: s3cret"},
		{url, "--clientsecret", "s3cret"},
		{url, "--client-secert", "s3cret"},
		{url, "--secret", "s3cret"},
		{url, "--passwrod=s3cret"},
		{url, "--apitoken", "s3cret"},
		{"login", url, "--tokn", "s3cret", "--timeout", "5"},
		{"user:s3cret@host/mcp"},
		{"login", "user:s3cret@host"},
		{"logn", url, "--issuer", "http://u:s3cret@id.example"},
		{"login", url, "--isuer", "http://u:s3cret@id.example"},
		{"config", "cursor", url, "--", "X-Key:s3cret"},
		{"config", "cursor", url, "--", "--header", "X-Key:", "s3cret"},
		{"config", "u:s3cret@x", url},
		{"logn", url, "--header", "s3cret"},
		{"logn", url, "--header-command", "X-Key: print s3cret"},
		{"logn", url, "--token-command", "print s3cret"},
		{"logn", url, "--token-command", "print 's3cret"},
		{"logn", url, "--client-info", `{"client_secret":"s3cret"}`},
		{"logn", url, "--static-oauth-client-info", `{"client_secret":"s3cret"}`},
		{"tools", url, "--static-oauth-client-info={s3cret}"},
		{"login", url, "s3cret", "s3cret"},
		{"--client-secret", "s3cret", url},
		{"--api-key=s3cret", url},
		{"--password", "s3cret", "logn", url},
	} {
		if said, _ := proposal(words); strings.Contains(said, "s3cret") {
			t.Errorf("%q: %s", words, said)
		}
	}
}

// Lines that cannot be written with blanks between all words, and what is said of them.
func TestWordsWithBlanks(t *testing.T) {
	const url = "https://example.com/mcp"
	for want, words := range map[string][]string{
		"mcp-login " + url + " --device --header 'X: VALUE'":     {url + " --device --header X:1"},
		"mcp-login login " + url + " '--header=X: VALUE'":        {"login", url, "--header X: 1"},
		"mcp-login login " + url + " --timeout=5s":               {"login", url, "--timeout 5s"},
		"mcp-login login " + url + " --client-id=x":              {"login", url, "--client-id:x"},
		"mcp-login login " + url + " --scope 'openid profile b'": {"login", url, "--scope", "openid", "profile", "b"},
		"mcp-login login --scope 'openid profile' " + url:        {"login", "--scope", "openid", "profile", url},
		"mcp-login login " + url + " --client-name 'My App'":     {"login", url, "--client-name", "My", "App"},
		"mcp-login login " + url + " --max-message '10 MB'":      {"login", url, "--max-message", "10", "MB"},
		"mcp-login login " + url + " --timeout 5m30s":            {"login", url, "--timeout", "5m", "30s"},
		"mcp-login login " + url:                                 {"login " + url},
		"mcp-login tools " + url:                                 {"tools", url, ""},
	} {
		if said, line := proposal(words); line != want {
			t.Errorf("%q\n got %s (%s)\nwant %s", words, line, said, want)
		}
	}
}

// Lines and their proposals, "" where there is none but something is said.
func TestProposals(t *testing.T) {
	const url = "https://example.com/mcp"
	for given, want := range map[string]string{
		"mcp-remote cursor":                                     "",
		"install cursor " + url:                                 "mcp-login config cursor " + url,
		"faq " + url:                                            "",
		"config --from-mcp-remote " + url:                       "",
		"config --list --client-id x":                           "",
		url + " --write":                                        "mcp-login " + url,
		"--name x " + url:                                       "",
		"config cursor " + url + " 3334 --write":                "mcp-login config cursor " + url + " --write -- 3334",
		"--jsno tools " + url:                                   "mcp-login tools --json " + url,
		"completion --store x":                                  "",
		url + " help":                                           "",
		url + " import":                                         "",
		url + " version":                                        "",
		url + " completion bash":                                "",
		url + " lgoin":                                          "mcp-login login " + url,
		"-- login " + url:                                       "mcp-login login " + url,
		"login -- example.com":                                  "mcp-login login https://example.com",
		"login " + url + " -- --device":                         "mcp-login login " + url + " --device",
		"npx -y @x/inspector " + url:                            "",
		"--json status":                                         "mcp-login status --json",
		"--again login " + url:                                  "mcp-login login --again " + url,
		"--write config cursor " + url:                          "mcp-login config --write cursor " + url,
		"--fix doctor " + url:                                   "mcp-login doctor --fix " + url,
		"login " + url + " --isuer https://id.example.com":      "mcp-login login " + url + " --issuer https://id.example.com",
		"login " + url + " --resorce https://r.example":         "mcp-login login " + url + " --resource https://r.example",
		"login " + url + " --redirect-url http://127.0.0.1:1/x": "mcp-login login " + url + " --redirect-uri http://127.0.0.1:1/x",
		"login --ca-fil ca.pem " + url:                          "mcp-login login --ca-file ca.pem " + url,
		"login " + url + " --callback-hst 127.0.0.1":            "mcp-login login " + url + " --callback-host 127.0.0.1",
		"login " + url + " --no-device":                         "",
		"login " + url + " --headless":                          "mcp-login login " + url + " --device",
		"unsubscribe":                                           "",
		"config code " + url + " --write":                       "",
		"sign in " + url:                                        "mcp-login login " + url,
		"log in " + url:                                         "mcp-login login " + url,
		"list tools " + url:                                     "mcp-login tools " + url,
		"login login " + url:                                    "mcp-login login " + url,
		"login " + url + " 3334 3335":                           "",
		"login " + url + " --transport streamable-http":         "mcp-login login " + url + " --transport http",
		"login " + url + " --transport smoke":                   "",
		"login " + url + " --log-level warning":                 "mcp-login login " + url + " --log-level warn",
		"status --store fiel":                                   "mcp-login status --store file",
		"login ---device " + url:                                "mcp-login login --device " + url,
		url + " --ping-interval=never":                          "",
		"tools " + url + " --static-oauth-client-info":          "",
		"login --header " + url:                                 "",
		"login --scope " + url:                                  "",
		"login --user-agent " + url:                             "",
	} {
		said, line := proposal(strings.Fields(given))
		if line != want || said == errArguments.Error()+"; " {
			t.Errorf("%s\n got %s (%s)\nwant %s", given, line, said, want)
		}
	}
}

// checkProposal: what is proposed is not the line itself, is judged to be right, and the
// program takes it.
func checkProposal(t *testing.T, words []string) {
	t.Helper()
	a := &app{getenv: env(), given: words}
	_, line := proposal(words)
	if line == "" {
		return
	}
	r := judge(newRoot(a), words)
	again := judge(newRoot(a), r.line.Words())
	if slices.Equal(r.line.Words(), words) || len(again.wrong) > 0 || !a.takes(r.line.Words()) {
		t.Errorf("%q: %s: %q", words, line, again.wrong)
	}
}

// pieces are words that mistakes are made of.
var pieces = strings.Fields(`https://example.com/mcp example.com localhost:80 3334 99999 -- login lgoin logout tools config cursor claude code status call import mcp-remote help faq install
	completion bash version run npx -y --json --jsno --write --list --remove --name --header X:1 --haeder --client-id --device --device=no --no-device --timeout 5 s --max-message 10 MB --store fiel
	--store=file --transport http-only --host --debug --keep-alive --version --help -h -v -x --secret --again --ping-interval --lazy --issuer --isuer --fix --callback-port yes --scope a b — --- - --arg x=1 {}`)

func TestProposalsAreTaken(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17)) // the same lines each time
	for range 4000 {
		var words []string
		for range 1 + r.IntN(6) {
			words = append(words, pieces[r.IntN(len(pieces))])
		}
		checkProposal(t, words)
	}
}

func FuzzProposal(f *testing.F) {
	f.Add("logn\nexample.com/mcp --x")
	f.Add("config\n--\n-HX:1\n—a:b=c")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "@") || strings.Contains(text, "file") {
			return // names files
		}
		checkProposal(t, strings.Split(text, "\n"))
	})
}
