package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// file is what is written, beside go.mod.
const file = "THIRD_PARTY_NOTICES.txt"

func main() {
	check := flag.Bool("check", false, "write nothing, fail if the file is not up to date")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	root, err := goCommand(".", nil, "env", "GOMOD")
	if err != nil {
		return err
	}
	dir := filepath.Dir(strings.TrimSpace(string(root)))
	text, err := notices(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, file)
	if !check {
		return os.WriteFile(path, text, 0o644)
	}
	kept, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(bytes.ReplaceAll(kept, []byte("\r\n"), []byte("\n")), text) {
		err = errors.New("it is not what the programs link now")
	}
	if err != nil {
		return fmt.Errorf("%s: %w; run go run ./test/notices", file, err)
	}
	return nil
}

// module is one that a program links.
type module struct{ Path, Version, Dir string }

// notices is the text for the project in dir.
func notices(dir string) ([]byte, error) {
	all := map[string]module{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			if err := linked(dir, system, arch, all); err != nil {
				return nil, err
			}
		}
	}
	var out bytes.Buffer
	out.WriteString("mcp-login and whoami-server contain the Go standard library, whose licence is that of\ngolang.org/x/sys, and the modules below. Written by go run ./test/notices; do not edit.\n")
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if err := add(&out, all[path]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// linked adds the modules of the programs as built for one system.
func linked(dir, system, arch string, all map[string]module) error {
	out, err := goCommand(dir, []string{"GOOS=" + system, "GOARCH=" + arch, "CGO_ENABLED=0"}, "list", "-deps", "-json=Module", "./cmd/mcp-login", "./cmd/whoami-server")
	if err != nil {
		return err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				Path, Version, Dir string
				Main               bool
				Replace            *module
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what go list says: %w", err)
		}
		if m := p.Module; m != nil && !m.Main {
			all[m.Path] = module{m.Path, m.Version, m.Dir}
		}
	}
}

// add writes the texts of one module: those files at its root whose names say that
// they are a licence or a notice.
func add(out *bytes.Buffer, m module) error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	licensed := false
	for _, e := range entries {
		name := strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".txt"), ".md"))
		licence := strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING")
		if e.IsDir() || !licence && name != "NOTICE" && name != "PATENTS" {
			continue
		}
		licensed = licensed || licence
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		rule := strings.Repeat("=", 80)
		text = bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		fmt.Fprintf(out, "\n%s\n%s %s: %s\n%s\n\n%s\n", rule, m.Path, m.Version, e.Name(), rule, text)
	}
	if !licensed {
		return fmt.Errorf("%s has no licence at its root", m.Path)
	}
	return nil
}

func goCommand(dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, &said)
	}
	return out, nil
}
