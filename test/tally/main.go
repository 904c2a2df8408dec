package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	t := tally{out: os.Stdout, said: map[test]string{}, reasons: map[string]int{}}
	read := t.read(out)
	err = cmd.Wait()
	t.close()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(ended.ExitCode())
	case err != nil || read != nil:
		fmt.Fprintln(os.Stderr, "tally:", errors.Join(err, read))
		os.Exit(1)
	}
}

// test names one, or with an empty name what its package says itself.
type test struct{ pkg, name string }

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// tally counts what becomes of tests.
type tally struct {
	out                     io.Writer
	said                    map[test]string // so far, by those that have not ended
	passed, failed, skipped int
	reasons                 map[string]int
}

func (t *tally) read(in io.Reader) error {
	for d := json.NewDecoder(in); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		t.take(e)
	}
}

// take enters one event. A package that fails to build says so under its import path.
func (t *tally) take(e event) {
	one := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "output":
		t.said[one] += e.Output
		return
	case "pass":
		t.count(&t.passed, one)
	case "skip":
		t.count(&t.skipped, one)
		if e.Test != "" {
			t.reasons[reason(t.said[one])]++
		}
	case "fail":
		t.count(&t.failed, one)
		fmt.Fprint(t.out, t.said[one])
	default:
		return
	}
	if e.Test == "" && e.Action != "fail" {
		fmt.Fprint(t.out, closing(t.said[one]))
	}
	delete(t.said, one)
}

func (t *tally) count(n *int, one test) {
	if one.name != "" {
		*n++
	}
}

// reason is why a test was skipped: the last line that it said itself, without the
// place in the sources.
func reason(said string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(said), "\n"), func(line string) bool {
		return strings.HasPrefix(strings.TrimSpace(line), "--- ") || strings.HasPrefix(line, "=== ")
	})
	if len(lines) == 0 {
		return "no reason is given"
	}
	last := strings.TrimSpace(lines[len(lines)-1])
	if _, text, ok := strings.Cut(last, ".go:"); ok {
		if _, text, ok = strings.Cut(text, ": "); ok {
			return text
		}
	}
	return last
}

// closing is the line with which go test ends a package, "" where it has no tests.
func closing(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "ok ") {
			return line
		}
	}
	return ""
}

// close prints the sums. A subtest counts as a test.
func (t *tally) close() {
	fmt.Fprintf(t.out, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	var lines []string
	long := 0
	for text, n := range t.reasons {
		if strings.HasPrefix(text, "ONLY WITH") {
			long += n
		} else {
			lines = append(lines, fmt.Sprintf("%5d for: %s", n, strings.TrimPrefix(text, "REAL PART MISSING: ")))
		}
	}
	if long > 0 {
		lines = append(lines, fmt.Sprintf("%5d for: they take long; MCP_LOGIN_TEST_LONG=1 runs them, as .ci/run does", long))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(t.out, line)
	}
}
