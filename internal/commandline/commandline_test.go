package commandline

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// One edit beats a beginning, that beats a part of the name, and that beats several
// edits; a letter alone is like nothing.
func TestSimilarNamesComeInTheOrderOfTheirLikeness(t *testing.T) {
	names := []string{"claude-desktop", "claude-code", "cline", "header", "headers-timeout", "vscode", "Search_Issues", "login", "logout", "catalog"}
	for word, want := range map[string]string{
		"claude": "claude-desktop claude-code", "desktop": "claude-desktop", "code": "claude-code", "clnie": "cline", "headers": "header",
		"head": "header headers-timeout", "cline2": "cline", "hedaer": "header", "vscode-oss": "vscode", "heaedr": "header", "search_isues": "Search_Issues",
		"log": "login logout", "cat": "catalog", "v": "", "": "", "xy": "", "zzzzzzz": "",
	} {
		if got := strings.Join(Similar(word, names), " "); got != want {
			t.Errorf("%q is like %q, want %q", word, got, want)
		}
	}
}

func TestDistanceCountsAnExchangeOnce(t *testing.T) {
	for pair, want := range map[string]int{"login logn": 1, "login lgoin": 1, "version verison": 1, " abc": 3, "abc ": 3, "kitten sitting": 3, "ca abc": 3} {
		a, b, _ := strings.Cut(pair, " ")
		if got := distance(a, b); got != want || got != distance(b, a) {
			t.Errorf("%s: %d, want %d", pair, got, want)
		}
	}
}

// What was copied along goes, a scheme is mended or added, and what is no address of a
// server stays none.
func TestAddressFindsWhatWasMeant(t *testing.T) {
	const https = "https://example.com/mcp"
	for text, want := range map[string]string{
		https: https, "example.com/mcp": https, "EXAMPLE.com/mcp": "https://EXAMPLE.com/mcp", " https://example.com/mcp ": https, "\u200bhttps://example.com/mcp\ufeff": https, "https://example.com/mcp\u00a0": https,
		`"https://example.com/mcp"`: https, "'https://example.com/mcp'": https, "“https://example.com/mcp”": https, "<https://example.com/mcp>": https, "(https://example.com/mcp)": https,
		"[https://example.com/mcp]": https, "[the server](https://example.com/mcp)": https, "https://example.com/mcp,": https, "https://example.com/mcp.": https, "`https://example.com/mcp`": https,
		"https:/example.com/mcp": https, "https:///example.com/mcp": https, "https:example.com/mcp": https, "https//example.com/mcp": https, "https;//example.com/mcp": https, `https:\\example.com\mcp`: https,
		"http:/example.com/mcp": https, "htps://example.com/mcp": https, "htpps://example.com/mcp": https, "hptts://example.com/mcp": https, "ttps://example.com/mcp": https, "HTTPS//example.com/mcp": https,
		"httpss://example.com/mcp": https, "wss://example.com/mcp": https, "ws://example.com/mcp": https, "mcp://example.com/mcp": https, "//example.com/mcp": https, "://example.com/mcp": https,
		"https://https://example.com/mcp": https, "https://http://example.com/mcp": "http://example.com/mcp", "http://localhost/https://example.com": "http://localhost/https://example.com",
		"http://example.com/mcp":   "http://example.com/mcp", // its own mistake, if it is one
		"http://localhost:80/mcp":  "http://localhost:80/mcp",
		"localhost:8080/mcp":       "http://localhost:8080/mcp",
		"localhost":                "http://localhost",
		"127.0.0.1:3001/mcp":       "http://127.0.0.1:3001/mcp",
		"[::1]:3001/mcp":           "http://[::1]:3001/mcp",
		"[::1]/mcp":                "http://[::1]/mcp",
		"http:/localhost:3001/mcp": "http://localhost:3001/mcp",
		"ws://localhost:3001/mcp":  "http://localhost:3001/mcp",
		"wss://localhost:3001/mcp": "https://localhost:3001/mcp",
		"htps//localhost:3001":     "https://localhost:3001",
		"intranet:8080/mcp":        "https://intranet:8080/mcp",
		"192.168.1.5/mcp":          "https://192.168.1.5/mcp",
		"mcp.example.com?key=a&b":  "https://mcp.example.com?key=a&b",
		"":                         "", "login": "", "logn": "", "tools/list": "", "ftp://example.com/mcp": "", "sftp://example.com": "", "file:///x": "", "mailto:me@example.com": "", "git://example.com": "", "1.5": "", "a.b": "",
		"99999": "", "localhost:99999": "", "https://": "", "http:": "", "https://me:pw@example.com/mcp": "", "me@example.com": "", "x:y": "", "-": "", "--flag": "", "{}": "", "X-Key:abc": "", "name=value": "", "C:\\x\\y": "",
	} {
		got, ok := Address(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q is taken for %q, %v, want %q", text, got, ok, want)
		}
		if again, _ := Address(got); ok && again != got {
			t.Errorf("%q: %q becomes %q", text, got, again)
		}
	}
}

func TestDoubtfulAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"https://a.example/mcp ": true, "https://a.example/mcp\u200b": true, "https://a.example/mcp\"": true, "https://a.example/mcp”": true, "https://a.example/mcp\n": true, "https://https://a.example/mcp": true, "https://http:/a.example": true,
		"https://a.example/mcp": false, "https://a.example/?q=(x)": false, "https://a.example/?q=a b": false, "https://a.example/https://b.example": false, "https://https.example/mcp": false, "http://a.example/mcp.": false, "http://a.example/é": false,
	} {
		if Doubtful(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
		if meant, ok := Address(address); want && (!ok || Doubtful(meant)) {
			t.Errorf("%q: %q, %v", address, meant, ok)
		}
	}
}

func TestDurationFindsWhatWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		"5": "5s", "5s": "5s", "5 s": "5s", "5sec": "5s", "5 seconds": "5s", "5S": "5s", "1,5s": "1.5s", "0.5": "500ms", "90": "1m30s", "120s": "2m", "5m30": "5m30s", "5 min": "5m", "1h30": "1h30m", "2hours": "2h",
		"1 hour 30 minutes": "1h30m", "250ms": "250ms", "1d": "24h", "2 days": "48h", "1d12h": "36h", "0": "0s",
		"": "", "soon": "", "s": "", "-": "", "5x": "", "5s5": "", "1.2.3s": "", "--device": "", "-5s": "", "99999999999999h": "",
	} {
		got, ok := Duration(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q is taken for %q, %v, want %q", text, got, ok, want)
		}
		if _, err := time.ParseDuration(got); ok && err != nil {
			t.Error(err)
		}
	}
}

func TestSizeFindsWhatWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		"64mib": "64MiB", "64 MiB": "64MiB", "64M": "64MB", "500k": "500kB", "1,000,000": "1000000", "1_000": "1000", "2gb": "2GB", "5 bytes": "5B",
		"": "", "big": "", "5x": "", "-1": "", "1.5MB": "", "MB": "",
	} {
		if got, ok := Size(text); ok != (want != "") || ok && got != want {
			t.Errorf("%q is taken for %q, %v, want %q", text, got, ok, want)
		}
	}
}

func TestBooleanKnowsWordsForYesAndNo(t *testing.T) {
	for text, want := range map[string]string{"yes": "true true", "ON": "true true", "1": "true true", "off": "false true", "No": "false true", "maybe": "false false", "": "false false"} {
		value, ok := Boolean(text)
		if got := strings.TrimSpace(map[bool]string{true: "true", false: "false"}[value] + " " + map[bool]string{true: "true", false: "false"}[ok]); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A line is the same words again, whatever they are; behind -- nothing is a flag.
func TestALineKeepsItsWords(t *testing.T) {
	takes := func(name, _ string) bool { return name == "v" || name == "value" }
	for line, kinds := range map[string]string{
		"login URL --value x --other y": "AAFVFA", "--value=x --other=y z": "FVFVA", "--value": "F", "--value -- x": "FDA", "-- --value x": "DFV", "-v x -": "FVA", "\u2014value x": "FV", "": "",
	} {
		words := strings.Fields(line)
		split, got := Split(words, takes), ""
		for _, w := range split {
			got += map[Kind]string{Argument: "A", Flag: "F", Value: "V", Separator: "D"}[w.Kind]
		}
		if got != kinds || !slices.Equal(split.Words(), words) {
			t.Errorf("%q: %s, %q", line, got, split.Words())
		}
	}
	line := Split([]string{"login", "--value", "a b", "--value=s3cret", "x"}, takes)
	shown := line.Show("program", func(_, value string) string { return strings.ReplaceAll(value, "s3cret", "…") })
	if quoted := strings.ReplaceAll(shown, `"`, "'"); quoted != "program login --value 'a b' '--value=…' x" {
		t.Error(shown)
	}
	if got := strings.Join(line.Replace(1, Word{Text: "y"}).Words(), " "); got != "login y --value=s3cret x" {
		t.Error(got)
	}
}

// FuzzAddress: what is proposed is proposed again.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"https//x.y/z", "[::1]:1", "(a.bc)", `https:\\a.bc\d`, "://", "a.bc?d#e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, ok := Address(text)
		if !ok {
			return
		}
		if again, ok := Address(address); !ok || again != address {
			t.Errorf("%q becomes %q, and that %q, %v", text, address, again, ok)
		}
	})
}
