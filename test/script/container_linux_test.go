package script

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// Addresses of the machine and of its container.
const (
	machineIP   = "192.0.2.1"
	containerIP = "192.0.2.2"
)

// A container with a published port: the browser's machine is another network, and
// reaches the sign-in by --callback-bind alone. That is warned of, and of what comes
// only the answer with the state counts.
func TestCallbackOfAContainer(t *testing.T) {
	switch os.Getenv("CONTAINER_SIDE") {
	case "":
		if !real.Root(t) {
			return
		}
		real.Program(t, "ip", "apt-get install iproute2")
		out, err := side(t, "machine").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestCallbackOfAContainer") {
			t.Errorf("%v: %s", err, out)
		}
	case "machine":
		onTheMachine(t)
	case "container":
		inTheContainer(t)
	}
}

// side is this test in a network of its own.
func side(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary.Self(t), "-test.run=^TestCallbackOfAContainer$", "-test.v")
	cmd.Env = append(os.Environ(), "CONTAINER_SIDE="+name, "CONTAINER_PROGRAM="+binary.Build(t, "mcp-login"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return cmd
}

func ip(t *testing.T, words string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", words, err, out)
	}
}

func onTheMachine(t *testing.T) {
	cmd := side(t, "container")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	ip(t, "link set lo up")
	ip(t, fmt.Sprintf("link add outside type veth peer name inside netns %d", cmd.Process.Pid))
	ip(t, "addr add "+machineIP+"/24 dev outside")
	ip(t, "link set outside up")
	fmt.Fprintln(in, "connected")
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.Log(lines.Text())
		address, found := strings.CutPrefix(lines.Text(), "ANSWER ")
		if !found {
			continue
		}
		answer, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"", "guessed", answer.Query().Get("state")} {
			q := answer.Query()
			q.Set("state", state)
			req, _ := http.NewRequest(http.MethodGet, "http://"+net.JoinHostPort(containerIP, answer.Port())+answer.Path+"?"+q.Encode(), nil)
			req.Host = answer.Host // a published port changes no header
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if ok := state == answer.Query().Get("state"); ok != (resp.StatusCode == http.StatusOK) {
				t.Errorf("state %q: %d", state, resp.StatusCode)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func inTheContainer(t *testing.T) {
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	ip(t, "link set lo up")
	ip(t, "addr add "+containerIP+"/24 dev inside")
	ip(t, "link set inside up")
	h := newHouse(t, nil)
	port := "29697"
	r := h.terminal(exec.Command(os.Getenv("CONTAINER_PROGRAM"), "login", "--no-browser", "--callback-port", port, "--callback-bind", "0.0.0.0", h.url))
	r.said.Await(t, `level=WARN msg="the sign-in awaits its answer where other machines may reach it; only one with its state is taken" address=0\.0\.0\.0:29697`)
	ended := endsAt(t, r.said.Await(t, `\n(http\S+)\n`)[1], "http://127.0.0.1:"+port+"/callback")
	fmt.Println("ANSWER " + ended.String())
	r.said.Await(t, `signed in to `)
	if err := r.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
