package owner

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

// write makes a repository with nothing but packaging/publisher in it.
func write(t *testing.T, text string) (root string) {
	t.Helper()
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "packaging"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "packaging", "publisher"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// owned is the repository's own file with an owner, or without one.
func owned(t *testing.T, owner string) (root string) {
	t.Helper()
	text, err := os.ReadFile("../publisher")
	if err != nil {
		t.Fatal(err)
	}
	return write(t, regexp.MustCompile(`(?m)^OWNER=.*$`).ReplaceAllString(string(text), "OWNER="+owner))
}

// Bash and Go read the same out of the file, with and without an owner.
func TestReadsWhatBashReads(t *testing.T) {
	bash := "bash"
	if runtime.GOOS == "windows" { // what is called bash there may be another system's
		bash = ""
	}
	for _, owner := range []string{"", "SomeOne"} {
		root := owned(t, owner)
		p, err := Read(root)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.values) < 10 || p.Get("OWNER") != owner || p.Published() != (owner != "") {
			t.Errorf("%q: %v", owner, p.values)
		}
		for key, value := range p.values {
			if bash == "" {
				break
			}
			cmd := exec.Command(bash, "-euc", `. packaging/publisher; printf %s "$`+key+`"`)
			cmd.Dir = root
			if said, err := cmd.CombinedOutput(); err != nil || string(said) != value {
				t.Errorf("%s is %q for bash (%v), %q for Go", key, said, err, value)
			}
		}
	}
}

// A line that bash takes otherwise than Go is refused.
func TestRefusesWhatItDoesNotRead(t *testing.T) {
	for _, bad := range []string{"A=$(date)", `A="$HOME"`, "A=`date`", `A="a\"b"`, "A=b c", "export A=b", "A='b'", "A"} {
		if p, err := Read(write(t, "OWNER=\n"+bad+"\n")); err == nil {
			t.Errorf("%s: %v", bad, p.values)
		}
	}
}
