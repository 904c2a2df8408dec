package hosts

import (
	"fmt"
	"slices"
	"strings"
)

// program is the name of a program without folder and the endings of Windows.
func program(word string) string {
	word = strings.ToLower(word[strings.LastIndexAny(word, `/\`)+1:])
	for _, ending := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		word = strings.TrimSuffix(word, ending)
	}
	return word
}

// isPackage reports whether a word names the package mcp-remote, in any version.
func isPackage(word string) bool {
	word = strings.TrimPrefix(word, "npm:")
	if repository, ok := strings.CutPrefix(word, "github:"); ok {
		repository, _, _ = strings.Cut(repository, "#")
		return repository == "geelen/mcp-remote" || repository == "punkpeye/mcp-remote"
	}
	name, _, _ := strings.Cut(word, "@")
	return name == "mcp-remote"
}

// mentions reports whether mcp-remote is started in some way, judged by the words
// in front of the first address.
func mentions(argv []string) bool {
	for _, word := range argv {
		front, _, isAddress := strings.Cut(word, "://")
		if strings.Contains(front, "mcp-remote") {
			return true
		}
		if isAddress {
			return false
		}
	}
	return false
}

// mcpRemote returns how many words of a command line start mcp-remote, or why
// they cannot be replaced by one.
func mcpRemote(argv []string) (words int, why string) {
	words, why = launcher(argv, 0)
	switch {
	case why != "":
		return 0, why
	case words >= len(argv):
		return 0, "it names no server"
	case slices.ContainsFunc(argv[words:], func(a string) bool { return strings.Contains(a, "host.docker.internal") }) && words > 1:
		return 0, "its address holds only inside a container"
	}
	return words, ""
}

const notRecognised = "how it starts mcp-remote is not recognised"

// runners are programs that fetch a package and run it, with the verb that
// makes them do so.
var runners = map[string][]string{
	"npx": nil, "bunx": nil, "pnpx": nil,
	"bun": {"x"}, "npm": {"exec", "x"}, "pnpm": {"dlx", "exec"}, "yarn": {"dlx", "exec"}, "deno": {"run"},
}

func launcher(argv []string, i int) (int, string) {
	if i >= len(argv) {
		return 0, notRecognised
	}
	name := program(argv[i])
	next := func(n int) string {
		if i+n < len(argv) {
			return argv[i+n]
		}
		return ""
	}
	verbs, isRunner := runners[name]
	switch {
	case isRunner && len(verbs) > 0 && !slices.Contains(verbs, next(1)):
		return 0, notRecognised
	case isRunner:
		return viaRunner(argv, i+1+min(len(verbs), 1))
	case name == "mcp-remote":
		return i + 1, ""
	case name == "cmd" && strings.EqualFold(next(1), "/c"):
		return launcher(argv, i+2)
	case name == "env" && !strings.Contains(next(1), "="):
		return launcher(argv, i+1)
	case name == "node" && strings.HasSuffix(strings.ReplaceAll(next(1), `\`, "/"), "/mcp-remote/dist/proxy.js"):
		return i + 2, ""
	case (name == "docker" || name == "podman") && next(1) == "run":
		return viaContainer(argv, i+2)
	}
	return 0, notRecognised
}

// options reads the options of a launcher from i on, and returns the place of the word
// behind them, or why it cannot. given is asked about each option with a value, and says
// why it cannot be dropped.
func options(argv []string, i int, whose string, isFlag func(word string) bool, withValue []string, given func(name, value string) (why string)) (int, string) {
	for ; i < len(argv); i++ {
		word := argv[i]
		name, value, joined := strings.Cut(word, "=")
		switch {
		case isFlag(word):
		case slices.Contains(withValue, name) && (joined || i+1 < len(argv)):
			if !joined {
				i++
				value = argv[i]
			}
			if why := given(name, value); why != "" {
				return 0, why
			}
		case strings.HasPrefix(word, "-"):
			return 0, fmt.Sprintf("the option %s of its %s is not recognised", name, whose)
		default:
			return i, ""
		}
	}
	return 0, notRecognised
}

// viaRunner reads the options of a runner, the package, and with -p its program.
func viaRunner(argv []string, i int) (int, string) {
	flags := []string{"-y", "--yes", "-q", "--quiet", "-s", "--silent", "--bun", "--prefer-online", "--prefer-offline", "--offline", "--ignore-existing", "-A", "--allow-all", "--"}
	withValue := []string{"-p", "--package", "--registry", "--cache", "--loglevel", "--userconfig"}
	isFlag := func(word string) bool { return slices.Contains(flags, word) || strings.HasPrefix(word, "--allow-") }
	wanted := false
	i, why := options(argv, i, "launcher", isFlag, withValue, func(name, value string) string {
		wanted = wanted || (name == "-p" || name == "--package") && isPackage(value)
		return ""
	})
	switch {
	case why != "":
		return 0, why
	case isPackage(argv[i]), wanted && argv[i] == "mcp-remote":
		return i + 1, ""
	}
	return 0, notRecognised
}

// viaContainer reads "docker run": only options that make no difference outside.
func viaContainer(argv []string, i int) (int, string) {
	flags := []string{"--rm", "-i", "-t", "-it", "-ti", "--interactive", "--tty", "--init"}
	withValue := []string{"-p", "--publish", "--name", "--network", "--net", "--pull", "--platform", "-e", "--env", "-v", "--volume"}
	i, why := options(argv, i, "container", func(word string) bool { return slices.Contains(flags, word) }, withValue, insideOnly)
	if why != "" {
		return 0, why
	}
	image, _, _ := strings.Cut(argv[i][strings.LastIndexByte(argv[i], '/')+1:], "@")
	if image, _, _ = strings.Cut(image, ":"); image == "mcp-remote" {
		return i + 1, ""
	}
	return launcher(argv, i+1)
}

// insideOnly says why a container's option cannot be dropped.
func insideOnly(name, value string) string {
	switch {
	case (name == "-e" || name == "--env") && strings.Contains(value, "="):
		return "it sets a variable on its command line; move it into the entry's environment first"
	case (name == "-v" || name == "--volume") && !strings.Contains(value, ".mcp-auth"):
		return "it mounts a folder into its container"
	case strings.HasPrefix(name, "--net") && value != "host" && value != "bridge":
		return "it runs in a network of its own"
	}
	return ""
}
