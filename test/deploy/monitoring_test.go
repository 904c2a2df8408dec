package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// A real Prometheus reads a server, a gateway and a spare replica, to which everything
// happens that there is an alert for: each fires and, when all is well again, ends. Meanwhile
// each panel of the dashboard has something to show, with the labels that its legend names,
// and the table in docs/deploying.md names the metrics and labels that are there, no more.
func TestPrometheusWatches(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	prometheus := monitored(t, p.server.ops, p.gateway.ops, p.lost.ops, p.spare.ops, p.byTLS.ops)
	p.trouble.Store(true)
	p.spare.kill()
	p.redis.Kill(t)
	for _, alert := range prometheus.alerts {
		binary.Until(t, "alert "+alert, func() bool { return slices.Contains(prometheus.firing(t), alert) })
	}
	for _, panel := range panels(t) {
		for _, target := range panel.Targets {
			binary.Until(t, panel.Title+": "+target.Expr, func() bool { return prometheus.shows(t, target.Expr, target.LegendFormat) })
		}
	}
	prometheus.compareWithTheDocs(t)
	p.trouble.Store(false)
	p.spare.start(t)
	p.redis.Start(t)
	certify(t, p.certificates, 90*24*time.Hour)
	binary.Until(t, "the end of all alerts", func() bool { return len(prometheus.firing(t)) == 0 })
}

// patient is what is watched: programs that real requests reach.
type patient struct {
	server, gateway, lost, spare, byTLS *watched
	redis                               *real.Service
	certificates                        string // the folder of byTLS
	trouble                             atomic.Bool
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{redis: real.Redis(t), certificates: t.TempDir()}
	idp := issuer.Start(t)
	upstream := httptest.NewServer(http.HandlerFunc(moody))
	t.Cleanup(upstream.Close)
	p.server = watch(t, idp, "--bus", "redis://"+p.redis.Address, "--total-streams", "1")
	p.gateway = watch(t, idp, "--upstream", upstream.URL+"/mcp")
	goes := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.trouble.Load() {
			panic(http.ErrAbortHandler)
		}
		moody(w, r)
	}))
	t.Cleanup(goes.Close)
	p.lost = watch(t, idp, "--upstream", goes.URL+"/mcp")
	p.spare = watch(t, idp)
	certify(t, p.certificates, time.Hour)
	p.byTLS = watch(t, idp, "--tls-cert", filepath.Join(p.certificates, "fullchain.pem"), "--tls-key", filepath.Join(p.certificates, "privkey.pem"))
	var n atomic.Int64
	badToken := func() string { return idp.Token(t, fmt.Sprint(n.Add(1)), "https://elsewhere.example") }
	opaque := func() string { return fmt.Sprint("opaque", n.Add(1)) }
	p.send(t, true, p.server, "POST", "/mcp", "whoami", p.server.token("/mcp"))
	p.send(t, true, p.gateway, "POST", "/mcp", "fine", p.gateway.token("/mcp"))
	p.send(t, true, p.lost, "POST", "/mcp", "fine", p.lost.token("/mcp"))
	p.send(t, false, p.server, "POST", "/messages?sessionId=0123456789abcdef.X", "whoami", p.server.token("/sse"))
	p.send(t, false, p.server, "POST", "/mcp", "whoami", opaque) // this issuer cannot be asked about it
	for range 3 {
		p.send(t, false, p.server, "POST", "/mcp", "whoami", badToken)
	}
	for range 2 { // one stream too many
		p.send(t, false, p.server, "GET", "/sse", "", p.server.token("/sse"))
	}
	for _, mood := range []string{"broken", "refused"} {
		p.send(t, false, p.gateway, "POST", "/mcp", mood, p.gateway.token("/mcp"))
	}
	for range 6 {
		p.send(t, false, p.server, "POST", "/mcp", "slow", p.server.token("/mcp"))
	}
	return p
}

// moody is a server behind the gateway that does what the tool's name says.
func moody(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.Contains(string(body), `"broken"`):
		w.WriteHeader(http.StatusInternalServerError)
	case strings.Contains(string(body), `"refused"`):
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	}
}

