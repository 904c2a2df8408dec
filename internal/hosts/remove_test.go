package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// others are the servers of a file that do not run mcp-login.
func others(t *testing.T, h Host, data []byte) []Server {
	t.Helper()
	all, err := h.List(data)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s Server) bool { return s.Kind() == KindOwn })
}

func equalServers(a, b []Server) bool {
	return slices.EqualFunc(a, b, func(a, b Server) bool {
		return a.Name == b.Name && a.Command == b.Command && a.URL == b.URL && slices.Equal(a.Args, b.Args) && slices.Equal(a.Group, b.Group)
	})
}

// From every file of the corpus all servers that run mcp-login are taken out, those of
// projects included, and no other.
func TestRemoveOwnTakesAllOfThem(t *testing.T) {
	inProjects := 0
	for file, h := range corpus(t) {
		data, _, err := h.Rewrite(read(t, file), []string{"mcp-login"}, func([]string) string { return "" })
		if err != nil && !errors.Is(err, ErrLayout) {
			t.Fatalf("%s: %v", file, err)
		} else if err != nil {
			data = read(t, file)
		}
		if with, err := h.Set(data, sample, false); err == nil {
			data = with
		}
		all, _ := h.List(data)
		kept := others(t, h, data)
		out, gone, err := h.RemoveOwn(data)
		if errors.Is(err, ErrLayout) && filepath.Base(file) == "codex.inline.toml" {
			continue // no tables: each of the editing functions refuses it
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(gone)+len(kept) != len(all) || !equalServers(others(t, h, out), kept) {
			t.Errorf("%s: %d of %d are gone, and %d were others", file, len(gone), len(all), len(kept))
		}
		for _, s := range gone {
			if len(s.Group) > 0 {
				inProjects++
			}
		}
		again, gone, err := h.RemoveOwn(out)
		if err != nil || len(gone) > 0 || string(again) != string(out) {
			t.Errorf("%s: once more: %v, %v", file, gone, err)
		}
	}
	if inProjects == 0 {
		t.Error("no server of a project in the corpus")
	}
}

// One that cannot be taken out keeps no other from it: here two have one name, and it is
// not clear which is meant.
func TestRemoveOwnGoesOn(t *testing.T) {
	h, _ := Find("continue")
	data := []byte("mcpServers:\n  - name: same\n    command: other\n  - name: same\n    command: mcp-login\n    args: [https://a.example/mcp]\n  - name: own\n    command: mcp-login\n    args: [https://b.example/mcp]\n")
	out, gone, err := h.RemoveOwn(data)
	if len(gone) != 1 || gone[0].Name != "own" || !errors.Is(err, ErrLayout) {
		t.Errorf("%v, %v", gone, err)
	}
	if left, _ := h.List(out); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if _, _, err := h.RemoveOwn([]byte("{")); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

// The copies beside a file are those of ours, also when the file is gone.
func TestBackupsAreOurs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	var want []string
	for i, text := range []string{"1", "2", "3"} {
		change, err := Plan(path, func([]byte) ([]byte, error) { return []byte(text), nil })
		if err != nil {
			t.Fatal(err)
		}
		backup, err := change.Write(time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		if backup != "" {
			want = append(want, backup)
		}
	}
	for _, name := range []string{"mcp.json.bak", "mcp.json.2026.bak", "other.json.20260101T000000.000Z.bak"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := Backups(path); len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
