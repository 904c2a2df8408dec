package hosts

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

var sample = Server{Name: "new one", Command: `C:\Program Files\mcp-login.exe`, Args: []string{"https://example.com/mcp?a=1&b=<2>", "--header", `X: "é" # ${KEY}`}}

// corpus returns the real-shaped files of testdata/corpus with their hosts. A
// file is named after its host.
func corpus(t testing.TB) map[string]Host {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.*")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := map[string]Host{}
	for _, file := range files {
		if strings.HasSuffix(file, ".want") || strings.HasSuffix(file, ".added") {
			continue
		}
		id, _, _ := strings.Cut(filepath.Base(file), ".")
		c, ok := Find(id)
		if !ok {
			t.Fatalf("%s belongs to no host", file)
		}
		all[file] = c
	}
	return all
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Adding a server touches nothing else; adding it twice is adding it once; it is listed as
// it was given. That removing it gives the file back shows TestBytesOutsideTheEntryStay.
// Every host has a file there: one that is only in the table was never tried.
func TestSetChangesOneEntry(t *testing.T) {
	files := corpus(t)
	for _, h := range All {
		if found, _ := filepath.Glob("testdata/corpus/" + h.ID + ".*"); len(found) == 0 {
			t.Errorf("testdata/corpus has no file of %s", h.ID)
		}
	}
	for file, c := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data := read(t, file)
			before, err := c.List(data)
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.Set(data, sample, false)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file+".added", out)
			after, err := c.List(out)
			if err != nil || len(after) != len(before)+1 || !has(after, sample) {
				t.Fatalf("%v: %+v", err, after)
			}
			if !isSupersequence(out, data) && len(before) > 0 {
				t.Errorf("bytes were lost:\n%s", out)
			}
			again, err := c.Set(out, sample, false)
			if err != nil || !bytes.Equal(again, out) {
				t.Errorf("not idempotent: %v", err)
			}
			other := sample
			other.Args = []string{"https://example.org/"}
			replaced, err := c.Set(out, other, true)
			if after, _ := c.List(replaced); err != nil || !has(after, other) || has(after, sample) {
				t.Errorf("not replaced: %v", err)
			}
			if _, err := c.Set(out, other, false); err == nil {
				t.Error("another server was replaced without being asked")
			}
		})
	}
}

// Every server of the corpus can be taken out, or is refused; what is left reads
// the same.
func TestRemoveChangesOneEntry(t *testing.T) {
	for file, c := range corpus(t) {
		data := read(t, file)
		before, err := c.List(data)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range before {
			if len(s.Group) > 0 {
				continue
			}
			out, err := c.Remove(data, s.Name)
			if err != nil {
				if !strings.Contains(file, "codex.inline") {
					t.Errorf("%s: %s: %v", file, s.Name, err)
				}
				continue
			}
			after, err := c.List(out)
			if want := slices.Delete(slices.Clone(before), i, i+1); err != nil || !slices.EqualFunc(after, want, same) {
				t.Errorf("%s: %s: %v\n%s", file, s.Name, err, out)
			}
		}
	}
}