// send sends one request after the other until the test ends; those that are not for always
// only while there is trouble.
func (p *patient) send(t *testing.T, always bool, to *watched, method, path, tool string, token func() string) {
	var body string
	if tool != "" {
		body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":{}}}`
	}
	one := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		var message io.Reader = strings.NewReader(body)
		if tool == "slow" {
			message = io.MultiReader(message, late{ctx})
		}
		r, err := http.NewRequestWithContext(ctx, method, "http://"+to.listen+path, message)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+token())
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return // it may be down
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	ctx, end := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		pause := time.NewTicker(50 * time.Millisecond)
		defer pause.Stop()
		for {
			select {
			case <-pause.C:
			case <-ctx.Done():
				return
			}
			if always || p.trouble.Load() {
				one(ctx)
			}
		}
	})
	t.Cleanup(func() { end(); work.Wait() })
}

// late is the end of a message that comes after more than a second, which the alert calls
// slow.
type late struct{ ctx context.Context }

func (l late) Read([]byte) (int, error) {
	select {
	case <-time.After(1500 * time.Millisecond):
	case <-l.ctx.Done():
	}
	return 0, io.EOF
}

// watched is a process of whoami-server.
type watched struct {
	listen, ops string
	args        []string
	cmd         *exec.Cmd
	issuer      *issuer.Issuer
	t           *testing.T
}

func watch(t *testing.T, idp *issuer.Issuer, args ...string) *watched {
	t.Helper()
	w := &watched{listen: real.FreeAddress(t), ops: real.FreeAddress(t), issuer: idp, t: t}
	w.args = append(args, "--issuer", idp.URL, "--listen", w.listen, "--ops-listen", w.ops, "--log-level", "error")
	w.start(t)
	t.Cleanup(w.kill)
	return w
}

func (w *watched) start(t *testing.T) {
	t.Helper()
	w.cmd = exec.Command(binary.Build(t, "whoami-server"), w.args...)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	binary.Until(t, "a server that is ready", func() bool { return get("http://"+w.ops+"/readyz", nil) == nil })
}

func (w *watched) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait()
		w.cmd = nil
	}
}

// token is one token for an endpoint, again and again.
func (w *watched) token(endpoint string) func() string {
	token := w.issuer.Token(w.t, "alice", "http://"+w.listen+endpoint)
	return func() string { return token }
}

// get reads JSON into to, unless that is nil.
func get(address string, to any) error {
	resp, err := http.Get(address)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(body, to)
}

// monitor is Prometheus.
type monitor struct {
	address string
	alerts  []string
}

// hurried are the times of the alerts and the dashboard, for a Prometheus that looks once
// a second.
var hurried = strings.NewReplacer("[5m]", "[5s]", "$__rate_interval", "5s")

// monitored starts Prometheus with the files that are for it, hurried.
func monitored(t *testing.T, targets ...string) *monitor {
	t.Helper()
	checkRules(t)
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules := regexp.MustCompile(`for: \d+m`).ReplaceAllString(hurried.Replace(read(t, "prometheus/alerts.yaml")), "for: 1s")
	write("alerts.yaml", rules)
	config := read(t, "prometheus/prometheus.yaml")
	const example = `["127.0.0.1:9464"]`
	if !strings.Contains(config, example) {
		t.Fatal("no target in the configuration")
	}
	write("prometheus.yaml", "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 250ms}\n"+
		strings.Replace(config, example, `["`+strings.Join(targets, `","`)+`"]`, 1))
	m := &monitor{address: "http://" + real.Prometheus(t, filepath.Join(folder, "prometheus.yaml")).Address}
	binary.Until(t, "Prometheus", func() bool { return get(m.address+"/-/ready", nil) == nil })
	for _, rule := range at(t, documents(t, rules)[0], "groups", 0, "rules").([]any) {
		m.alerts = append(m.alerts, at(t, rule, "alert").(string))
		for _, part := range [][]any{{"for"}, {"labels", "severity"}, {"annotations", "summary"}, {"annotations", "description"}} {
			at(t, rule, part...) // fails where nothing is
		}
	}
	return m
}

