package deploy

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// The server in Node behind the gateway believes the headers, or the signed assertion alone;
// people sign in with mcp-login, and each has notes of their own.
func TestGatewayBeforeNode(t *testing.T) {
	for name, signed := range map[string]bool{"headers": false, "assertion": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := real.FreeAddress(t)
			resource := "http://" + server + "/mcp"
			args, env := []string(nil), []string(nil)
			upstream := real.FreeAddress(t)
			_, port, _ := strings.Cut(upstream, ":")
			if signed {
				args = []string{"--assertion-header", "X-Forwarded-Assertion"}
				env = []string{
					"ASSERTION_KEYS=http://" + server + "/.well-known/jwks.json", "ASSERTION_ISSUER=" + resource,
					"ASSERTION_AUDIENCE=http://" + upstream + "/mcp",
				}
			}
			notes(t, append(env, "PORT="+port)...)
			gate(t, server, upstream, args...)
			keepNotes(t, resource)
			if signed {
				refusedAt(t, upstream, 500, map[string]string{"X-Forwarded-User": "alice", "X-Forwarded-Issuer": "http://127.0.0.1"})
				refusedAt(t, upstream, 500, map[string]string{"X-Forwarded-Assertion": "e30.e30.e30"})
				// A key that cannot be read, or is not known yet, says nothing about the caller.
				noKeys := notes(t, "ASSERTION_KEYS=http://"+real.FreeAddress(t))
				for _, at := range []string{upstream, noKeys} {
					refusedAt(t, at, 503, map[string]string{"X-Forwarded-Assertion": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"new"}`)) + ".e30.e30"})
				}
			}
			refusedAt(t, upstream, 500, nil)
		})
	}
}

// So has a server in Python, whose standard library is enough to read who calls.
func TestGatewayBeforePython(t *testing.T) {
	t.Parallel()
	server := real.FreeAddress(t)
	gate(t, server, printedAddress(t, exec.Command(real.Program(t, "python3", "apt-get install python3"), "testdata/notes.py")))
	keepNotes(t, "http://"+server+"/mcp")
}

// gate runs whoami-server with a provider of its own before a server.
func gate(t *testing.T, server, upstream string, args ...string) {
	t.Helper()
	runs(t, append([]string{"--dev", "--listen", server, "--dev-listen", "127.0.0.1:0", "--upstream", "http://" + upstream + "/mcp"}, args...))
}

// refusedAt asks the server behind the gateway directly.
func refusedAt(t *testing.T, upstream string, status int, header map[string]string) {
	t.Helper()
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+upstream+"/mcp", strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != status {
		t.Errorf("%v: %s, not %d", header, resp.Status, status)
	}
}

// The compose file: the server behind the gateway is on the inner network alone and has no
// port of the machine; what the two say of each other is the same, and the gateway starts with it.
func TestGatewayComposeFitsTogether(t *testing.T) {
	compose := documents(t, read(t, "gateway/compose.yaml"))[0]
	gateway, server := at(t, compose, "services", "whoami-server"), at(t, compose, "services", "notes")
	if fmt.Sprint(at(t, server, "networks")) != "[inner]" || at(t, compose, "networks", "inner", "internal") != true {
		t.Error("the server is on another network than the inner one")
	}
	if server.(map[string]any)["ports"] != nil {
		t.Error("the server can be reached from the machine")
	}
	if fmt.Sprint(at(t, gateway, "ports")) != "[127.0.0.1:8080:3001]" {
		t.Error("the gateway is reached from everywhere")
	}
	for name, service := range map[string]any{"gateway": gateway, "server": server} {
		if at(t, service, "read_only") != true || fmt.Sprint(at(t, service, "cap_drop"), at(t, service, "security_opt")) != "[ALL] [no-new-privileges:true]" {
			t.Errorf("%s has rights", name)
		}
	}
	env, told := at(t, gateway, "environment").(map[string]any), at(t, server, "environment")
	if at(t, told, "ASSERTION_AUDIENCE") != env["WHOAMI_UPSTREAM"] || at(t, told, "ASSERTION_ISSUER") != env["WHOAMI_RESOURCE"] ||
		at(t, told, "ASSERTION_KEYS") != "http://"+env["WHOAMI_ALLOW_HOST"].(string)+"/.well-known/jwks.json" {
		t.Errorf("%v\n%v", env, told)
	}
	bodies, _ := strconv.Atoi(env["WHOAMI_TOTAL_BODY_BYTES"].(string))
	streams, _ := strconv.Atoi(env["WHOAMI_TOTAL_STREAMS"].(string))
	if need := (3*bodies+48<<10*streams)>>20 + 64; at(t, gateway, "mem_limit") != "256m" || need > 256 {
		t.Errorf("%d MiB may be needed", need)
	}
	vars := []string{"WHOAMI_ISSUER=https://tenant.logto.app/oidc"}
	for name, value := range env {
		if name != "WHOAMI_ISSUER" {
			vars = append(vars, name+"="+expand(value.(string)))
		}
	}
	starts(t, nil, vars...)
}

// The pod: the server listens for the pod alone, the service leads to the gateway, whose
// configuration is accepted, and neither has rights that it does not use.
func TestGatewaySidecarFitsTogether(t *testing.T) {
	kinds := map[string]map[string]any{}
	for _, doc := range documents(t, read(t, "gateway/sidecar.yaml")) {
		kinds[doc["kind"].(string)] = doc
	}
	pod := at(t, kinds["Deployment"], "spec", "template", "spec")
	gateway, server := at(t, pod, "containers", 0), at(t, pod, "initContainers", 0)
	config := at(t, kinds["ConfigMap"], "data", "whoami-server.yaml").(string)
	settings := documents(t, config)[0]
	if at(t, server, "env", 0, "value") != "127.0.0.1" || settings["upstream"] != "http://127.0.0.1:8000/mcp" || server.(map[string]any)["ports"] != nil {
		t.Error("the server can be reached past the gateway")
	}
	if at(t, server, "restartPolicy") != "Always" {
		t.Error("the server ends before the gateway has finished its calls")
	}
	if at(t, kinds["Service"], "spec", "ports", 0, "targetPort") != at(t, gateway, "ports", 0, "name") || settings["listen"] != ":3001" {
		t.Error("the service leads elsewhere")
	}
	label := at(t, kinds["Deployment"], "spec", "template", "metadata", "labels", "app.kubernetes.io/name")
	if label != at(t, kinds["Service"], "spec", "selector", "app.kubernetes.io/name") || label != at(t, kinds["NetworkPolicy"], "spec", "podSelector", "matchLabels", "app.kubernetes.io/name") {
		t.Error("the service or the policy is about other pods")
	}
	for _, container := range []any{gateway, server} {
		for _, want := range []struct {
			path  []any
			value any
		}{
			{[]any{"securityContext", "allowPrivilegeEscalation"}, false},
			{[]any{"securityContext", "readOnlyRootFilesystem"}, true},
			{[]any{"securityContext", "runAsNonRoot"}, true},
			{[]any{"securityContext", "capabilities", "drop", 0}, "ALL"},
		} {
			if got := at(t, container, want.path...); got != want.value {
				t.Errorf("%v of %v is %v", want.path, at(t, container, "name"), got)
			}
		}
	}
	if at(t, pod, "automountServiceAccountToken") != false || at(t, pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault" {
		t.Error("the pod has rights")
	}
	for _, peer := range at(t, kinds["NetworkPolicy"], "spec", "egress", 1, "to").([]any) {
		checkBlock(t, at(t, peer, "ipBlock"))
	}
	folder := t.TempDir()
	secret, file := filepath.Join(folder, "gateway-secret"), filepath.Join(folder, "whoami-server.yaml")
	for name, text := range map[string]string{
		secret: strings.Repeat("secret", 8), file: strings.ReplaceAll(config, "/etc/whoami-secret/gateway-secret", secret),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	starts(t, []string{"--config", file})
}

// The unit of the server behind the gateway: only the machine reaches it, and it has no rights.
func TestGatewayUnitHasNoRights(t *testing.T) {
	unit := read(t, "gateway/notes.service")
	for _, want := range []string{
		"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "IPAddressDeny=any",
		"IPAddressAllow=localhost", "SocketBindDeny=any", "SocketBindAllow=ipv4:tcp:8000",
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(unit) {
			t.Errorf("%s is missing", want)
		}
	}
}