// Entries of mcp-remote in all their forms are rewritten in place, and nothing else, as
// the golden files show. Rewriting again changes nothing.
func TestRewriteChangesOnlyMCPRemote(t *testing.T) {
	for file, c := range corpus(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data := read(t, file)
			out, all, err := c.Rewrite(data, []string{"mcp-login"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) == 0 {
				if !bytes.Equal(out, data) {
					t.Error("changed without a reason")
				}
				return
			}
			golden(t, file+".want", out)
			if !isSupersequence(data, bytes.ReplaceAll(c.withoutLimits(out, all), []byte("mcp-login"), nil)) {
				t.Error("something was added")
			}
			again, rest, err := c.Rewrite(out, []string{"mcp-login"}, nil)
			if err != nil || !bytes.Equal(again, out) || slices.ContainsFunc(rest, func(r Rewriting) bool { return r.Skipped == "" }) {
				t.Errorf("a second time: %v, %+v", err, rest)
			}
			words := []string{"npx", "-y", "mcp-login@1.2.3"}
			switch asPackage, same, err := c.Rewrite(data, words, nil); {
			case err != nil || !slices.EqualFunc(all, same, func(a, b Rewriting) bool { return a.Skipped == b.Skipped }):
				t.Errorf("as a package: %v, %+v", err, same)
			default:
				servers, _ := c.List(asPackage)
				started, skipped := 0, 0
				for i, s := range servers {
					if s.Starts() == strings.Join(words, " ") && s.Kind() == KindOwn {
						started++
					}
					if i < len(all) && all[i].Skipped != "" {
						skipped++
					}
				}
				if started == 0 || started != len(all)-skipped {
					t.Errorf("as a package: %d of %d entries\n%s", started, len(all), asPackage)
				}
			}
		})
	}
}

// withoutLimits takes out what a rewriting says that it has added.
func (h Host) withoutLimits(data []byte, all []Rewriting) []byte {
	if !slices.ContainsFunc(all, func(r Rewriting) bool { return r.Added != "" }) {
		return data
	}
	for _, flag := range h.Flags {
		data = bytes.ReplaceAll(data, []byte(`, "`+flag+`"`), nil)
	}
	limit := regexp.MustCompile(fmt.Sprintf(`,?\s*"?%s"?(:| =) %v`, h.startTimeout.name, h.startTimeout.value))
	return limit.ReplaceAll(data, nil)
}

// A rewritten entry gets the time limit that a new entry has, and keeps one that somebody
// has set.
func TestRewriteSetsTheTimeLimit(t *testing.T) {
	remote := Server{Name: "n", Command: "npx", Args: []string{"mcp-remote", "https://example.com/mcp"}}
	for _, c := range All {
		bare := c
		bare.startTimeout, bare.Flags = field{}, nil
		was, err := bare.Snippet(remote)
		if err != nil {
			t.Fatal(err)
		}
		for limit, data := range map[string][]byte{c.startTimeout.name: was, "": nil} {
			host := c
			if limit == "" { // a person has set it
				host.startTimeout.value = 7
				if data, err = host.Snippet(remote); err != nil {
					t.Fatal(err)
				}
			}
			out, all, err := c.Rewrite(data, []string{"mcp-login"}, nil)
			if err != nil || len(all) != 1 || all[0].Added != limit {
				t.Fatalf("%s: %v, %+v\n%s", c.ID, err, all, out)
			}
			want := Server{Name: "n", Command: "mcp-login", Args: remote.Args[1:]}
			if limit != "" {
				want = c.Entry("n", []string{"mcp-login"}, remote.Args[1], nil)
			}
			if got, err := c.List(out); err != nil || !has(got, want) {
				t.Errorf("%s: %v, %+v", c.ID, err, got)
			}
			if fresh, _ := c.Snippet(want); limit != "" && len(fresh) != len(out) {
				t.Errorf("%s: not what config writes:\n%s", c.ID, out)
			}
		}
	}
}

// golden compares with a file, which -update writes.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, file); !bytes.Equal(got, want) {
		t.Errorf("not %s:\n%s", file, got)
	}
}

func has(all []Server, s Server) bool {
	return slices.ContainsFunc(all, func(x Server) bool { return same(x, s) })
}

func same(a, b Server) bool {
	return a.Name == b.Name && a.Command == b.Command && slices.Equal(a.Args, b.Args) && a.URL == b.URL && slices.Equal(a.Group, b.Group)
}

// isSupersequence reports whether all bytes of part are in whole, in their order.
func isSupersequence(whole, part []byte) bool {
	i := 0
	for _, b := range whole {
		if i < len(part) && part[i] == b {
			i++
		}
	}
	return i == len(part)
}