// checkRules has promtool read the configuration and the rules as they are.
func checkRules(t *testing.T) {
	t.Helper()
	tool := real.Program(t, "promtool", "apt-get install prometheus")
	if out, err := exec.Command(tool, "check", "config", root+"prometheus/prometheus.yaml").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
}

// firing are the alerts that fire. Each has what its texts name.
func (m *monitor) firing(t *testing.T) (names []string) {
	t.Helper()
	var got struct {
		Data struct {
			Alerts []struct {
				State               string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := get(m.address+"/api/v1/alerts", &got); err != nil {
		t.Fatal(err)
	}
	for _, a := range got.Data.Alerts {
		if a.State != "firing" {
			continue
		}
		names = append(names, a.Labels["alertname"])
		if text := a.Annotations["summary"]; strings.HasSuffix(text, ": .") || strings.Contains(text, "no value") {
			t.Errorf("%s: %s", a.Labels["alertname"], text)
		}
	}
	return names
}

var placeholder = regexp.MustCompile(`\{\{(\w+)\}\}`)

// shows reports whether an expression of the dashboard has a value, and each the labels that
// the legend names. What stands in for a missing value does not count.
func (m *monitor) shows(t *testing.T, expr, legend string) bool {
	t.Helper()
	expr = strings.NewReplacer("$job", ".+", "$instance", ".+", " or vector(0)", "").Replace(hurried.Replace(expr))
	var got struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := get(m.address+"/api/v1/query?query="+url.QueryEscape(expr), &got); err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	for _, result := range got.Data.Result {
		for _, label := range placeholder.FindAllStringSubmatch(legend, -1) {
			if result.Metric[label[1]] == "" {
				t.Fatalf("%s has no label %s, but %v", expr, label[1], result.Metric)
			}
		}
	}
	return len(got.Data.Result) > 0
}

// compareWithTheDocs compares the metrics and their labels with the table on the page.
func (m *monitor) compareWithTheDocs(t *testing.T) {
	t.Helper()
	var got struct{ Data []map[string]string }
	if err := get(m.address+"/api/v1/series?match[]="+url.QueryEscape(`{__name__=~"whoami_.+"}`), &got); err != nil {
		t.Fatal(err)
	}
	there := map[string]string{}
	for _, series := range got.Data {
		name := regexp.MustCompile(`_seconds_(bucket|sum|count)$`).ReplaceAllString(series["__name__"], "_seconds")
		var labels []string
		for label := range series {
			if !slices.Contains([]string{"__name__", "job", "instance", "le"}, label) {
				labels = append(labels, label)
			}
		}
		slices.Sort(labels)
		there[name] = strings.Join(labels, ", ")
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(whoami_[a-z_]+)` \\| ([a-z, ]*)\\|").FindAllStringSubmatch(read(t, "../docs/deploying.md"), -1) {
		labels := strings.Split(strings.TrimSpace(row[2]), ", ")
		slices.Sort(labels)
		if is, ok := there[row[1]]; !ok || is != strings.Join(labels, ", ") {
			t.Errorf("docs/deploying.md has %s with the labels %v; there is %q, %t", row[1], labels, is, ok)
		}
		delete(there, row[1])
	}
	for name, labels := range there {
		t.Errorf("docs/deploying.md has no row for %s with the labels %q", name, labels)
	}
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct{ Expr, LegendFormat string }
}

// panels are those of the dashboard, which lie side by side and have an id each.
func panels(t *testing.T) (all []panel) {
	t.Helper()
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(read(t, "grafana/whoami-server.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for n, p := range dashboard.Panels {
		for _, q := range dashboard.Panels[:n] {
			a, b := p.GridPos, q.GridPos
			if p.ID == q.ID || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s and %s have one id, or lie on each other", p.Title, q.Title)
			}
		}
		if p.Type != "row" && (len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24) {
			t.Errorf("%s shows nothing, or is too wide", p.Title)
		}
	}
	if len(dashboard.Panels) < 15 {
		t.Fatalf("%d panels", len(dashboard.Panels))
	}
	return dashboard.Panels
}
