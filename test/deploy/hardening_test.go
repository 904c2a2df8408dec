package deploy

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// all returns every file of deploy/ with its text.
func all(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range []string{"*Dockerfile", "compose/*", "kubernetes/*", "systemd/*", "gateway/*.*", "gateway/*/Dockerfile", "forward-auth/*"} {
		names, err := filepath.Glob(root + pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[strings.TrimPrefix(name, root)] = string(text)
		}
	}
	return files
}

// Nothing in deploy/ has a password, or takes one by default: what needs one
// does not start without.
func TestNoDefaultPasswords(t *testing.T) {
	for name, text := range all(t) {
		for _, use := range regexp.MustCompile(`\$\{?[A-Z_]*(?:PASSWORD|SECRET|AUTH|TOKEN)[^}\s"]*\}?`).FindAllString(text, -1) {
			if strings.HasPrefix(use, "${") && !strings.Contains(use, ":?") {
				t.Errorf("%s: %s need not be given", name, use)
			}
		}
		for _, m := range regexp.MustCompile(`rediss?://([^\s"]*)@`).FindAllStringSubmatch(text, -1) {
			if _, password, _ := strings.Cut(m[1], ":"); password != "PASSWORD" && !strings.HasPrefix(password, "${REDIS_PASSWORD:?") {
				// The password of a variable that must be given has blanks, and is seen above.
				t.Errorf("%s: a password in %s", name, m[0])
			}
		}
	}
	compose := documents(t, read(t, "compose/compose.yaml"))[0]
	for _, value := range []any{
		at(t, compose, "services", "redis", "environment", "REDISCLI_AUTH"), at(t, compose, "services", "whoami-1", "environment", "WHOAMI_BUS"),
	} {
		if !strings.Contains(value.(string), "${REDIS_PASSWORD:?") {
			t.Errorf("%v: Redis starts without a password", value)
		}
	}
}

// The command of Redis in the compose file makes a Redis that refuses who has no
// password, and shows the password to nobody.
func TestComposeRedisAsksForItsPassword(t *testing.T) {
	real.Program(t, "redis-server", "apt-get install redis-server")
	compose := documents(t, read(t, "compose/compose.yaml"))[0]
	var command []string
	for _, part := range at(t, compose, "services", "redis", "command").([]any) {
		command = append(command, strings.ReplaceAll(part.(string), "$$", "$"))
	}
	dir := t.TempDir()
	address := real.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	script := strings.ReplaceAll(command[2], "/data/", dir+"/") + " --port " + port + " --bind 127.0.0.1 --dir " + dir
	cmd := exec.Command(command[0], command[1], script)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH=the-password")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	ask := func(env ...string) string {
		c := exec.Command("redis-cli", "-p", port, "ping")
		c.Env = append(os.Environ(), env...)
		out, _ := c.CombinedOutput()
		return string(out)
	}
	binary.Until(t, "an answer with the password", func() bool { return strings.Contains(ask("REDISCLI_AUTH=the-password"), "PONG") })
	if got := ask(); !strings.Contains(got, "NOAUTH") {
		t.Errorf("without: %s", got)
	}
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid)); err == nil && strings.Contains(string(line), "the-password") {
		t.Errorf("arguments: %q", line)
	}
	if info, err := os.Stat(filepath.Join(dir, "redis.conf")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its configuration: %v, %v", info, err)
	}
}

