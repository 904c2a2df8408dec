package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	realpart "mcp-login/test/real"
)

var now = time.Date(2026, 11, 23, 1, 2, 3, 4e6, time.UTC)

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A write keeps the old content beside the file, for its owner only: it may hold
// secrets. The file keeps its permissions, and nothing else is left behind.
func TestWriteKeepsACopy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	put(t, path, "old", 0o640)
	backup, err := write(path, []byte("old"), []byte("new"), now)
	if err != nil || content(t, path) != "new" || content(t, backup) != "old" {
		t.Fatalf("%v", err)
	}
	if backup != path+".20261123T010203.004Z.bak" {
		t.Errorf("%s", backup)
	}
	for file, mode := range map[string]os.FileMode{path: 0o640, backup: 0o600} {
		if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%v", files)
	}
}

// Copies do not pile up: the first, from before all changes, and the last stay, and what
// others keep under similar names.
func TestTheFirstAndTheLastCopyStay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	others := []string{"mcp.json.bak", "mcp.json.20261123.bak", "other.json.20261123T010203.004Z.bak", "mcp.json.20261123T010203.005Z.bak.old", "mcp.json.20261123T010203.005Z"}
	for _, name := range others {
		put(t, filepath.Join(dir, name), name, 0o644)
	}
	put(t, path, "0", 0o644)
	first := path + "." + now.Format(backupTime) + ".bak"
	for i, text := range []string{"1", "2", "3", "4"} {
		backup, err := write(path, []byte(content(t, path)), []byte(text), now.Add(time.Duration(i)*time.Second))
		if err != nil || content(t, backup) != string('0'+rune(i)) {
			t.Fatalf("%s: %v", backup, err)
		}
		if i == 0 && os.Chmod(first, 0o644) != nil { // by an earlier release
			t.Fatal("chmod")
		}
		if files, _ := os.ReadDir(dir); len(files) != 1+len(others)+min(i+1, 2) {
			t.Errorf("%v", files)
		}
	}
	if info, err := os.Stat(first); err != nil || content(t, first) != "0" || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the first copy: %v", err)
	}
	for _, name := range others {
		if content(t, filepath.Join(dir, name)) != name {
			t.Errorf("%s is not as it was", name)
		}
	}
}

// A clock that was set back takes nothing away: the copy that was just made stays, and of
// those that seem later the first.
func TestTheNewCopyStaysBesideLaterOnes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	put(t, path, "old", 0o600)
	later := func(d time.Duration) string { return path + "." + now.Add(d).Format(backupTime) + ".bak" }
	for _, d := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour} {
		put(t, later(d), d.String(), 0o600)
	}
	backup, err := write(path, []byte("old"), []byte("new"), now)
	if err != nil || content(t, backup) != "old" || content(t, later(time.Hour)) != time.Hour.String() {
		t.Errorf("%s, %v", backup, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 3 {
		t.Errorf("%v", files)
	}
}

// A file that changed since it was read is not overwritten, nor is one that
// appeared or vanished meanwhile.
func TestWriteLeavesAChangedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	if _, err := write(path, []byte("read"), []byte("new"), now); !errors.Is(err, errChanged) {
		t.Errorf("vanished: %v", err)
	}
	put(t, path, "theirs", 0o600)
	for _, old := range []string{"", "read"} {
		if _, err := write(path, []byte(old), []byte("new"), now); !errors.Is(err, errChanged) {
			t.Errorf("%q: %v", old, err)
		}
	}
	if files, _ := os.ReadDir(dir); content(t, path) != "theirs" || len(files) != 1 {
		t.Errorf("%v", files)
	}
}

// A new file is its owner's only, with the folders on the way.
func TestWriteMakesPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "mcp.json")
	if backup, err := write(path, nil, []byte("new"), now); err != nil || backup != "" || content(t, path) != "new" {
		t.Fatalf("%q, %v", backup, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for file, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v", file, info.Mode())
		}
	}
}

// A link stays one, and what it leads to is replaced: people keep these files
// with their other dotfiles.
func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	real, link, dangling := filepath.Join(dir, "dotfiles.json"), filepath.Join(dir, "mcp.json"), filepath.Join(dir, "dangling.json")
	put(t, real, "old", 0o644)
	if err := os.Symlink("dotfiles.json", link); err != nil {
		realpart.Missing(t, "symbolic links: "+err.Error(), "run it as a user who may make them")
	}
	backup, err := write(link, []byte("old"), []byte("new"), now)
	if err != nil || content(t, real) != "new" || !strings.HasSuffix(filepath.Dir(backup), filepath.Base(dir)) {
		t.Fatalf("%s, %v", backup, err)
	}
	if to, err := os.Readlink(link); err != nil || to != "dotfiles.json" {
		t.Errorf("%s, %v", to, err)
	}
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := write(dangling, nil, []byte("new"), now); err == nil {
		t.Error("wrote through a link that leads nowhere")
	}
}

// What its owner has protected stays, and so does what is no file.
func TestWriteRefusesWhatIsProtected(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	put(t, path, "old", 0o400)
	if os.Geteuid() != 0 {
		if _, err := write(path, []byte("old"), []byte("new"), now); err == nil || content(t, path) != "old" {
			t.Errorf("a read-only file: %v", err)
		}
	}
	if _, err := write(dir, nil, []byte("new"), now); err == nil {
		t.Error("a folder was replaced")
	}
	if _, err := Read(dir); err == nil {
		t.Error("a folder was read")
	}
	if data, err := Read(filepath.Join(dir, "none")); err != nil || data != nil {
		t.Errorf("%q, %v", data, err)
	}
}
