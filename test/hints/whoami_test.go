package hints

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// up is this test binary as somebody who starts whoami-server: it succeeds once that
// listens, and ends it.
func up(words []string) int {
	cmd := exec.Command("whoami-server", words...)
	if os.Getenv("SOCKET") != "" { // as systemd would start it
		cmd = exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec whoami-server "$@"`, "-"}, words...)...)
		socket, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 1
		}
		file, err := socket.(*net.TCPListener).File()
		if err != nil {
			return 1
		}
		cmd.ExtraFiles = []*os.File{file}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return 1
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	_ = write.Close()
	code := 1
	for lines := bufio.NewScanner(read); lines.Scan(); {
		fmt.Println(lines.Text())
		if strings.Contains(lines.Text(), " listening on ") {
			code = 0
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	_ = cmd.Wait()
	return code
}

// ofWhoami are the hints about how whoami-server is started.
func ofWhoami() (all []row) {
	const start = "$UP --listen 127.0.0.1:0 --issuer $ISSUER "
	const logto = "$UP --listen 127.0.0.1:0 --logto "
	const upstream = "--upstream http://127.0.0.1:8000/mcp "
	const dev = "$UP --dev --listen 127.0.0.1:0 --dev-listen 127.0.0.1:0 "
	for _, r := range []struct{ hint, wrong, right string }{
		{"write true or false", "--jwt-only=maybe", "--jwt-only=true"},
		{"write debug, info, warn or error", "--log-level loud", "--log-level warn"},
		{"keys are public, so name an algorithm of such, e.g. --algorithm ES256", "--algorithm HS256", "--algorithm ES256"},
		{"scopes are separated by spaces, and have no quotes", "--scope 'openid \"notes\"'", "--scope 'openid notes'"},
		{"hosts are as in the header Host, without http://, e.g. --allow-host whoami:3001", "--allow-host http://whoami:3001", "--allow-host whoami:3001"},
		{"origins are scheme://host[:port], separated by spaces", "--allow-origin example.com", "--allow-origin 'https://example.com https://example.org:8443'"},
		{"write a duration, e.g. 30s, 5m or 0", "--leeway soon", "--leeway 5m"},
		{"write a time like 90s or 30m", "--heartbeat soon", "--heartbeat 90s"},
		{"write 127.0.0.1:…", "--ops-listen 9464", "--ops-listen 127.0.0.1:0"},
		{"write a whole number from 1 on", "--max-calls 0", "--max-calls 1"},
		{"write requests a second, e.g. 20 or 0.5; 0 is no limit", "--rate-per-address many", "--rate-per-address 0.5"},
		{"write addresses or networks like 10.0.0.0/8", "--trusted-proxy proxy", "--trusted-proxy 10.0.0.0/8"},
		{"write host:port, e.g. 127.0.0.1:…", "--ops-listen localhost", "--ops-listen 127.0.0.1:0"},
		{"give its address, e.g. --trusted-proxy 127.0.0.1", "--forward-auth", "--forward-auth --trusted-proxy 127.0.0.1"},
		{"leave out --forward-auth or --upstream", "--forward-auth --upstream http://127.0.0.1:8000/mcp", "--upstream http://127.0.0.1:8000/mcp"},
		{"use --upstream, which reads messages, or --required-scope, which is for all of them", "--forward-auth --trusted-proxy 127.0.0.1 --whoami-scope notes", "--forward-auth --trusted-proxy 127.0.0.1 --required-scope notes"},
		{"give each a port of its own", "--listen 127.0.0.1:9464 --ops-listen :9464", "--ops-listen 127.0.0.1:0"},
		{"leave it out, or leave out --forward-auth", "--forward-auth --trusted-proxy 127.0.0.1 --stateful", "--forward-auth --trusted-proxy 127.0.0.1"},
		{"write text or json", "--log-format xml", "--log-format json"},
		{"e.g. redis://:PASSWORD@redis:6379, best in WHOAMI_BUS or the file", "--bus redis:6379", ""},
		{"e.g. http://127.0.0.1:4318", "--otlp-endpoint 127.0.0.1:4318", "--otlp-endpoint http://127.0.0.1:4318"},
		{"write a share, e.g. 0.1", "--trace-ratio 10", "--trace-ratio 0.1"},
		{"give both, or neither behind a proxy that terminates TLS", "--tls-cert cert.pem", "--tls-cert cert.pem --tls-key key.pem"},
		{"both must be PEM files that belong together", "--tls-cert key.pem --tls-key key.pem", "--tls-cert cert.pem --tls-key key.pem"},
		{"give the public URL that clients use, e.g. https://mcp.example.com/mcp", "--resource mcp.example.com", "--resource https://mcp.example.com/mcp"},
		{"keep /mcp; clients of HTTP+SSE use /sse beside it", "--resource https://mcp.example.com/sse", "--resource https://mcp.example.com/mcp"},
		{"the file is YAML with the names of the flags, e.g. issuer: https://TENANT.logto.app/oidc", "--config bad.yaml", "--config good.yaml"},
		{"make one, e.g. openssl genpkey -algorithm ed25519 -out key.pem", "--introspection-client c --introspection-key-file secret", "--introspection-client c --introspection-key-file key.pem"},
		{"give --introspection-client, and WHOAMI_INTROSPECTION_SECRET, --introspection-secret-file or --introspection-key-file", "--introspection-client c", "--introspection-client c --introspection-secret-file secret"},
		{"give --profile-client and WHOAMI_PROFILE_SECRET or --profile-secret-file", "--profile-client c", "--profile-client c --profile-secret-file secret"},
		{"leave out --issuer or --dev", "--dev", ""},
		{"leave out --issuer or --logto", "--logto ${ISSUER%/oidc}", ""},
		{"give one client id", "--public-client 'a b'", "--public-client a"},
		{"name it there as well", "--client a --public-client b", "--client 'a b' --public-client b"},
		{"give the address of a page, e.g. https://example.com/mcp-login", "--install-page mcp-login", "--install-page https://example.com/mcp-login"},
		{"give --upstream URL, the MCP server to protect, or leave it out", "--tool-scope a=b", upstream + "--tool-scope a=b"},
		{"give the address of the MCP server, e.g. http://127.0.0.1:8000/mcp or http://unix:/run/notes.sock:/mcp", "--upstream unix:///run/notes.sock", "--upstream http://unix:/run/notes.sock:/mcp"},
		{"give the address of the MCP server itself, e.g. --upstream http://127.0.0.1:8000/mcp", "--resource https://mcp.example.com/mcp --upstream https://mcp.example.com/mcp", "--resource https://mcp.example.com/mcp --upstream http://127.0.0.1:8000/mcp"},
		{"write it as a list, e.g. tool-scope: [add_note=notes:write]", upstream + "--config map.yaml", upstream + "--config list.yaml"},
		{"give a PEM file with certificates", upstream + "--upstream-ca key.pem", upstream + "--upstream-ca cert.pem"},
		{"make one, which whoami-server may read: openssl rand -base64 48 > gateway-secret", upstream + "--gateway-secret-file secret", upstream + "--gateway-secret-file gateway-secret"},
		{"write off, accept or require", "--dpop on", "--dpop accept"},
		{"give --dpop accept or --dpop require, or leave it out", "--dpop-nonce", "--dpop accept --dpop-nonce"},
		{"make one, which whoami-server may read: openssl rand -base64 48 > dpop-secret", "--dpop accept --bus redis://127.0.0.1:9 --dpop-secret-file secret", "--dpop accept --bus redis://127.0.0.1:9 --dpop-secret-file dpop-secret"},
		{"leave it out, or leave out --upstream", upstream + "--stateful", upstream},
		{"run one process for each", upstream + "--resource 'https://a.example/mcp https://b.example/a/mcp'", upstream + "--resource https://a.example/mcp"},
		{"write NAME=CLAIM, e.g. X-Forwarded-Email=email", upstream + "--identity-header X-Forwarded-Email", upstream + "--identity-header X-Forwarded-Email=email"},
		{"add X-Forwarded-Issuer=iss", "https://other.example " + upstream + "--identity-header X-Forwarded-User=sub", upstream + "--identity-header 'X-Forwarded-User=sub X-Forwarded-Issuer=iss'"},
		{"write NAME=SCOPE, e.g. delete_note=notes:write", upstream + "--tool-scope delete_note", upstream + "--tool-scope delete_note=notes:write"},
		{"name headers that the upstream alone reads, each once, e.g. X-Forwarded-Name", upstream + "--assertion-header X-Forwarded-User", upstream + "--assertion-header X-Forwarded-Name"},
	} {
		before := ""
		if strings.Contains(r.right, "gateway-secret") {
			before = "; openssl rand -base64 48 > gateway-secret"
		}
		if strings.HasSuffix(r.right, " dpop-secret") {
			before = "; openssl rand -base64 48 > dpop-secret"
		}
		if more, of := strings.CutPrefix(r.wrong, "https://other.example "); of {
			r.wrong = "--issuer \"$ISSUER https://other.example\" " + more
		}
		all = append(all, row{
			hint: r.hint, before: certificate + before + `; echo 'max-calls: 3' >good.yaml; echo 'nonsense: 3' >bad.yaml; echo 'tool-scope: {add_note: notes:write}' >map.yaml; echo 'tool-scope: [add_note=notes:write]' >list.yaml; echo s >secret`,
			when: start + r.wrong, does: start + r.right,
		})
	}
	return append(all,
		row{
			hint: "give all replicas the same --gateway-secret-file", when: start + upstream + "--bus redis://127.0.0.1:9",
			does: start + upstream, then: "openssl rand -base64 48 > gateway-secret; " + start + upstream + "--gateway-secret-file gateway-secret",
		},
		row{
			hint: "give all replicas the same --dpop-secret-file", when: start + "--dpop accept --bus redis://127.0.0.1:9",
			does: start + "--dpop accept", then: "openssl rand -base64 48 > dpop-secret; " + start + "--dpop accept --bus redis://127.0.0.1:9 --dpop-secret-file dpop-secret",
		},
		row{
			hint: "give --bus as well, or leave it out", before: "openssl rand -base64 48 > dpop-secret", when: start + "--dpop accept --dpop-secret-file dpop-secret",
			does: start + "--dpop accept --bus redis://127.0.0.1:9 --dpop-secret-file dpop-secret", then: start + "--dpop accept",
		},
		row{hint: "see whoami-server.socket in deploy/systemd", when: `LISTEN_PID=$$ LISTEN_FDS=9 exec whoami-server --issuer $ISSUER`, does: "SOCKET=1; export SOCKET; " + start},
		row{hint: "give the provider's issuer, e.g. --issuer https://TENANT.logto.app/oidc, or try --dev", when: `$UP --listen 127.0.0.1:0`, does: start, then: dev},
		row{hint: "write --issuer …", when: `$UP --listen 127.0.0.1:0 --issuer $ISSUER/`, does: start},
		row{hint: "see that it runs and can be reached from this machine, or give another address", when: `whoami-server check --issuer http://127.0.0.1:9/id --upstream http://127.0.0.1:9/mcp`, does: `whoami-server check --issuer $ISSUER --upstream http://$HOST/mcp`},
		row{hint: "write paths of their own before /mcp, e.g. https://mcp.example.com/notes/mcp", when: start + `--resource 'https://mcp.example.com/mcp https://mcp.example.com/notes'`, does: start + `--resource 'https://mcp.example.com/mcp https://mcp.example.com/notes/mcp'`},
		row{hint: "give the authorities of its certificate, e.g. --upstream-ca ca.pem", when: `whoami-server check --issuer $ISSUER --upstream $TLS/mcp`, does: `whoami-server check --issuer $ISSUER --upstream $TLS/mcp --upstream-ca $CA`},
		row{hint: "keep one of them", before: `echo s >secret`, when: `export WHOAMI_INTROSPECTION_SECRET=s; ` + start + `--introspection-client c --introspection-secret-file secret`, does: start + `--introspection-client c --introspection-secret-file secret`, then: `export WHOAMI_INTROSPECTION_SECRET=s; ` + start + `--introspection-client c`},
		row{hint: "keep one of them", before: `echo s >secret`, when: `export WHOAMI_PROFILE_SECRET=s; ` + start + `--profile-client c --profile-secret-file secret`, does: start + `--profile-client c --profile-secret-file secret`, then: `export WHOAMI_PROFILE_SECRET=s; ` + start + `--profile-client c`},
		row{hint: "leave out --logto or --dev", when: dev + `--logto ${ISSUER%/oidc}`, does: dev, then: logto + "${ISSUER%/oidc}"},
		row{hint: "leave out --dpop: Logto binds no token to a key", when: logto + "${ISSUER%/oidc} --dpop require", does: logto + "${ISSUER%/oidc}"},
		row{hint: "give the address of the tenant, e.g. --logto https://TENANT.logto.app", when: logto + "http://logto.example", does: logto + "${ISSUER%/oidc}"},
		row{hint: "write --logto …", when: logto + "$ISSUER", does: logto + "${ISSUER%/oidc}"},
		row{hint: "leave out --profile-client or --dev", before: `echo s >secret`, when: dev + `--profile-client c --profile-secret-file secret`, does: dev, then: logto + "${ISSUER%/oidc} --profile-client c --profile-secret-file secret"},
		row{hint: "give --logto, or leave out --profile-client", before: `echo s >secret`, when: `$UP --listen 127.0.0.1:0 --issuer http://127.0.0.1:9/id --profile-client c --profile-secret-file secret`, does: logto + "${ISSUER%/oidc} --profile-client c --profile-secret-file secret", then: `$UP --listen 127.0.0.1:0 --issuer http://127.0.0.1:9/id`},
		row{hint: "did you mean …?", when: `$UP --issuer $ISSUER --config bad.yaml`, before: `echo "isuer: x" >bad.yaml`, does: `echo "issuer: $ISSUER" >bad.yaml; $UP --listen 127.0.0.1:0 --config bad.yaml`},
		row{hint: "did you mean …?", when: `export WHOAMI_ISUER=$ISSUER; $UP --listen 127.0.0.1:0`, does: `export WHOAMI_ISSUER=$ISSUER; $UP --listen 127.0.0.1:0`},
		row{hint: "did you mean: whoami-server …", when: `$UP chekc`, does: `whoami-server check --issuer $ISSUER`},
		row{hint: "did you mean: whoami-server version --json", when: `$UP version --jsn`, does: `$UP version --json || true`},
		row{hint: "see whoami-server --help", when: `$UP --nonsense`, does: `$UP --help || true`},
		row{hint: "leave out --public-client or --dev", when: dev + `--public-client a`, does: dev, then: start + `--public-client a`},
		row{hint: "use 127.0.0.1: the provider of --dev lets anybody in", when: `$UP --dev --listen 0.0.0.0:0 --dev-listen 127.0.0.1:0`, does: dev},
		row{hint: "choose another --dev-listen, or stop what is using that one", when: `$UP --dev --listen 127.0.0.1:0 --dev-listen $HOST`, does: dev},
		row{hint: "choose another --…, or stop what is using that one", when: `$UP --issuer $ISSUER --listen $HOST`, does: start},
		row{hint: "give the public URL that clients use, e.g. --resource https://mcp.example.com/mcp", when: `$UP --issuer $ISSUER --listen 0.0.0.0:0`, does: `$UP --issuer $ISSUER --listen 0.0.0.0:0 --resource https://mcp.example.com/mcp`},
		row{hint: "the address comes from --ops-listen or --listen, as for the server itself", when: `whoami-server healthcheck --listen 127.0.0.1:9`, does: `whoami-server healthcheck --listen $HOST`},
	)
}