// Images are named by what they are, not by whatever is newest.
func TestImagesArePinned(t *testing.T) {
	for name, text := range all(t) {
		for _, m := range regexp.MustCompile(`(?m)^\s*image: (\S+)$|^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
			image := m[1] + m[2]
			digest := regexp.MustCompile(`@sha256:[0-9a-f]{64}$`).MatchString(image)
			exact := regexp.MustCompile(`:\d+\.\d+\.\d+(-[a-z]+)?$`).MatchString(image)
			if !digest && !exact && image != "scratch" && image != "whoami-server:local" && image != "notes:local" {
				t.Errorf("%s: %s can be anything", name, image)
			}
			if (strings.HasPrefix(name, "kubernetes") || name == "gateway/sidecar.yaml") && !digest {
				t.Errorf("%s: %s has no digest", name, image)
			}
		}
	}
}

// Who is trusted to say who the client is are the proxies, not the network
// that they are in.
func TestOnlyProxiesAreTrusted(t *testing.T) {
	compose := documents(t, read(t, "compose/compose.yaml"))[0]
	trusted := []string{at(t, compose, "x-whoami", "environment", "WHOAMI_TRUSTED_PROXY").(string)}
	for _, p := range at(t, settings(t), "trusted-proxy").([]any) {
		trusted = append(trusted, p.(string))
	}
	for _, text := range trusted {
		if addr, err := netip.ParseAddr(text); err == nil && addr.IsValid() {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().BitLen()-p.Bits() > 8 {
			t.Errorf("%s is trusted: %v", text, err)
		}
	}
}

// settings is the configuration in the ConfigMap.
func settings(t *testing.T) map[string]any {
	t.Helper()
	config, _ := at(t, kind(t, "ConfigMap"), "data", "whoami-server.yaml").(string)
	return documents(t, config)[0]
}

func kind(t *testing.T, name string) map[string]any {
	t.Helper()
	for _, doc := range documents(t, read(t, "kubernetes/whoami-server.yaml")) {
		if doc["kind"] == name {
			return doc
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// A pod has no rights that it does not use, as Kubernetes' own restricted
// standard demands, and no credentials of the cluster.
func TestPodHasNoRights(t *testing.T) {
	pod := at(t, kind(t, "Deployment"), "spec", "template", "spec")
	container := at(t, pod, "containers", 0)
	for _, want := range []struct {
		of    any
		path  []any
		value any
	}{
		{pod, []any{"automountServiceAccountToken"}, false},
		{kind(t, "ServiceAccount"), []any{"automountServiceAccountToken"}, false},
		{pod, []any{"securityContext", "runAsNonRoot"}, true},
		{pod, []any{"securityContext", "runAsUser"}, 65532},
		{pod, []any{"securityContext", "seccompProfile", "type"}, "RuntimeDefault"},
		{container, []any{"securityContext", "allowPrivilegeEscalation"}, false},
		{container, []any{"securityContext", "readOnlyRootFilesystem"}, true},
		{container, []any{"securityContext", "runAsNonRoot"}, true},
		{container, []any{"securityContext", "capabilities", "drop", 0}, "ALL"},
	} {
		if got := at(t, want.of, want.path...); got != want.value {
			t.Errorf("%v is %v", want.path, got)
		}
	}
	for _, never := range []string{"hostNetwork", "hostPID", "hostIPC", "hostPath", "privileged: true", "add:"} {
		if strings.Contains(read(t, "kubernetes/whoami-server.yaml"), never) {
			t.Errorf("%s is asked for", never)
		}
	}
}

// The network policy is of these pods and of both directions, lets nobody in
// whom it does not name, and lets nothing out into private networks or to the
// metadata service of a cloud but what it names.
func TestNetworkPolicyNamesWhoMayTalk(t *testing.T) {
	spec := at(t, kind(t, "NetworkPolicy"), "spec")
	label := at(t, kind(t, "Deployment"), "spec", "template", "metadata", "labels", "app.kubernetes.io/name")
	if at(t, spec, "podSelector", "matchLabels", "app.kubernetes.io/name") != label {
		t.Error("it is of other pods")
	}
	if got := fmt.Sprint(at(t, spec, "policyTypes")); got != "[Ingress Egress]" {
		t.Errorf("it is about %s", got)
	}
	rules := append(at(t, spec, "ingress").([]any), at(t, spec, "egress").([]any)...)
	for _, rule := range rules {
		peers, _ := rule.(map[string]any)["from"].([]any)
		if peers == nil {
			peers, _ = rule.(map[string]any)["to"].([]any)
		}
		if len(peers) == 0 || len(at(t, rule, "ports").([]any)) == 0 {
			t.Errorf("anybody, or any port: %v", rule)
		}
		for _, peer := range peers {
			block, ok := peer.(map[string]any)["ipBlock"]
			if !ok {
				at(t, peer, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name")
				continue
			}
			checkBlock(t, block)
		}
	}
	ports := fmt.Sprint(at(t, spec, "ingress", 0, "ports"), at(t, spec, "ingress", 1, "ports"))
	if !strings.Contains(ports, "http") || !strings.Contains(ports, "ops") {
		t.Errorf("ports %s", ports)
	}
}

func checkBlock(t *testing.T, block any) {
	t.Helper()
	p, err := netip.ParsePrefix(at(t, block, "cidr").(string))
	if err != nil {
		t.Fatal(err)
	}
	if p.IsSingleIP() {
		return
	}
	var except []netip.Prefix
	for _, e := range at(t, block, "except").([]any) {
		except = append(except, netip.MustParsePrefix(e.(string)))
	}
	for _, private := range []string{"10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "127.0.0.1"} {
		covered := false
		for _, e := range except {
			covered = covered || e.Contains(netip.MustParseAddr(private))
		}
		if p.Contains(netip.MustParseAddr(private)) && !covered {
			t.Errorf("%s is let out to", private)
		}
	}
}

// The bound of a process' memory leaves room for what its own limits let it hold:
// three times the bytes of messages, 48 KiB for each stream, and the rest.
func TestMemoryFitsTheLimits(t *testing.T) {
	const mebi = 1 << 20
	needed := func(bodies, streams int) int { return 3*bodies + 48<<10*streams + 64*mebi }
	number := func(v any) int {
		n, err := strconv.Atoi(fmt.Sprint(v))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	size := func(v any) int {
		return number(regexp.MustCompile(`(?i)mi?b?$`).ReplaceAllString(fmt.Sprint(v), "")) * mebi
	}
	kubernetes := settings(t)
	container := at(t, kind(t, "Deployment"), "spec", "template", "spec", "containers", 0)
	compose := documents(t, read(t, "compose/compose.yaml"))[0]
	env := at(t, compose, "x-whoami", "environment")
	unit := regexp.MustCompile(`(?m)^MemoryMax=(\S+)$`).FindStringSubmatch(read(t, "systemd/whoami-server.service"))
	if unit == nil {
		t.Fatal("the unit has no MemoryMax")
	}
	for name, tt := range map[string]struct{ limit, bodies, streams int }{
		"Kubernetes": {
			size(at(t, container, "resources", "limits", "memory")), number(kubernetes["total-body-bytes"]), number(kubernetes["total-streams"]),
		},
		"compose": {
			size(at(t, compose, "x-whoami", "mem_limit")), number(at(t, env, "WHOAMI_TOTAL_BODY_BYTES")), number(at(t, env, "WHOAMI_TOTAL_STREAMS")),
		},
		"systemd": {size(unit[1]), 64 * mebi, 50_000}, // the defaults
	} {
		if need := needed(tt.bodies, tt.streams); tt.limit < need {
			t.Errorf("%s: %d MiB, %d MiB may be needed", name, tt.limit/mebi, need/mebi)
		}
	}
	for what, limit := range map[string]int{
		fmt.Sprint(at(t, container, "env", 0, "value")): size(at(t, container, "resources", "limits", "memory")),
		fmt.Sprint(at(t, env, "GOMEMLIMIT")):            size(at(t, compose, "x-whoami", "mem_limit")),
	} {
		if soft := size(what); soft >= limit || soft < limit*8/10 {
			t.Errorf("GOMEMLIMIT %s of %d MiB", what, limit/mebi)
		}
	}
}

// Every service of the compose file runs with what the server has.
func TestComposeHasNoRights(t *testing.T) {
	services, _ := at(t, documents(t, read(t, "compose/compose.yaml"))[0], "services").(map[string]any)
	for name, service := range services {
		if at(t, service, "read_only") != true || fmt.Sprint(at(t, service, "cap_drop")) != "[ALL]" ||
			fmt.Sprint(at(t, service, "security_opt")) != "[no-new-privileges:true]" || at(t, service, "mem_limit") == "" {
			t.Errorf("%s: %v", name, service)
		}
		if user := service.(map[string]any)["user"]; !strings.HasPrefix(name, "whoami") && (user == nil || strings.HasPrefix(fmt.Sprint(user), "0")) {
			t.Errorf("%s runs as %v", name, user)
		}
		for _, port := range asList(service.(map[string]any)["ports"]) {
			if !strings.HasPrefix(fmt.Sprint(port), "127.0.0.1:") {
				t.Errorf("%s is reached from everywhere: %v", name, port)
			}
		}
	}
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

// The unit takes from the process what it does not use.
func TestUnitHasNoRights(t *testing.T) {
	unit := "\n" + read(t, "systemd/whoami-server.service")
	for _, want := range []string{
		"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
		"PrivateUsers=yes", "ProtectProc=invisible", "CapabilityBoundingSet=", "LimitCORE=0", "MemoryDenyWriteExecute=yes",
		"SystemCallFilter=@system-service", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "UMask=0077",
	} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
}
