package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/internal/store"
	"mcp-login/test/real"
)

// wine runs Windows programs in a prefix of its own.
type wine struct {
	program string
	env     []string
	prefix  string
}

// newWine makes a prefix, or skips. Debian's Wine is not in the path under the
// name of its 64-bit loader.
func newWine(t *testing.T) *wine {
	t.Helper()
	w := &wine{prefix: filepath.Join(t.TempDir(), "prefix")}
	for _, name := range []string{"wine64", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			w.program = path
		}
	}
	if w.program == "" {
		t.Skip("no Wine here; to run this test: apt-get install --no-install-recommends wine wine64")
	}
	w.env = append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", "WINEARCH=win64", "DISPLAY=", "WINEDLLOVERRIDES=mscoree,mshtml=")
	// The server of the prefix stays until the end: one that the next program
	// would start inherits its pipes.
	if err := os.Mkdir(w.prefix, 0o700); err != nil {
		t.Fatal(err)
	}
	w.server(t, "-p")
	t.Cleanup(func() { w.server(t, "-k") })
	if said, err := w.run(t, "", "wineboot", "-i"); err != nil {
		t.Skipf("Wine makes no prefix here: %v\n%s", err, said)
	}
	system := filepath.Join(w.prefix, "drive_c", "windows", "system32")
	if path := filepath.Join(system, "bcryptprimitives.dll"); !exists(path) {
		if err := os.WriteFile(path, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	version, _ := w.run(t, "", "--version")
	t.Logf("real part: %s", strings.TrimSpace(version))
	return w
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (w *wine) server(t *testing.T, arg string) {
	program := filepath.Join(filepath.Dir(w.program), "wineserver")
	if !exists(program) {
		program = "wineserver"
	}
	cmd := exec.CommandContext(context.Background(), program, arg)
	cmd.Env = w.env
	// Without pipes: the server would hold them open.
	if err := cmd.Run(); err != nil {
		t.Logf("wineserver %s: %v", arg, err)
	}
}

// listener keeps what a program says, and is told of each line.
type listener struct {
	mu   sync.Mutex
	text strings.Builder
	rest string
	line func(string)
}

func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	l.rest += string(b)
	for {
		one, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(b), nil
		}
		l.rest = rest
		if l.line != nil {
			l.line(strings.TrimSpace(one))
		}
	}
}

// run runs a program to its end and returns all it said.
func (w *wine) run(t *testing.T, input string, args ...string) (said string, err error) {
	t.Helper()
	return w.hear(t, input, nil, args...)
}

func (w *wine) hear(t *testing.T, input string, line func(string), args ...string) (said string, err error) {
	t.Helper()
	return w.converse(t, strings.NewReader(input), line, args...)
}

func (w *wine) converse(t *testing.T, input io.Reader, line func(string), args ...string) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	all := &listener{line: line}
	cmd := exec.CommandContext(ctx, w.program, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = w.env, input, all, all
	cmd.WaitDelay = 5 * time.Second // a service may have inherited the pipes
	if err = cmd.Run(); errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.text.String(), err
}

// forwarder is a 64-bit DLL with one export that stands for another one. Wine
// before 10 has no bcryptprimitives.dll, from which Go takes its random
// numbers; the old name of the same function it has (PE format, "The .edata
// Section", "Forwarder RVA").
func forwarder(name, function, target string) []byte {
	const rva, page, sector = 0x1000, 0x1000, 0x200
	names := uint32(rva + 40 + 4 + 4 + 2)
	functionAt := names + uint32(len(name)) + 1
	targetAt := functionAt + uint32(len(function)) + 1
	var export []byte
	put := func(b []byte, values ...any) []byte {
		for _, v := range values {
			b, _ = binary.Append(b, binary.LittleEndian, v)
		}
		return b
	}
	export = put(export, uint32(0), uint32(0), uint32(0), names, uint32(1), uint32(1), uint32(1), uint32(rva+40), uint32(rva+44), uint32(rva+48))
	export = put(export, targetAt, functionAt, uint16(0))
	export = append(export, name+"\x00"+function+"\x00"+target+"\x00"...)
	size := uint32(len(export))

	head := append([]byte("MZ"), make([]byte, 58)...)
	head = put(head, uint32(0x40), []byte("PE\x00\x00"))
	// x86-64, one section, an executable image that is a DLL.
	head = put(head, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))
	head = put(head, uint16(0x20b), uint8(14), uint8(0), uint32(0), uint32(sector), uint32(0), uint32(0), uint32(rva))
	head = put(head, uint64(0x180000000), uint32(page), uint32(sector), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0))
	head = put(head, uint32(0), uint32(2*page), uint32(sector), uint32(0), uint16(2), uint16(0x140))
	head = put(head, uint64(1<<20), uint64(page), uint64(1<<20), uint64(page), uint32(0), uint32(16))
	head = put(head, uint32(rva), size, make([]byte, 15*8))
	head = put(head, []byte(".edata\x00\x00"), size, uint32(rva), uint32(sector), uint32(sector), make([]byte, 12), uint32(0x40000040))
	file := make([]byte, 2*sector)
	copy(file, head)
	copy(file[sector:], export)
	return file
}

