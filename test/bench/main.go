package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"mcp-login/test/bench/kernel"
	"mcp-login/test/bench/page"
)

// Roles of this program, as its first argument, besides that of the driver.
const (
	roleTarget  = "target"
	roleEcho    = "echo"
	roleBrowser = "browser"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case roleEcho:
			return runEcho(os.Stdin, os.Stdout)
		case roleTarget:
			return runTarget(args[1])
		case roleBrowser:
			return runBrowser(args[1])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return o.drive()
}

// options are the flags of the driver.
type options struct {
	peers, quick      bool
	rounds            int
	node, only, skip  string
	bridges           []string
	markdown, asJSON  string
	chart, into, note string
	from              string
}

func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&o.peers, "peers", false, "install and measure npm "+peerRemote+" and "+peerGateway)
	f.BoolVar(&o.quick, "quick", false, "measure hardly anything: shows that every measure works")
	f.IntVar(&o.rounds, "rounds", 3, "how often everything is measured")
	f.StringVar(&o.node, "node", "", "Node.js for the npm bridges, instead of the one in PATH")
	f.StringVar(&o.only, "only", "", "regular expression: measures to run, such as 'start|load'")
	f.StringVar(&o.skip, "skip", "", "regular expression: bridges and floors to leave out")
	f.Func("bridge", "further bridge, as 'name=command {url}'; repeatable", func(v string) error { o.bridges = append(o.bridges, v); return nil })
	f.StringVar(&o.markdown, "markdown", "", "file for the tables, instead of stdout")
	f.StringVar(&o.asJSON, "json", "", "file for all figures of all rounds")
	f.StringVar(&o.chart, "chart", "", "file for the chart, SVG")
	f.StringVar(&o.into, "into", "", "Markdown file whose part between the marks is replaced by the tables")
	f.StringVar(&o.from, "from", "", "measure nothing: report what an earlier run has written with --json")
	f.StringVar(&o.note, "note", "", "a sentence about the machine, for the report")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? see -help", f.Arg(0))
	}
	if o.quick {
		o.rounds = 1
	}
	return o, nil
}

// drive measures and reports.
func (o *options) drive() error {
	if o.from != "" {
		r, err := readReport(o.from)
		if err != nil {
			return err
		}
		return o.write(r)
	}
	dir, err := os.MkdirTemp("", "mcp-login-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	subjects, err := o.subjects(dir)
	if err != nil {
		return err
	}
	list, err := o.measures()
	if err != nil {
		return err
	}
	size := whole
	if o.quick {
		size = quick
	}
	l, err := openLab(dir, size)
	if err != nil {
		return err
	}
	defer l.close()
	before, at := kernel.Load(), revision()
	found, err := survey(l, subjects, list, o.rounds, os.Stderr)
	if err != nil {
		return err
	}
	r := &report{Machine: kernel.Machine(), Note: o.note, Revision: at, Load: [2]string{before, kernel.Load()}, Subjects: subjects, Outcome: found, Binary: binarySize(subjects)}
	return o.write(r)
}

// subjects builds and installs what is to be measured.
func (o *options) subjects(dir string) ([]*subject, error) {
	list, err := builtIn(dir)
	if err != nil {
		return nil, err
	}
	for _, value := range o.bridges {
		s, err := given(value)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	if o.peers {
		more, err := peers(filepath.Join(dir, "npm"), o.node)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	if o.skip == "" {
		return list, nil
	}
	skip, err := regexp.Compile("^(" + o.skip + ")$")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(s *subject) bool { return skip.MatchString(s.name) }), nil
}

func (o *options) measures() ([]measure, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(measures(), func(m measure) bool { return !only.MatchString(m.name) })
	if len(list) == 0 {
		return nil, fmt.Errorf("no measure is called like %q", o.only)
	}
	return list, nil
}

// binarySize is that of the stripped mcp-login, in bytes.
func binarySize(subjects []*subject) int64 {
	for _, s := range subjects {
		if s.name == ours {
			if info, err := os.Stat(s.command[0]); err == nil {
				return info.Size()
			}
		}
	}
	return 0
}

// write writes the report to where it was asked for.
func (o *options) write(r *report) error {
	text := r.markdown()
	if o.asJSON != "" {
		b, err := r.json()
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.asJSON, b, 0o644); err != nil {
			return err
		}
	}
	if o.chart != "" {
		if err := os.WriteFile(o.chart, r.chart(), 0o644); err != nil {
			return err
		}
	}
	if o.into != "" {
		if err := page.Replace(o.into, markBegin, markEnd, text); err != nil {
			return err
		}
	}
	if o.markdown != "" {
		return os.WriteFile(o.markdown, []byte(text), 0o644)
	}
	if o.into == "" {
		fmt.Print(text)
	}
	return nil
}

// Marks around the tables in a page.
const (
	markBegin = "<!-- bench: what follows is written by test/bench -->"
	markEnd   = "<!-- bench: end -->"
)
