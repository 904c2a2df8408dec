package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"mcp-login/internal/hint"
)

// A command line that makes no sense is answered with the whole line that was probably
// meant; and that line is one that the program takes.
func TestAMistakeIsAnsweredWithTheLineThatWasMeant(t *testing.T) {
	const url = "https://example.com/mcp"
	for given, want := range map[string]string{
		// A verb that is nearly one, or what others call it.
		"logn " + url:                             "mcp-login login " + url,
		"auth " + url:                             "mcp-login login " + url,
		"signin " + url:                           "mcp-login login " + url,
		"log-in " + url + " --store file":         "mcp-login login " + url + " --store file",
		"--store file lgoin " + url:               "mcp-login --store file login " + url,
		"list-tools " + url:                       "mcp-login tools " + url,
		"tool " + url:                             "mcp-login tools " + url,
		"remove " + url:                           "mcp-login logout " + url,
		"Statsu":                                  "mcp-login status",
		"docter " + url + " --json":               "mcp-login doctor " + url + " --json",
		"logn " + url + " --again":                "mcp-login login " + url + " --again",
		url + " login":                            "mcp-login login " + url,
		url + " tools --json":                     "mcp-login tools " + url + " --json",
		"run " + url:                              "mcp-login " + url,
		"npx -y mcp-remote@latest " + url:         "mcp-login " + url,
		"import mcp-remot " + url:                 "mcp-login import mcp-remote " + url,
		"mcp-remote " + url:                       "mcp-login " + url,
		"list":                                    "mcp-login status",
		"log example.com/mcp":                     "",
		"config claude example.com/mcp --scope=a": "",
		"config " + url:                           "",
		"config cursor -- " + url:                 "mcp-login config cursor " + url,
		"login --max-message 5m " + url:           "mcp-login login --max-message 5MB " + url,
		"login --max-message 5x " + url:           "",
		"config cursor " + url + " 3334":          "mcp-login config cursor " + url + " -- 3334",
		"config cursor " + url + " --host localhost --debug": "mcp-login config cursor " + url + " -- --host localhost --debug",
		"logn logn":  "",
		"log " + url: "",
		// An address that is nearly one.
		"example.com/mcp":                               "mcp-login " + url,
		"example.com/mcp 3334":                          "mcp-login " + url + " 3334",
		"login example.com/mcp":                         "mcp-login login " + url,
		"login localhost:8080/mcp":                      "mcp-login login http://localhost:8080/mcp",
		"login http:/example.com/mcp":                   "mcp-login login " + url,
		"login https//example.com/mcp":                  "mcp-login login " + url,
		"login htps://example.com/mcp":                  "mcp-login login " + url,
		"login wss://example.com/mcp":                   "mcp-login login " + url,
		"login <https://example.com/mcp>,":              "mcp-login login " + url,
		"login https://example.com/mcp\u200b":           "mcp-login login " + url,
		"https://example.com/mcp\"":                     "mcp-login " + url,
		"config cursor https://https://example.com/mcp": "mcp-login config cursor " + url,
		"login example.com/mcp https://example.com/mcp": "",
		"login https://me:s3cret@example.com/mcp 3334":  "",
		"logn https://me:s3cret@example.com/mcp":        "",
		"https://example.com/mcp --tokn s3cret":         "",
		"https://example.com/mcp --apikey=s3cret":       "",
		"call example.com/mcp whoami":                   "mcp-login call " + url + " whoami",
		"call whoami " + url:                            "mcp-login call " + url + " whoami",
		"import mcp-remote example.com/mcp":             "mcp-login import mcp-remote " + url,
		// Words behind the address.
		"tools " + url + " 3334":         "mcp-login tools " + url,
		url + " 99999":                   "mcp-login " + url,
		"login " + url + " --device yes": "mcp-login login " + url + " --device",
		"login " + url + " --device no":  "mcp-login login " + url,
		"login " + url + " " + url:       "",
		"login " + url + " b":            "",
		// Values.
		"login --timeout 5 " + url:           "mcp-login login --timeout 5s " + url,
		"login " + url + " --timeout 5 s":    "mcp-login login " + url + " --timeout 5s",
		"login --timeout=5sec " + url:        "mcp-login login --timeout=5s " + url,
		"login --timeout 1,5s " + url:        "mcp-login login --timeout 1.5s " + url,
		"login --timeout 5m30 " + url:        "mcp-login login --timeout 5m30s " + url,
		"login --timeout soon " + url:        "",
		"login --device=yes " + url:          "mcp-login login --device " + url,
		"login --device=off " + url:          "mcp-login login --device=false " + url,
		"login --callback-port :3334 " + url: "mcp-login login --callback-port 3334 " + url,
		"login --callback-port any " + url:   "",
		"login " + url + " --profile":        "",
		"login --profile " + url:             "",
		// Flags.
		"login --cleint-id x " + url:              "mcp-login login --client-id x " + url,
		"login -timeout 5s " + url:                "mcp-login login --timeout 5s " + url,
		"login \u2014timeout 5s " + url:           "mcp-login login --timeout 5s " + url,
		"tools --host localhost " + url:           "",
		"tools --auth-timeout 120 " + url:         "",
		"tools --version":                         "mcp-login version",
		"--verison":                               "mcp-login version",
		"login --versoin " + url:                  "mcp-login version",
		"-v":                                      "",
		"-V":                                      "",
		"-x " + url:                               "",
		"--login " + url:                          "mcp-login login " + url,
		"--again " + url:                          "mcp-login login --again " + url,
		"status --again " + url:                   "mcp-login status " + url,
		"--verbose " + url:                        "",
		"--token s3cret " + url:                   "",
		"--insecure " + url:                       "",
		"-H X-Key:s3cret login " + url:            "mcp-login --header 'X-Key: VALUE' login " + url,
		"login --haeder X-Key:s3cret " + url:      "mcp-login login --header 'X-Key: VALUE' " + url,
		"logn " + url + " --header X-Key: s3cret": "mcp-login login " + url + " --header 'X-Key: VALUE'",
		// config, whose entry has flags of its own.
		"config claude " + url:                                              "",
		"config Claude_Desktop2 " + url:                                     "mcp-login config claude-desktop " + url,
		"config cursor example.com/mcp":                                     "mcp-login config cursor " + url,
		"config " + url + " cursor":                                         "mcp-login config cursor " + url,
		"config cursor " + url + " --client-id x":                           "mcp-login config cursor " + url + " -- --client-id x",
		"config cursor --header X-Key:s3cret " + url + " --write --scope=a": "mcp-login config cursor " + url + " --write -- --header 'X-Key: VALUE' --scope=a",
		"config cursor " + url + " -- --write":                              "mcp-login config cursor " + url + " --write",
		"config cursor -- --client-id x " + url:                             "mcp-login config cursor " + url + " -- --client-id x",
		"config cursor " + url + " -- --cleint-id x":                        "mcp-login config cursor " + url + " -- --client-id x",
		"config cursor " + url + " -- --timeout 5":                          "mcp-login config cursor " + url + " -- --timeout 5s",
	} {
		a := &app{getenv: env(), given: strings.Fields(given)}
		err := a.mistake(errArguments)
		said := strings.ReplaceAll(hint.Of(err), `"`, "'") // quoted for Windows, else for sh
		next, proposed := strings.CutPrefix(said, "did you mean: ")
		if want == "" && (proposed || hint.Of(err) == "") || want != "" && next != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", given, hint.Of(err), err, want)
		}
		if strings.Contains(err.Error()+next, "s3cret") {
			t.Errorf("%s: a secret is shown: %v; %s", given, err, next)
		}
		if !proposed {
			continue
		}
		for line := range strings.SplitSeq(next, ", or: ") {
			if err := taken(t, line); err != nil {
				t.Errorf("%s: the program does not take its own proposal %s: %v", given, line, err)
			}
		}
	}
}

