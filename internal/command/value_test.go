package command

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/oauth/grant"
)

// countedValue is a Value whose command is f, which gets the number of the run.
func countedValue(t *testing.T, f func(n int) (string, error)) (v *Value, runs *atomic.Int32) {
	t.Helper()
	runs = &atomic.Int32{}
	ctx, stop := context.WithCancelCause(context.Background())
	header := Header{Command: Command{"--token-command", []string{"prints"}}, Check: func(grant.Secret) error { return nil }}
	v = newValue(ctx, &sync.WaitGroup{}, header, func(ctx context.Context) (grant.Secret, error) {
		n := int(runs.Add(1))
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return grant.Secret{}, context.Cause(ctx)
		}
		text, err := f(n)
		return grant.NewSecret(text), err
	})
	t.Cleanup(func() { stop(errClosed); v.work.Wait() })
	return v, runs
}

// must ends the test with an error of its set-up.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func numbered(n int) (string, error) { return strconv.Itoa(n), nil }

func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// All who wait share one run, which goes on when the one who began it gives up.
func TestOneRunServesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, runs := countedValue(t, numbered)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if i == 0 {
					stop()
				} else {
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
				if p, err := v.Get(ctx); i > 0 && (err != nil || p.Text.Reveal() != "1") {
					t.Error(p, err)
				}
			})
		}
		all.Wait()
		time.Sleep(1000 * time.Hour)
		if _, err := v.Get(t.Context()); err != nil || runs.Load() != 1 {
			t.Errorf("%d runs, %v: a value of no known end is good until it is refused", runs.Load(), err)
		}
	})
}

// A JSON web token is used until shortly before it ends, also behind a scheme. One that
// has ended already is not printed anew for each request.
func TestValueIsUsedUntilItEnds(t *testing.T) {
	for name, c := range map[string]struct {
		claims string // %d is the time it was printed
		good   time.Duration
	}{
		"an hour":          {`{"iat":%d,"exp":%d}`, time.Hour - time.Minute},
		"without iat":      {`{"a":%d,"exp":%d}`, time.Hour - time.Minute},
		"ended":            {`{"iat":1,"exp":2,"a":[%d,%d]}`, minUse},
		"no end":           {`{"iat":%d,"a":%d}`, 1000 * time.Hour},
		"end is no number": {`{"iat":%d,"exp":"%d"}`, 1000 * time.Hour},
		"not JSON":         {`%d %d`, 1000 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, runs := countedValue(t, func(int) (string, error) {
					return "Bearer " + jwt(fmt.Sprintf(c.claims, time.Now().Unix(), time.Now().Add(time.Hour).Unix())), nil
				})
				begun := time.Now()
				for time.Since(begun) < c.good-5*time.Second {
					if _, err := v.Get(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(c.good / 20)
				}
				if runs.Load() != 1 {
					t.Errorf("%d runs before its end", runs.Load())
				}
				time.Sleep(c.good/5 + 5*time.Second)
				if _, err := v.Get(t.Context()); err != nil || (runs.Load() != 2) != (c.good > time.Hour) {
					t.Errorf("%d runs after its end, %v", runs.Load(), err)
				}
			})
		})
	}
}

// A refusal leads to one run for all whose value was refused. What was printed anew and
// is refused as well leads to no other soon; a value that was taken does.
func TestRefusalLeadsToOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, runs := countedValue(t, numbered)
		first, _ := v.Get(t.Context())
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if p, err := v.replace(t.Context(), first); err != nil || p.Text.Reveal() != "2" {
					t.Error(p, err)
				}
			})
		}
		all.Wait()
		second, _ := v.replace(t.Context(), first) // late
		if runs.Load() != 2 || second.Text.Reveal() != "2" {
			t.Fatalf("%d runs, %v", runs.Load(), second.Text.Reveal())
		}
		for range 1000 {
			if p, err := v.replace(t.Context(), second); err != nil || p != second {
				t.Fatal(p, err)
			}
		}
		if runs.Load() != 2 {
			t.Errorf("%d runs for a value that was never taken", runs.Load())
		}
		v.accepted(second)
		if third, err := v.replace(t.Context(), second); err != nil || third.Text.Reveal() != "3" {
			t.Error(third, err)
		}
	})
}

// A server that takes each value once, or refuses whatever comes, does not make the
// program run for each request.
func TestManyRefusalsLeadToFewRuns(t *testing.T) {
	for _, taken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			v, runs := countedValue(t, numbered)
			begun := time.Now()
			for time.Since(begun) < 10*time.Minute {
				p, err := v.Get(t.Context())
				must(t, err)
				if taken {
					v.accepted(p)
				}
				if _, err = v.replace(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if most := int32(10*time.Minute/perRefusal) + maxRefusals + 2; runs.Load() > most || runs.Load() < 10 {
				t.Errorf("%d runs in ten minutes, not at most %d", runs.Load(), most)
			}
		})
	}
}

