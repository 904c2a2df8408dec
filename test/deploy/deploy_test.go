package deploy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

const root = "../../deploy/"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents parses YAML strictly: a name given twice is an error.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc map[string]any
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, doc)
	}
}

// at follows a path of names and indices.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				t.Fatalf("%v: too short", path)
			}
			v = l[step]
		}
		if v == nil {
			t.Fatalf("%v: nothing there", path)
		}
	}
	return v
}

func help(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(binary.Build(t, "whoami-server"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Every flag and every variable that a file in deploy/ or a page about it names
// is one that the program has.
func TestFlagsAndVariablesExist(t *testing.T) {
	text := help(t)
	for _, name := range []string{
		"Dockerfile", "compose/compose.yaml", "kubernetes/whoami-server.yaml", "systemd/whoami-server.service",
		"gateway/compose.yaml", "gateway/sidecar.yaml", "../docs/deploying.md", "../docs/gateway.md",
	} {
		content := read(t, name)
		for _, v := range regexp.MustCompile(`WHOAMI_[A-Z_]+`).FindAllString(content, -1) {
			if !regexp.MustCompile(`\b` + v + `\b`).MatchString(text) {
				t.Errorf("%s names %s, which does not exist", name, v)
			}
		}
		lines := regexp.MustCompile("(?m)^(ExecStart=|ENTRYPOINT|.*args:|.*whoami-server --|.*`--).*$").FindAllString(content, -1)
		for _, line := range lines {
			if strings.Contains(line, "kubectl") {
				continue
			}
			for _, f := range regexp.MustCompile(`(?:^|[\s\["`+"`"+`])--([a-z-]+)`).FindAllStringSubmatch(line, -1) {
				if !regexp.MustCompile(`(?m)^\s+-` + f[1] + `\b`).MatchString(text) {
					t.Errorf("%s names --%s, which does not exist", name, f[1])
				}
			}
		}
	}
}

// The configuration in the ConfigMap is accepted as it is, and the environment of
// the compose file as well: the program starts with them.
func TestConfigurationsAreAccepted(t *testing.T) {
	docs := documents(t, read(t, "kubernetes/whoami-server.yaml"))
	file := filepath.Join(t.TempDir(), "whoami-server.yaml")
	config, _ := at(t, docs[0], "data", "whoami-server.yaml").(string)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	starts(t, []string{"--config", file, "--bus", "redis://127.0.0.1:1"})

	compose := documents(t, read(t, "compose/compose.yaml"))[0]
	env, _ := at(t, compose, "x-whoami", "environment").(map[string]any)
	var vars []string
	for name, value := range env {
		vars = append(vars, name+"="+expand(value.(string)))
	}
	starts(t, nil, append(vars, "WHOAMI_ISSUER=https://tenant.logto.app/oidc")...)
}

// expand replaces ${NAME:-default} as compose does without variables, and
// ${NAME:?why} as with one.
func expand(s string) string {
	s = regexp.MustCompile(`\$\{[A-Z_]+:\?[^}]*\}`).ReplaceAllString(s, "given")
	return regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`).ReplaceAllString(s, "$1")
}

// starts runs the program on other ports until it says that it listens.
func starts(t *testing.T, args []string, env ...string) {
	t.Helper()
	runs(t, append(args, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"), env...)
}

// runs runs the program until the test ends, and returns when it says that it listens.
func runs(t *testing.T, args []string, env ...string) *binary.Output {
	t.Helper()
	said := &binary.Output{}
	cmd := exec.Command(binary.Build(t, "whoami-server"), args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if said.Await(t, `(?m) listening on |^error: `)[0] != " listening on " {
		t.Fatalf("it does not start with %v %v:\n%s", args, env, said)
	}
	return said
}

// What the Kubernetes objects say of each other is true: labels, ports, names,
// and times that leave room for the drain.
func TestKubernetesFitsTogether(t *testing.T) {
	kinds := map[string]map[string]any{}
	for _, doc := range documents(t, read(t, "kubernetes/whoami-server.yaml")) {
		kind, _ := at(t, doc, "kind").(string)
		if at(t, doc, "metadata", "name") != "whoami-server" || at(t, doc, "apiVersion") == "" {
			t.Errorf("%s: name or version", kind)
		}
		kinds[kind] = doc
	}
	for _, kind := range []string{"ConfigMap", "ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"} {
		if kinds[kind] == nil {
			t.Fatalf("%s is missing", kind)
		}
	}
	pod, _ := at(t, kinds["Deployment"], "spec", "template").(map[string]any)
	label := at(t, pod, "metadata", "labels", "app.kubernetes.io/name")
	for what, got := range map[string]any{
		"Deployment": at(t, kinds["Deployment"], "spec", "selector", "matchLabels", "app.kubernetes.io/name"),
		"Service":    at(t, kinds["Service"], "spec", "selector", "app.kubernetes.io/name"),
		"Budget":     at(t, kinds["PodDisruptionBudget"], "spec", "selector", "matchLabels", "app.kubernetes.io/name"),
	} {
		if got != label {
			t.Errorf("%s selects %v, the pods are %v", what, got, label)
		}
	}
	container := at(t, pod, "spec", "containers", 0)
	ports := map[any]any{}
	for _, p := range at(t, container, "ports").([]any) {
		ports[at(t, p, "name")] = at(t, p, "containerPort")
	}
	config, _ := at(t, kinds["ConfigMap"], "data", "whoami-server.yaml").(string)
	settings := documents(t, config)[0]
	for name, option := range map[string]string{"http": "listen", "ops": "ops-listen"} {
		_, port, err := net.SplitHostPort(settings[option].(string))
		if err != nil || ports[name] == nil || port != yamlText(t, ports[name]) {
			t.Errorf("%s is %v in the configuration and %v in the pod", option, settings[option], ports[name])
		}
	}
	if at(t, kinds["Service"], "spec", "ports", 0, "targetPort") != "http" {
		t.Error("the service leads elsewhere")
	}
	for probe, path := range map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if at(t, container, probe, "httpGet", "path") != path || at(t, container, probe, "httpGet", "port") != "ops" {
			t.Errorf("%s: %v", probe, at(t, container, probe))
		}
	}
	if settings["drain-delay"] != "5s" || at(t, pod, "spec", "terminationGracePeriodSeconds").(int) < 5+10+5 {
		t.Error("a pod is killed before it has drained")
	}
	if at(t, container, "securityContext", "readOnlyRootFilesystem") != true || at(t, pod, "spec", "securityContext", "runAsNonRoot") != true {
		t.Error("more rights than needed")
	}
	if at(t, kinds["HorizontalPodAutoscaler"], "spec", "minReplicas").(int) < 2 {
		t.Error("one replica is not enough to lose one")
	}
}

func yamlText(t *testing.T, v any) string {
	t.Helper()
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// The compose file: two replicas that nginx knows by name, whose address range is
// the trusted one, Redis where only they are, and the files it mounts exist.
func TestComposeFitsTogether(t *testing.T) {
	compose := documents(t, read(t, "compose/compose.yaml"))[0]
	services, _ := at(t, compose, "services").(map[string]any)
	nginx := read(t, "compose/nginx.conf")
	for _, name := range []string{"whoami-1", "whoami-2"} {
		if services[name] == nil || !strings.Contains(nginx, "server "+name+":3001") {
			t.Errorf("%s is not in both", name)
		}
	}
	subnet, err := netip.ParsePrefix(at(t, compose, "networks", "front", "ipam", "config", 0, "subnet").(string))
	if err != nil {
		t.Fatal(err)
	}
	address := at(t, services["nginx"], "networks", "front", "ipv4_address").(string)
	if trusted := at(t, services["whoami-1"], "environment", "WHOAMI_TRUSTED_PROXY"); trusted != address || !subnet.Contains(netip.MustParseAddr(address)) {
		t.Errorf("trusted is %v, nginx is %v in %v", trusted, address, subnet)
	}
	if at(t, compose, "networks", "back", "internal") != true {
		t.Error("Redis can be reached from outside")
	}
	if got := at(t, services["redis"], "networks").([]any); !slices.Equal(got, []any{"back"}) {
		t.Errorf("Redis is in %v", got)
	}
	for _, v := range at(t, services["nginx"], "volumes").([]any) {
		file, _, _ := strings.Cut(v.(string), ":")
		if _, err := os.Stat(filepath.Join(root, "compose", file)); err != nil {
			t.Error(err)
		}
	}
	context := at(t, services["whoami-1"], "build", "context").(string)
	if _, err := os.Stat(filepath.Join(root, "compose", context, at(t, services["whoami-1"], "build", "dockerfile").(string))); err != nil {
		t.Error(err)
	}
}

// The images: nothing but the program and certificates, not as root, and for the server a
// health check that is the program itself.
func TestDockerfile(t *testing.T) {
	for name, special := range map[string][]string{
		"Dockerfile":           {`CMD ["/whoami-server", "healthcheck"]`, `ENTRYPOINT ["/whoami-server"]`},
		"mcp-login.Dockerfile": {"MCP_LOGIN_STORE=passphrase", "MCP_LOGIN_NO_DETACH=1", `ENTRYPOINT ["/mcp-login"]`},
	} {
		text := read(t, name)
		_, last, ok := strings.Cut(text, "\nFROM scratch\n")
		if !ok || strings.Contains(last, "\nFROM ") || strings.Contains(last, "\nRUN ") {
			t.Fatalf("%s: the last stage is not from scratch:\n%s", name, text)
		}
		for _, want := range append(special, "\nUSER 65532:65532\n", "ca-certificates.crt", "MCP_LOGIN_CHANNEL=container") {
			if !strings.Contains(last, want) {
				t.Errorf("%s: %q is missing", name, want)
			}
		}
		if !strings.Contains(text, "CGO_ENABLED=0") {
			t.Errorf("%s: the program may not be static", name)
		}
		ignore := read(t, name+".dockerignore")
		for _, source := range regexp.MustCompile(`(?m)^COPY ([^-\n].*) \S+$`).FindAllStringSubmatch(text, -1) {
			for _, file := range strings.Fields(source[1]) {
				if _, err := os.Stat(filepath.Join(root, "..", file)); err != nil {
					t.Error(err)
				}
				if !strings.Contains(ignore, "\n!"+file+"\n") {
					t.Errorf("%s: %s is not in the build context", name, file)
				}
			}
		}
	}
}