// windowsBuild builds for Windows.
func windowsBuild(t *testing.T, args ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "program.exe")
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{args[0]}, args[1:len(args)-1]...), "-o", path, args[len(args)-1])...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// Issue, "The Windows build runs here under Wine".
func TestWine(t *testing.T) {
	real.Long(t, "builds for Windows and starts Wine")
	w := newWine(t)
	t.Run("store suite", func(t *testing.T) { wineTest(t, w, "mcp-login/internal/store", "TestSystemKeyring") })
	t.Run("job", func(t *testing.T) {
		wineTest(t, w, "mcp-login/internal/account", "TestAProcessIsStartedWithinAJobThatLetsNobodyOut")
	})
	t.Run("login", func(t *testing.T) { wineLogin(t, w) })
	t.Run("bridge", func(t *testing.T) { wineBridge(t, w) })
}

// wineBridge is a bridge of the Windows build that ends in the middle of a login: its
// process is no child of the bridge's, goes on, and serves the next bridge.
func wineBridge(t *testing.T, w *wine) {
	program := windowsBuild(t, "build", "mcp-login/cmd/mcp-login")
	l := newLab(t, store.KindFile, -1)
	env := w.env
	defer func() { w.env = env }()
	w.env = append(slices.Clone(env), `MCP_LOGIN_DIR=C:\bridge`, "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1")
	in, stdin := io.Pipe()
	var address string
	shown := func(line string) {
		if strings.HasPrefix(line, l.idp.Issuer()+"/auth?") {
			address = line
			_ = stdin.Close() // and so the bridge ends
		}
	}
	go func() { _, _ = io.WriteString(stdin, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`+"\n") }()
	said, err := w.converse(t, in, shown, program, "--no-browser", "--log-level", "debug", l.url)
	if err != nil || !strings.Contains(said, "in a process of its own") || !strings.Contains(said, `"code":1007`) {
		t.Fatalf("%v\n%s", err, said)
	}
	if code := approve(address); code != 0 {
		t.Fatal("the address that was shown does not work any more")
	}
	if said, err := w.run(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`+"\n", program, l.url); err != nil || !strings.Contains(said, `"result"`) {
		t.Errorf("%v\n%s", err, said)
	}
	if s := l.idp.Stats(); s.Logins != 1 {
		t.Errorf("%d tabs", s.Logins)
	}
}

// wineTest runs one test of a room: the shared store suite on Wine's Credential Manager,
// and the start of a detached login within a job.
func wineTest(t *testing.T, w *wine, room, name string) {
	out, err := w.run(t, "", windowsBuild(t, "test", "-c", room), "-test.v", "-test.run", "^"+name+"$")
	if err != nil || !strings.Contains(out, "--- PASS: "+name) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("MEASURED %d tests passed", strings.Count(out, "--- PASS"))
}

// wineLogin is one whole login of the Windows build, its token behind
// Credential Manager, used by a second process, and a logout.
func wineLogin(t *testing.T, w *wine) {
	program := windowsBuild(t, "build", "mcp-login/cmd/mcp-login")
	l := newLab(t, store.KindKeyring, -1)
	w.env = append(w.env, `MCP_LOGIN_DIR=C:\state`, "MCP_LOGIN_STORE=keyring", "NO_PROXY=127.0.0.1")
	browser := func(line string) {
		if strings.HasPrefix(line, l.idp.Issuer()+"/auth?") {
			go approve(line)
		}
	}
	said, err := w.hear(t, "", browser, program, "login", "--no-browser", l.url)
	if err != nil || !strings.Contains(said, "signed in") || !strings.Contains(said, "encrypted with a key from the OS keyring") {
		t.Fatalf("login: %v\n%s", err, said)
	}
	for _, tc := range []struct {
		input, want string
		args        []string
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list"}` + "\n", `"result"`, []string{l.url}},
		{"", l.url, []string{"status"}},
		{"", "keyring", []string{"status"}},
	} {
		if said, err := w.run(t, tc.input, append([]string{program}, tc.args...)...); err != nil || !strings.Contains(said, tc.want) {
			t.Errorf("%v: %v\n%s", tc.args, err, said)
		}
	}
	said, err = w.run(t, "", program, "token", l.url)
	token := strings.TrimSpace(said)
	if err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("token: %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(w.prefix, "drive_c", "state", "*"))
	if len(files) == 0 {
		t.Error("nothing is kept in C:\\state")
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), token) {
			t.Errorf("%s holds the token in the clear", filepath.Base(f))
		}
	}
	if s := l.idp.Stats(); s.Logins != 1 || s.CodeExchanges != 1 {
		t.Errorf("%d tabs, %d code exchanges", s.Logins, s.CodeExchanges)
	}
	if said, err := w.run(t, "", program, "logout", l.url); err != nil || !strings.Contains(said, "signed out") {
		t.Errorf("logout: %v\n%s", err, said)
	}
}
