package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"mcp-login/internal/hint"
)

// A command line that package flag refuses is answered with the line that was probably
// meant, which it takes, and not with the whole help.
func TestAMistakeIsAnsweredWithTheLineThatWasMeant(t *testing.T) {
	const url = "https://id.example"
	for given, want := range map[string]string{
		"-isuer " + url:                       "--issuer " + url,
		"--issuerr=" + url:                    "--issuer=" + url,
		"-addr 8080 --dev":                    "--listen 127.0.0.1:8080 --dev",
		"--port 8080 --issuer " + url:         "--listen 127.0.0.1:8080 --issuer " + url,
		"--dev 8080":                          "",
		"--dev true":                          "",
		"--jwt-only no --issuer " + url:       "",
		"serve --dev":                         "",
		"version --jsn":                       "version --json",
		url:                                   "",
		"--issuer " + url + " -- --dev=false": "",
		"--dev --drain_delay 5s":              "--dev --drain-delay 5s",
		"--bus redis://:s3cret@redis --isuer " + url: "--bus URL --issuer " + url,
		"health-check":                       "healthcheck",
		"chekc":                              "check",
		"--dev --listen":                     "",
		"--zzz":                              "",
		"\u2014issuer " + url:                "--issuer " + url,
		"---dev":                             "--dev",
		"--host 0.0.0.0 --dev":               "",
		"--issuer:" + url:                    "--issuer=" + url,
		"--introspection-secret s3cret@":     "",
		"--introspection-secert s3cret@":     "",
		"--isuer http://u:s3cret@id.example": "--issuer http://id.example",
		"s3cret@":                            "",
		"help":                               "",
		"--hlep":                             "",
		"--listen 99999 x":                   "",
		"--tls x --dev":                      "",
		"--dev s3cret-word":                  "",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(given), noEnv, &stdout, &stderr)
		_, line, proposed := strings.Cut(strings.TrimSpace(stderr.String()), "hint: did you mean: whoami-server ")
		if code != exitUsage || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 2 || line != want || proposed != (want != "") {
			t.Errorf("%s\n got %d %s\nwant %s", given, code, stderr.String(), want)
		}
		if strings.Contains(stderr.String(), "s3cret@") {
			t.Errorf("%s: a password is shown", given)
		}
		if proposed && line != "healthcheck" && line != "check" && line != "version --json" {
			if err := new(options).flags(io.Discard).Parse(strings.Fields(line)); err != nil {
				t.Errorf("%s: %s is not taken: %v", given, line, err)
			}
		}
	}
}

// A value that is nearly right is named as it is to be written.
func TestAValueIsNamedAsItWasMeant(t *testing.T) {
	for given, want := range map[string]string{
		"--drain-delay 5": "write 5s", "--heartbeat 1,5min": "write 1m30s", "--leeway 5sec": "write 5s", "--jwt-only=yes": "write true", "--relay-issuer-metadata=off": "write false",
		"--listen 8080": "write 127.0.0.1:8080", "--ops-listen 9464": "write 127.0.0.1:9464", "--listen localhost": "write host:port, e.g. 127.0.0.1:3001",
		"--drain-delay soon": "write a time like 90s or 30m", "--heartbeat -5": "write a time like 90s or 30m",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"--issuer", "https://id.example"}, strings.Fields(given)...), noEnv, &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), "hint: "+want+"\n") || strings.Contains(stderr.String(), "strconv") || strings.Contains(stderr.String(), "time:") {
			t.Errorf("%s: %d %s", given, code, stderr.String())
		}
	}
}

// What an upstream cannot be is said before somebody calls it.
func TestAnUpstreamIsAnotherServer(t *testing.T) {
	const hint = "give the address of the MCP server"
	for given, fine := range map[string]bool{
		"http://127.0.0.1:3001/mcp": false, "http://localhost:3001/sse": false, "https://mcp.example/mcp": false,
		"http://127.0.0.1:8000/mcp http://127.0.0.1:8001/mcp": false, "http://127.0.0.1:8000/mcp": true, "http://10.0.0.1:3001/mcp": true,
	} {
		for _, listen := range []string{"127.0.0.1:3001", ":3001", "0.0.0.0:3001"} {
			_, m := parsed(t, nil, "--issuer", "https://id.example", "--resource", "https://mcp.example/mcp", "--listen", listen, "--upstream", given)
			if (len(m) == 0) != fine || !fine && !strings.HasPrefix(hintOf(m), hint) {
				t.Errorf("%s, listening on %s: %v", given, listen, m)
			}
		}
	}
}

