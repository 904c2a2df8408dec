package providers

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// example is one case: a fake, and what happens there.
type example struct {
	name string
	// seen is where the behaviour was seen.
	seen string
	fake fake
	// files are in the folder that the programs run in.
	files map[string]string
	steps []step
	// row is for docs/providers.md, nil where the case is not a provider's.
	row *row
}

// step is one run of a program, in the home of the case.
type step struct {
	// words are the arguments behind the URL, and verb is what comes before it;
	// without a verb a client talks to the bridge.
	verb, words string
	env         []string
	// url is another server than the fake's own.
	url string
	// calls are how many tools/call the client sends; 0 is one.
	calls int
	// before changes the world before the step, between before the last call.
	before, between func(*world)
	// flood sends everything at once instead of one after the other.
	flood bool
	// paste is typed into the program once the browser has come to this address.
	paste string
	want  want
	check []check
	// ours says that mcp-remote has no such words: it is not run.
	ours bool
	// refs is what the reference says of mcp-remote: works, fails or hangs, ""
	// where it says nothing that can be compared. because explains another result.
	refs, because string
}

// want is what a person, or the client, is told.
type want struct {
	code int    // of the JSON-RPC error, 0 where it works
	exit int    // of a verb
	hint string // a pattern in the hint
	says []string
	not  []string // must not stand anywhere
	once []string // stand once in the message, its hint apart
}

var works = want{}

// refused is an error of the class of failed sign-ins.
func refused(hint string, says ...string) want { return want{code: 1002, hint: hint, says: says} }

// check looks at what the world has seen; it returns what is wrong.
type check func(w *world) string

// came is how many requests of a role came.
func came(role string, n int) check {
	return func(w *world) string {
		if got := len(w.requests(role)); got != n {
			return fmt.Sprintf("%d requests of %s, want %d", got, role, n)
		}
		return ""
	}
}

// tabs is how many tabs the browser showed.
func tabs(n int) check {
	return func(w *world) string {
		if got := w.tabs(); got != n {
			return fmt.Sprintf("%d tabs, want %d", got, n)
		}
		return ""
	}
}

// ran is how often the server carried a call out.
func ran(text string, n int) check {
	return func(w *world) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if got := w.runs[text]; got != n {
			return fmt.Sprintf("%s was carried out %d times, want %d", text, got, n)
		}
		return ""
	}
}

// sent is that each request of a role had this parameter (member of a
// registration); "" is that none had it, and PORT in it is the case's own port.
func sent(role, name, value string) check {
	return func(w *world) string {
		value := strings.ReplaceAll(value, "PORT", strconv.Itoa(w.port))
		list := asking(w.requests(role))
		if len(list) == 0 {
			return "no request of " + role
		}
		for _, r := range list {
			got := r.query.Get(name) + r.form.Get(name)
			if v, there := r.json[name]; there && role == "register" {
				got = fmt.Sprint(v)
			}
			there := r.query.Has(name) || r.form.Has(name) || r.json[name] != nil
			if got != value || value == "" && there {
				return fmt.Sprintf("%s has %s %q, want %q", role, name, got, value)
			}
		}
		return ""
	}
}

// asking leaves out the authorization request that asks nobody, by which a provider is
// asked whether it knows the client.
func asking(list []*request) []*request {
	return slices.DeleteFunc(list, func(r *request) bool { return r.role == "authorize" && r.query.Get("prompt") == "none" })
}

// lastSent is sent for the last request alone.
func lastSent(role, name, value string) check {
	return func(w *world) string {
		list := asking(w.requests(role))
		if len(list) == 0 {
			return "no request of " + role
		}
		r := list[len(list)-1]
		if got := r.query.Get(name) + r.form.Get(name); got != value || value == "" && (r.query.Has(name) || r.form.Has(name)) {
			return fmt.Sprintf("the last %s has %s %q, want %q", role, name, got, value)
		}
		return ""
	}
}

