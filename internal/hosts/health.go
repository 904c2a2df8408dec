package hosts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Trouble is why a host cannot start an entry of mcp-login, or may not start it soon.
type Trouble struct {
	// Text is for people, "" for none.
	Text string
	// Broken tells that the host cannot start it now.
	Broken bool
}

// Trouble looks at the command of an entry that runs mcp-login. A command that the host
// completes by itself, with a variable or a folder of its own, is not judged.
func (h Host) Trouble(s System, e Server) Trouble {
	command := e.Command
	bare := !strings.ContainsAny(command, `/\`)
	switch {
	case e.Kind() != KindOwn, strings.ContainsAny(command, "$%~{"), !bare && !filepath.IsAbs(command):
		return Trouble{}
	}
	_, err := exec.LookPath(command)
	switch {
	case err != nil && bare:
		return Trouble{command + " is not on the PATH", true}
	case err != nil:
		return Trouble{command + " is missing, or is no program", true}
	case bare && !h.InheritsPath && s.OS != "windows":
		return Trouble{command + " has no path, and " + h.Title + " may not have the PATH of your shell", false}
	case !bare && InCache(command):
		return Trouble{command + " lies in a cache or a temporary folder", false}
	}
	return Trouble{}
}

// caches are folders that programs and systems empty by themselves: of npx, bunx, pnpm dlx,
// go run, and those of the system. A name that ends in * is the beginning of one.
var caches = []string{"_npx", "bunx-*", "dlx", "dlx-*", "go-build*", ".cache", "caches", "apptranslocation"}

// InCache reports whether a program lies where it may be removed without a person doing so.
func InCache(program string) bool {
	split := func(path string) []string {
		return strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return r == '/' || r == '\\' })
	}
	folders, temporary := split(filepath.Dir(program)), []string{os.TempDir()}
	if resolved, err := filepath.EvalSymlinks(os.TempDir()); err == nil {
		temporary = append(temporary, resolved)
	}
	for _, folder := range temporary {
		temp := split(folder)
		if len(temp) > 0 && len(folders) >= len(temp) && slices.Equal(folders[:len(temp)], temp) {
			return true
		}
	}
	return slices.ContainsFunc(folders, func(folder string) bool {
		return slices.ContainsFunc(caches, func(cache string) bool {
			beginning, isPrefix := strings.CutSuffix(cache, "*")
			return folder == cache || isPrefix && strings.HasPrefix(folder, beginning)
		})
	})
}