// Where the port is left out the upstream may be this server as well. A Unix socket never
// is, and is written in one way.
func TestAnUpstreamWithoutAPortIsSeen(t *testing.T) {
	for _, tt := range []struct {
		listen, upstream string
		fine             bool
	}{
		{":443", "https://localhost/mcp", false},
		{":80", "http://127.0.0.1/mcp", false},
		{":80", "http://localhost:80/mcp", false},
		{":443", "http://localhost/mcp", true},
		{":3001", "https://mcp.example:443/mcp", false},
		{":3001", "https://MCP.example/mcp", false},
		{":80", "http://unix:/run/notes.sock:/mcp", true},
		{":80", "http://unix:/run/notes.sock", false},
		{":80", "http://unix:/run/notes.sock:mcp", false},
		{":80", "https://unix:/run/notes.sock:/mcp", false},
		{":80", "http://u@unix:/run/notes.sock:/mcp", false},
		{":80", "unix:///run/notes.sock", false},
		{":80", "http://unix::/mcp", false},
	} {
		_, m := parsed(t, nil, "--issuer", "https://id.example", "--resource", "https://mcp.example/mcp", "--listen", tt.listen, "--upstream", tt.upstream)
		if (len(m) == 0) != tt.fine || !tt.fine && !strings.HasPrefix(hintOf(m), "give the address of the MCP server") {
			t.Errorf("%s, listening on %s: %v, %s", tt.upstream, tt.listen, m, hintOf(m))
		}
	}
}

func hintOf(mistakes []error) string { return hint.Of(errors.Join(mistakes...)) }

// An opaque token is as good for any application of the issuer: a server of others does not
// get one unless somebody has said so, or introspection tells whom it is for.
func TestServersOfOthersGetNoOpaqueTokens(t *testing.T) {
	const upstream = "--upstream http://127.0.0.1:8000/mcp"
	for given, want := range map[string]bool{
		upstream: true, "--forward-auth --trusted-proxy 127.0.0.1": true, "": false,
		upstream + " --jwt-only=false": false, "--forward-auth --trusted-proxy 127.0.0.1 --jwt-only=false": false,
		upstream + " --introspection-client c": false,
	} {
		env := map[string]string{}
		if strings.Contains(given, "introspection") {
			env[secretVariable] = "s"
		}
		o, m := parsed(t, env, strings.Fields("--issuer https://id.example --resource https://mcp.example/mcp "+given)...)
		if len(m) != 0 || o.config.JWTOnly != want {
			t.Errorf("%s: %t, %v", given, o.config.JWTOnly, m)
		}
	}
}

// A file that is no YAML is one mistake: nothing is said about what it may hold.
func TestAFileThatCannotBeReadIsOneMistake(t *testing.T) {
	for text, want := range map[string]string{
		"issuer: https://id.example\nscope: [a\n":          "the file is YAML",
		"issuer: https://id.example\ntool-scope: {a: b}\n": "write it as a list, e.g. tool-scope: [add_note=notes:write]",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"--config", write(t, text)}, noEnv, &stdout, &stderr)
		if code != exitUsage || strings.Count(stderr.String(), "error: ") != 1 || !strings.Contains(stderr.String(), "hint: "+want) {
			t.Errorf("%d %s", code, &stderr)
		}
	}
}

// A variable that is nearly one of ours is named; what Kubernetes sets is not.
func TestAMisspelledVariableIsNamed(t *testing.T) {
	var said []string
	for _, err := range misspelled(new(options).flags(io.Discard), []string{
		"WHOAMI_ISUER=x", "WHOAMI_ISSUER=x", "WHOAMI_JWT_ONYL=1", "whoami_listen=x", "WHOAMI_INTROSPECTION_SECRET=s", "HOME=/", "ISSUER=x",
		"WHOAMI_PORT=tcp://10.0.0.1:3001", "WHOAMI_PORT_3001_TCP=x", "WHOAMI_PORT_3001_TCP_ADDR=x", "WHOAMI_PORT_3001_TCP_PROTO=tcp", "WHOAMI_SERVICE_PORT_HTTP=1",
		"WHOAMI_SERVICE_HOST=10.0.0.1", "WHOAMI_SERVICE_PORT=1", "WHOAMI_ZZZ=1",
	}) {
		said = append(said, err.Error()+" "+hint.Of(err))
	}
	want := "the variable WHOAMI_ISUER is not known did you mean WHOAMI_ISSUER?|the variable WHOAMI_JWT_ONYL is not known did you mean WHOAMI_JWT_ONLY?|the variable whoami_listen is not known did you mean WHOAMI_LISTEN?"
	if got := strings.Join(said, "|"); got != want {
		t.Error(got)
	}
	t.Setenv("WHOAMI_ISUER", "https://id.example")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), nil, noEnv, &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "did you mean WHOAMI_ISSUER?") {
		t.Errorf("%d %s", code, stderr.String())
	}
}

// A provider elsewhere gives tokens for a public address: without one, in a file whose
// "resource" is left out, the server says so.
func TestAPublicIssuerWithoutAResourceIsDoubtful(t *testing.T) {
	for args, want := range map[string]bool{
		"--issuer https://id.example": true, "--issuer https://id.example --resource https://mcp.example/mcp": false,
		"--issuer http://127.0.0.1:1": false, "--dev": false,
	} {
		var said bytes.Buffer
		o, _ := parsed(t, nil, strings.Fields(args)...)
		warn(newLog(o, &said), o)
		if got := strings.Contains(said.String(), "no resource is set"); got != want {
			t.Errorf("%s: %s", args, &said)
		}
	}
}