// A failure is the answer to all who wait, and to those who come soon after; then the
// command is run again.
func TestFailureIsTheAnswerForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, runs := countedValue(t, func(n int) (string, error) {
			if n == 1 {
				return "", errors.New("not signed in")
			}
			return numbered(n)
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := v.Get(t.Context()); err == nil {
					t.Error("no error")
				}
			})
		}
		all.Wait()
		_, err := v.Get(t.Context())
		if runs.Load() != 1 || err == nil {
			t.Errorf("%d runs, %v", runs.Load(), err)
		}
		time.Sleep(afterFailure)
		if p, err := v.Get(t.Context()); err != nil || p.Text.Reveal() != "2" {
			t.Error(p, err)
		}
	})
}

func TestACommandLineIsSplitWithoutAShell(t *testing.T) {
	for _, c := range []struct {
		line  string
		words []string // everywhere but on Windows; nil for an error
		there []string // on Windows, where that is another
	}{
		{line: `op read op://vault/item`, words: []string{"op", "read", "op://vault/item"}},
		{line: "  op\tread \r\n x ", words: []string{"op", "read", "x"}},
		{line: `op read "op://my vault/item"`, words: []string{"op", "read", "op://my vault/item"}},
		{line: `op 'a b' "c d" e' 'f""`, words: []string{"op", "a b", "c d", "e f"}},
		{line: `op '' ""`, words: []string{"op", "", ""}},
		{line: `a "it's" 'say "x"'`, words: []string{"a", "it's", `say "x"`}},
		{line: `a '$HOME' $HOME ~ * b|c`, words: []string{"a", "$HOME", "$HOME", "~", "*", "b|c"}},
		{line: `a '|' "&&" \; https://x?a=1&b=2`, words: []string{"a", "|", "&&", ";", "https://x?a=1&b=2"}, there: []string{"a", "|", "&&", `\;`, "https://x?a=1&b=2"}},
		{line: `a b\ c \"d\" "e\"f\\g\h" 'i\j'`, words: []string{"a", "b c", `"d"`, `e"f\g\h`, `i\j`}},
		{line: `C:\tools\op.exe read`, words: []string{"C:toolsop.exe", "read"}, there: []string{`C:\tools\op.exe`, "read"}},
		{line: `"C:\Program Files\x\" \\server\share`, there: []string{`C:\Program Files\x\`, `\\server\share`}},
		{line: `'a\'`, words: []string{`a\`}},
		{line: `a\`, there: []string{`a\`}},
		{line: `schlüssel ключ "鍵 鍵"`, words: []string{"schlüssel", "ключ", "鍵 鍵"}},
		{line: ""},
		{line: " \n"},
		{line: `''`},
		{line: `"" a`},
		{line: `a 'b`},
		{line: `a "b`},
		{line: `a "b\"`, there: []string{"a", `b\`}},
		{line: "a\x00b"},
		{line: "a '\x00'"},
		{line: "a \x1b[2J"},
		{line: "a\x7f"},
		{line: "a \\\x00"},
		{line: "op read x | head"},
		{line: "a && b"},
		{line: "a >file"},
		{line: "a; b", words: []string{"a;", "b"}},
		{line: "a ; b"},
		{line: "a <b"},
		{line: "a `b`"},
		{line: "a $(b)"},
		{line: "a &"},
		{line: strings.Repeat("a", 1<<20)},
	} {
		for _, windows := range []bool{false, true} {
			want := c.words
			if windows && c.there != nil {
				want = c.there
			}
			if windows && c.there == nil && strings.Contains(c.line, `\`) && !strings.Contains(c.line, "'a\\'") {
				continue
			}
			got, err := splitLine(c.line, windows)
			if !slices.Equal(got, want) || (err == nil) != (want != nil) {
				t.Errorf("%.60q, Windows %v: %q, %v; want %q", c.line, windows, got, err, want)
			}
		}
	}
}

// Words that were put between quotation marks come back as they were, everywhere. No
// line makes a word with a control character that ends it elsewhere.
func FuzzSplitLine(f *testing.F) {
	for _, line := range []string{"", "a b", `a 'b c' "d"`, `a\ b`, `"\"\\"`, "a\x00", `C:\x`, "a | b", "'", `"`, "\xff\xfe", "a \u0085 b"} {
		f.Add(line, true)
		f.Add(line, false)
	}
	f.Fuzz(func(t *testing.T, line string, windows bool) {
		words, err := splitLine(line, windows)
		if err != nil {
			if words != nil {
				t.Fatalf("%q: words and an error: %q", line, words)
			}
			return
		}
		if len(words) == 0 || words[0] == "" {
			t.Fatalf("%q: no program", line)
		}
		var again []string
		total := 0
		for _, word := range words {
			total += len(word)
			if strings.ContainsAny(word, "\x00\x1b\x7f") {
				t.Fatalf("%q: %q", line, word)
			}
			switch {
			case !strings.Contains(word, "'"):
				word = "'" + word + "'"
			case windows:
				word = "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'"
			default:
				word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
			}
			again = append(again, word)
		}
		if total > len(line) {
			t.Fatalf("%q became longer: %q", line, words)
		}
		if back, err := splitLine(strings.Join(again, " "), windows); err != nil || !slices.Equal(back, words) {
			t.Fatalf("%q, quoted %q: %q, %v", words, again, back, err)
		}
	})
}