// taken reports whether the program takes a command line, without running it. The one of
// config runs: without --write it prints what it would do.
func taken(t *testing.T, line string) error {
	t.Helper()
	var words []string
	for i, part := range strings.Split(strings.TrimPrefix(line, "mcp-login "), "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	a := &app{getenv: env("HOME", t.TempDir()), term: onPipes(io.Discard, io.Discard), given: words}
	root := newRoot(a)
	words, err := a.translate(root, words)
	must(t, err)
	root.SetOut(io.Discard)
	for all := []*cobra.Command{root}; len(all) > 0; all = append(all[1:], all[0].Commands()...) {
		if c := all[0]; c.Name() != "config" && c.Runnable() {
			c.RunE = func(*cobra.Command, []string) error { return nil }
		}
	}
	root.SetArgs(words)
	return root.ExecuteContext(t.Context())
}

// FuzzMistake: whatever stands on a command line, something is said about it, and the
// value of a header is not; in the line that is proposed nothing is to be mended.
func FuzzMistake(f *testing.F) {
	for _, line := range []string{
		"logn example.com/mcp 3334 --timeout 5 s", "config cursor -- --header a:s3cret https://x.example", "--again --login -y npx mcp-remote@1 a.example",
		"call x https://a.example --device no --", "import mcp-remot // https://", "config -- -- --write", "--version=x -- --header=X:s3cret", "help logn",
	} {
		f.Add(line)
	}
	a := &app{getenv: env()}
	f.Fuzz(func(t *testing.T, line string) {
		a.given = strings.Fields(line)
		err := a.mistake(errArguments)
		if err == nil || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v", line, err)
		}
		if r := judge(newRoot(a), a.given); r.next == "" && len(r.wrong) > 0 {
			if again := judge(newRoot(a), r.line.Words()); len(again.wrong) > 0 {
				t.Errorf("%q becomes %q, with %q", line, r.line.Words(), again.wrong)
			}
		}
		for _, w := range a.given {
			if header, ok := strings.CutPrefix(w, "--header="); ok && strings.HasPrefix(header, "X:s3cret") && strings.Contains(hint.Of(err), "s3cret") {
				t.Errorf("%q: %s", line, hint.Of(err))
			}
		}
	})
}
