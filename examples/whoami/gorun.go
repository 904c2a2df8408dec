package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
)

// buildOfGoRun is the folder in which go run has built this program, "" if it was built
// otherwise or comes out of the go command's cache.
func buildOfGoRun() string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	exe := filepath.Dir(program) // go-build123/b001/exe
	folder := filepath.Dir(filepath.Dir(exe))
	number, found := strings.CutPrefix(filepath.Base(folder), "go-build")
	ours := found && number != "" && strings.Trim(number, "0123456789") == "" && filepath.Base(exe) == "exe"
	if !ours || filepath.Dir(folder) != filepath.Clean(cmp.Or(os.Getenv("GOTMPDIR"), os.TempDir())) {
		return ""
	}
	return folder
}

// removeBuild removes what go run has built, if that is no longer there to do so: a closed
// terminal ends it at once. parent was its process.
func removeBuild(parent int) {
	if folder := buildOfGoRun(); folder != "" && os.Getppid() != parent {
		_ = os.RemoveAll(folder)
	}
}
