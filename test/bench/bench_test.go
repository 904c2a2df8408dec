package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mcp-login/test/bench/kernel"
	"mcp-login/test/real"
)

// result is what --json writes.
type result struct {
	Values   map[string]map[string][]*float64
	Failures map[string]map[string]string
	Binary   int64
}

// Every measure brings its figures for mcp-login, none of the calls and
// notifications it makes is lost, and the report has all of them: the table in
// docs/evidence/performance.md cannot lose a line without this test.
func TestQuick(t *testing.T) {
	real.Long(t, "measures")
	got := bench(t)
	for name, failures := range got.Failures {
		for measure, why := range failures {
			t.Errorf("%s, %s: %s", name, measure, why)
		}
	}
	for _, f := range figureList(quick.flights) {
		if f.Kernel && !kernel.Tells {
			continue
		}
		values := got.Values[ours][f.Key]
		if len(values) != 1 || values[0] == nil {
			t.Errorf("%s: no figure (%s)", f.Key, f.Name)
			continue
		}
		zero := strings.HasSuffix(f.Key, ".lost") || strings.HasSuffix(f.Key, ".disorder")
		if v := *values[0]; zero && v != 0 || !zero && v < 0 {
			t.Errorf("%s is %v", f.Key, v)
		}
	}
	for _, key := range []string{"start.first", "load.json.64.rate", "large.sse.64.rate", "notifications.rate"} {
		if len(got.Values[floor][key]) == 0 {
			t.Errorf("the floor has no figure %s", key)
		}
	}
	// Deterministic, unlike times: the round trips.
	for key, most := range map[string]float64{"requests.first": 2, "requests.known": 1, "login.first.requests": 8, "login.again.requests": 1} {
		if v := got.Values[ours][key]; len(v) == 1 && v[0] != nil && *v[0] > most {
			t.Errorf("%s: %v, at most %v are allowed", key, *v[0], most)
		}
	}
	if got.Binary == 0 {
		t.Error("the size of the binary is unknown")
	}
}

// bench builds this program and runs it with --quick, which writes every kind
// of report.
func bench(t *testing.T) (r result) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a browser cannot be stood in for by a script there") // see makeOpener
	}
	dir := t.TempDir()
	program, into := filepath.Join(dir, "bench"), filepath.Join(dir, "page.md")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if err := os.WriteFile(into, []byte("before\n"+markBegin+"\nold\n"+markEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--quick", "--json", filepath.Join(dir, "r.json"), "--chart", filepath.Join(dir, "r.svg"), "--into", into)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	page, _ := os.ReadFile(into)
	for _, want := range []string{"before\n", "### Aims", "| calls, JSON over TLS, 64 in flight, p99, ms |", "\nafter\n"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(page), "\nold\n") {
		t.Error("the old tables are still in the page")
	}
	// An earlier run can be reported again, with the same words.
	again := filepath.Join(dir, "again.md")
	if err := os.WriteFile(again, []byte("before\n"+markBegin+markEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "--from", filepath.Join(dir, "r.json"), "--into", again).CombinedOutput(); err != nil {
		t.Errorf("--from: %v\n%s", err, out)
	}
	if b, _ := os.ReadFile(again); string(b) != string(page) {
		t.Error("--from reports something else")
	}
	if chart, _ := os.ReadFile(filepath.Join(dir, "r.svg")); strings.Count(string(chart), "<rect") < len(panels) || !strings.HasSuffix(string(chart), "</svg>\n") {
		t.Error("the chart has no bars")
	}
	return r
}

// The driver notices what a bridge loses, swaps and changes: a measure that
// cannot fail says nothing.
func TestDriverNotices(t *testing.T) {
	var s storm
	for _, n := range []string{"1", "3", "2", "4"} {
		s.note([]byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":` + n + `}}`))
	}
	if s.seen.Load() != 4 || s.disorder.Load() != 3 {
		t.Errorf("seen %d, out of order %d", s.seen.Load(), s.disorder.Load())
	}
	whole := `{"jsonrpc":"2.0","id":7,"result":` + bigHead + string(payload(5000)) + bigTail + `}`
	if !holdsPayload([]byte(whole)) || holdsPayload([]byte(strings.Replace(whole, "level", "label", 1))) {
		t.Error("a changed result passes, or a whole one does not")
	}
	for line, want := range map[string]int{whole: 7, `{"result":{},"jsonrpc":"2.0","id":12}`: 12, `{"jsonrpc":"2.0","id":1023,"result":{}}`: 1023} {
		if id, ok := idOf([]byte(line)); !ok || id != want {
			t.Errorf("id %d in %.60s", id, line)
		}
	}
	for _, size := range []int{1000, 1001, 1002, 4097} {
		if !json.Valid([]byte(`"` + string(payload(size)) + `"`)) {
			t.Errorf("the payload of %d bytes is no JSON string", size)
		}
	}
}

// The verdicts of the report follow the figures, and ratios are taken inside
// a round.
func TestAims(t *testing.T) {
	o := &outcome{Rounds: 3, Failures: map[string]map[string]string{}, Values: map[string]map[string][]float64{
		ours:       {"idle": {10, 11, 12}, "cpu.first": {1, 2, 3}, "notifications.rate": {349, 349, 351}},
		peerRemote: {"cpu.first": {61, 200, 150}},
	}}
	r := &report{Outcome: o, Subjects: []*subject{{name: ours}, {name: peerRemote}}, Binary: 13e6}
	got := map[string]bool{}
	for _, a := range aims {
		if _, _, met, ok := a.words(r); ok {
			got[a.key] = met
		}
	}
	want := map[string]bool{"idle": true, "cpu.first": true, "notifications.rate": false, binaryKey: false}
	if len(got) != len(want) {
		t.Errorf("verdicts %v", got)
	}
	for key, met := range want {
		if got[key] != met {
			t.Errorf("%s: met is %v", key, got[key])
		}
	}
	if v := o.ratio(peerRemote, ours, "cpu.first"); v != 61 {
		t.Errorf("the ratio is %v, not the middle one of 61, 100 and 50", v)
	}
}
