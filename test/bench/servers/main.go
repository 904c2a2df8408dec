package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"mcp-login/test/bench/kernel"
	"mcp-login/test/bench/page"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	peers, quick bool
	gateway      bool
	oauth2Proxy  string
	rounds       int
	streams      int
	node         string
	asJSON, into string
}

func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("servers", flag.ContinueOnError)
	f.SetOutput(out)
	f.BoolVar(&o.peers, "peers", false, "install npm mcp-auth "+versionMCPAuth+" and measure the tutorial's sample as well")
	f.BoolVar(&o.gateway, "gateway", false, "measure the gateway instead; with --peers oauth2-proxy "+versionOAuth2Proxy+" beside it")
	f.StringVar(&o.oauth2Proxy, "oauth2-proxy", "", "`program` to measure beside the gateway, instead of installing it")
	f.BoolVar(&o.quick, "quick", false, "measure hardly anything: shows that every measure works")
	f.IntVar(&o.rounds, "rounds", 5, "how often everything is measured")
	f.IntVar(&o.streams, "streams", 0, "how many idle streams, instead of 10,000")
	f.StringVar(&o.node, "node", "node", "Node.js for the sample")
	f.StringVar(&o.asJSON, "json", "", "file for all figures of all rounds")
	f.StringVar(&o.into, "into", "", "Markdown file whose part between the marks is replaced by the tables")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? see -help", f.Arg(0))
	}
	if o.rounds < 1 || o.streams < 0 {
		return nil, errors.New("rounds and streams must be positive")
	}
	if o.quick {
		o.rounds = 1
	}
	return o, nil
}

// run measures and reports.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	size := whole
	if o.quick {
		size = quick
	}
	if o.streams > 0 {
		size.streams = o.streams
	}
	dir, err := os.MkdirTemp("", "mcp-login-servers-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := openLab(ctx, dir, size)
	if err != nil {
		return err
	}
	defer l.close()
	defer http.DefaultClient.CloseIdleConnections()
	if o.gateway {
		return o.measureGateways(ctx, l, out, progress)
	}
	subjects := l.ours()
	if o.peers {
		more, err := l.peers(ctx, o.node)
		if err != nil {
			return err
		}
		subjects = append(subjects, more...)
	}
	r := &report{Machine: kernel.Machine(), Revision: revision(), Rounds: o.rounds, Streams: size.streams, Beat: size.beat.String()}
	info, err := os.Stat(l.program())
	if err != nil {
		return err
	}
	r.Binary = info.Size()
	r.Load[0] = kernel.Load()
	if r.Values, err = survey(ctx, l, subjects, o.rounds, progress); err != nil {
		return err
	}
	r.Load[1] = kernel.Load()
	for _, s := range subjects {
		r.note(s)
	}
	return o.write(r, out)
}

// write writes the report to where it was asked for.
func (o *options) write(r *report, out io.Writer) error {
	if o.asJSON != "" {
		b, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return fmt.Errorf("encode the report: %w", err)
		}
		if err := os.WriteFile(o.asJSON, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	begin, end := markBegin, markEnd
	if o.gateway {
		begin, end = markGateway, markGatewayEnd
	}
	if o.into != "" {
		return page.Replace(o.into, begin, end, r.markdown())
	}
	_, err := io.WriteString(out, r.markdown())
	return err
}

// Marks around the tables in a page.
const (
	markBegin = "<!-- servers: what follows is written by test/bench/servers -->"
	markEnd   = "<!-- servers: end -->"

	markGateway    = "<!-- gateway: what follows is written by test/bench/servers --gateway -->"
	markGatewayEnd = "<!-- gateway: end -->"
)

// revision names the commit that was measured.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