// avoided is that nothing was asked of an address or what is below it.
func avoided(prefix string) check {
	return func(w *world) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range w.seen {
			if strings.HasPrefix(r.address, prefix) {
				return r.address + " was asked"
			}
		}
		return ""
	}
}

// safe is what must hold in every case: what was issued goes to the server or
// the provider that it was issued for, and every request has state and S256.
func (w *world) safe() (faults []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.seen {
		own := r.role == "mcp" || strings.HasPrefix(w.url, "https://"+r.Host+"/")
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && !own && slices.Contains(w.issued, token) {
			faults = append(faults, "a token went to "+r.address)
		}
		if r.role != "token" && r.role != "revoke" && (r.form.Has("code") || r.form.Has("refresh_token") || r.form.Has("code_verifier")) {
			faults = append(faults, "a code or a refresh token went to "+r.address)
		}
		if r.role == "authorize" && (r.query.Get("code_challenge_method") != "S256" || r.query.Get("code_challenge") == "" || len(r.query.Get("state")) < 20) {
			faults = append(faults, "an authorization request without S256 or state: "+r.URL.RawQuery)
		}
	}
	return faults
}

// home is where a program keeps what it keeps.
type home struct {
	t   *testing.T
	dir string
	env []string
	w   *world
}

func newHome(t *testing.T, w *world, files map[string]string) *home {
	t.Helper()
	self := binary.Self(t)
	dir, ca := t.TempDir(), caFile(t)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.port = real.FreePort(t)
	h, opener := &home{t: t, dir: dir, w: w}, openerDir(t, self, ca)
	h.env = []string{
		"HOME=" + dir, "MCP_LOGIN_DIR=" + filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_CA_FILE=" + ca, "NODE_EXTRA_CA_CERTS=" + ca,
		"MCP_LOGIN_BROWSER=" + self + " follow " + ca, "PATH=" + opener + string(os.PathListSeparator) + os.Getenv("PATH"), "BROWSER=" + filepath.Join(opener, "xdg-open"),
		"MCP_REMOTE_CONFIG_DIR=" + filepath.Join(dir, "mcp-remote"), "NODE_USE_ENV_PROXY=1", "NO_COLOR=1",
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		h.env = append(h.env, name+"="+w.proxy)
	}
	h.env = append(h.env, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
	return h
}

// words splits a command line; ~ stands for a blank in a word, PORT for a port of
// the case's own, and URL for the server's address, which comes first where the line
// does not name it.
func (h *home) words(s step, line string) []string {
	address := h.w.url
	if s.url != "" {
		address = s.url
	}
	list := strings.Fields(line)
	if s.verb == "" {
		list = append([]string{"URL"}, list...)
	}
	for i := range list {
		list[i] = strings.NewReplacer("~", " ", "URL", address, "PORT", strconv.Itoa(h.w.port)).Replace(list[i])
	}
	return list
}

// more are words that a case need not say: a login that nobody finishes ends soon
// after the test, and a port of its own for a client registered by hand.
func (h *home) more(s step) (words string) {
	if s.verb != "" && !strings.HasPrefix(s.verb, "login") {
		return ""
	}
	if !strings.Contains(s.words, "timeout") {
		words = " --timeout 8s"
	}
	if strings.Contains(s.words, "client-info") && !strings.Contains(s.words, "--callback-port") && !regexp.MustCompile(`^(\d|PORT)`).MatchString(s.words) {
		words += " --callback-port PORT"
	}
	return words
}

// play takes the steps with mcp-login and returns what is wrong.
func (e example) play(t *testing.T) (faults []string) {
	t.Helper()
	program := binary.Build(t, "mcp-login")
	w := e.fake.start(t)
	h := newHome(t, w, e.files)
	for i, s := range e.steps {
		if s.before != nil {
			s.before(w)
		}
		var o outcome
		if s.verb == "" {
			o = h.talk(append([]string{program}, h.words(s, s.words+h.more(s))...), s)
		} else {
			o = h.run(append([]string{program}, h.words(s, s.verb+" "+s.words+h.more(s))...), s)
		}
		step := func(format string, args ...any) {
			faults = append(faults, fmt.Sprintf("step %d (%s %s): %s", i+1, s.verb, s.words, fmt.Sprintf(format, args...)))
		}
		for _, fault := range s.want.compare(o, s.verb != "") {
			step("%s", fault)
		}
		for _, c := range s.check {
			if fault := c(w); fault != "" {
				step("%s", fault)
			}
		}
		for _, fault := range w.safe() {
			step("%s", fault)
		}
	}
	return faults
}

// compare returns how an outcome differs from what is wanted.
func (want want) compare(o outcome, verb bool) (faults []string) {
	said := o.message + "\n" + o.hint + "\n" + o.stderr + "\n" + o.stdout
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	switch {
	case o.hangs:
		bad("no answer")
	case verb && o.exit != want.exit:
		bad("exit code %d, want %d", o.exit, want.exit)
	case !verb && o.code != want.code:
		bad("code %d, want %d", o.code, want.code)
	}
	if want.hint != "" && !regexp.MustCompile(want.hint).MatchString(o.hint) {
		bad("the hint %q does not match %q", o.hint, want.hint)
	}
	for _, part := range want.says {
		if !strings.Contains(said, part) {
			bad("nothing says %q", part)
		}
	}
	for _, part := range want.not {
		if strings.Contains(said, part) {
			bad("%q is said", part)
		}
	}
	message := strings.TrimSuffix(o.message, " ("+o.hint+")") // the hint may name it again
	for _, part := range want.once {
		if n := strings.Count(message, part); n != 1 {
			bad("the message says %q %d times", part, n)
		}
	}
	if faults != nil {
		bad("it said: %s", strings.TrimSpace(said))
	}
	return faults
}

// inputs are what providers and servers were seen to send, and attacks; members are more
// of those kinds, or the same in another place. Names are unique among both.
var (
	inputs   = slices.Concat(discoveryCases, registrationCases, tokenCases, relayCases, refusedCases, providerCases, serverCases, requestCases, attackCases, failures(""), furtherBodies)
	members  = slices.Concat(failures("--no-detach"), loginMembers, further)
	examples = slices.Concat(inputs, members)
)

// Mcp-login at each of them.
func TestProviders(t *testing.T) {
	binary.Build(t, "mcp-login")
	unknown := maps.Clone(known)
	for _, e := range slices.Concat(examples, switchCases) {
		delete(unknown, e.name)
	}
	for n, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			if n >= len(inputs) {
				real.Long(t, "more of what the other cases are of")
			}
			e.judge(t)
		})
	}
	for name := range unknown {
		t.Errorf("%s is on the list in known_test.go and no case", name)
	}
}

// judge plays a case with mcp-login; what is known to fail must fail.
func (e example) judge(t *testing.T) {
	t.Helper()
	began := time.Now()
	faults := e.play(t)
	slices.Sort(faults)
	reason, expected := known[e.name]
	switch {
	case expected && len(faults) == 0:
		t.Errorf("passes: take it off the list in known_test.go (%s)", reason)
	case expected:
		t.Logf("known (%s), %v:\n%s", reason, time.Since(began).Round(time.Millisecond), strings.Join(faults, "\n"))
	case len(faults) > 0:
		t.Errorf("%v:\n%s", time.Since(began).Round(time.Millisecond), strings.Join(faults, "\n"))
	}
}

// Every case says where it comes from, and has a name of its own.
func TestCasesAreWhole(t *testing.T) {
	names := map[string]bool{}
	for _, e := range slices.Concat(examples, switchCases) {
		if names[e.name] || e.seen == "" || len(e.steps) == 0 || strings.Count(e.name, "/") != 1 {
			t.Errorf("%s: twice, without a source or a step, or not section/name", e.name)
		}
		names[e.name] = true
	}
	t.Logf("%d cases, %d known to fail", len(examples), len(known))
}
