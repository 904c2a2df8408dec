package hosts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// Trouble is why a host cannot start an entry of mcp-login, or may not start it soon.
type Trouble struct {
	// Text is for people, "" for none.
	Text string
	// Broken tells that the host cannot start it now.
	Broken bool
}

// Trouble looks at the command of an entry that runs mcp-login, with what stands in front of
// it (env, npx, cmd /c). A command that the host completes by itself, with a variable or a
// folder of its own, is not judged. A version from npm that is older than version is in
// trouble as well; "" compares nothing.
func (h Host) Trouble(s System, e Server, version string) Trouble {
	argv := e.argv()
	from, words, ok := own(argv)
	if !ok {
		return Trouble{}
	}
	if throughCmd(argv) != nil {
		return Trouble{"cmd.exe does not hand its arguments on as they are written", false}
	}
	for i := 0; i < words; i++ {
		if t := h.commandTrouble(s, argv[i]); t.Text != "" {
			return t
		}
		switch program(argv[i]) {
		case "env":
			i = max(i, from-1)
		case "cmd":
			i++ // its /c
		default:
			i = words
		}
	}
	if old := ownVersion(argv[:words]); old != "" && semver.Compare(old, version) < 0 && semver.IsValid(version) {
		return Trouble{"it starts mcp-login " + old + " from npm, older than this program", false}
	}
	return Trouble{}
}

// commandTrouble looks at one program that an entry starts.
func (h Host) commandTrouble(s System, command string) Trouble {
	bare := !strings.ContainsAny(command, `/\`)
	if strings.ContainsAny(command, "$%~{") || !bare && !filepath.IsAbs(command) {
		return Trouble{}
	}
	_, err := exec.LookPath(command)
	switch {
	case err != nil && bare:
		return Trouble{command + " is not on the PATH", true}
	case err != nil:
		return Trouble{command + " is missing, or is no program", true}
	case bare && program(command) == "mcp-login" && !h.InheritsPath && s.OS != "windows":
		return Trouble{command + " has no path, and " + h.Title + " may not have the PATH of your shell", false}
	case !bare && InCache(command):
		return Trouble{command + " lies in a cache or a temporary folder", false}
	}
	return Trouble{}
}

// runnerCaches are folders of what was run without an installation: by npx, bunx, pnpm dlx.
// caches are further ones that programs and systems empty by themselves. A name that ends in *
// is the beginning of one.
var (
	runnerCaches = []string{"_npx", "bunx-*", "dlx", "dlx-*"}
	caches       = []string{"go-build*", ".cache", "caches", "apptranslocation"}
)

// InCache reports whether a program lies where it may be removed without a person doing so.
func InCache(program string) bool {
	folders, temporary := foldersOf(filepath.Dir(program)), []string{os.TempDir()}
	if resolved, err := filepath.EvalSymlinks(os.TempDir()); err == nil {
		temporary = append(temporary, resolved)
	}
	for _, folder := range temporary {
		temp := foldersOf(folder)
		if len(temp) > 0 && len(folders) >= len(temp) && slices.Equal(folders[:len(temp)], temp) {
			return true
		}
	}
	return inFolder(program, runnerCaches) || inFolder(program, caches)
}

// foldersOf are the names in a path, in small letters.
func foldersOf(path string) []string {
	return strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return r == '/' || r == '\\' })
}

// inFolder reports whether a program lies in a folder with one of the names.
func inFolder(program string, names []string) bool {
	return slices.ContainsFunc(foldersOf(filepath.Dir(program)), func(folder string) bool {
		return slices.ContainsFunc(names, func(cache string) bool {
			beginning, isPrefix := strings.CutSuffix(cache, "*")
			return folder == cache || isPrefix && strings.HasPrefix(folder, beginning)
		})
	})
}
