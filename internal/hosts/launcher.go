package hosts

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// program is the name of a program without folder and the endings of Windows.
func program(word string) string {
	word = strings.ToLower(word[strings.LastIndexAny(word, `/\`)+1:])
	for _, ending := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		word = strings.TrimSuffix(word, ending)
	}
	return word
}

// started is a program with the names that it is started by.
type started struct {
	name         string   // of the program, its package and its image
	repositories []string // on GitHub
	script       string   // what Node runs
}

var (
	mcpRemoteProgram = started{"mcp-remote", []string{"geelen/mcp-remote", "punkpeye/mcp-remote"}, "/mcp-remote/dist/proxy.js"}
	ownProgram       = started{"mcp-login", nil, "/mcp-login/bin/mcp-login.js"}
)

// isPackage reports whether a word names the package of the program, in any version.
func (p started) isPackage(word string) bool {
	word = strings.TrimPrefix(word, "npm:")
	if repository, ok := strings.CutPrefix(word, "github:"); ok {
		repository, _, _ = strings.Cut(repository, "#")
		return slices.Contains(p.repositories, repository)
	}
	name, _, _ := strings.Cut(word, "@")
	return name == p.name
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
	words, why = mcpRemoteProgram.launcher(argv, 0)
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

// own returns how many words of a command line start mcp-login; ok tells whether any do.
// from is the word that does so, behind env with variables.
func own(argv []string) (from, words int, ok bool) {
	if len(argv) > 2 && program(argv[0]) == "env" && strings.Contains(argv[1], "=") {
		for from = 1; from < len(argv)-1 && strings.Contains(argv[from], "="); from++ {
		}
	}
	words, why := ownProgram.launcher(argv, from)
	return from, words, why == ""
}

// Starts are the words of the command line that start mcp-login, fit to be shown: the address
// of a registry may hold a password.
func (s Server) Starts() string {
	argv := s.argv()
	if from, words, ok := own(argv); ok {
		argv = argv[from:words]
	}
	for i, word := range argv {
		if strings.Contains(word, "://") {
			argv[i] = "…"
		}
	}
	return strings.Join(argv, " ")
}

// ownVersion is the version of its package that a command line of mcp-login asks for, "" for
// none or a tag.
func ownVersion(launcher []string) string {
	for _, word := range launcher {
		_, version, named := strings.Cut(strings.TrimPrefix(word, "npm:"), "mcp-login@")
		if v := "v" + version; named && semver.IsValid(v) {
			return v
		}
	}
	return ""
}

const notRecognised = "how it starts mcp-remote is not recognised"

// runners are programs that fetch a package and run it, with the verb that
// makes them do so.
var runners = map[string][]string{
	"npx": nil, "bunx": nil, "pnpx": nil,
	"bun": {"x"}, "npm": {"exec", "x"}, "pnpm": {"dlx", "exec"}, "yarn": {"dlx", "exec"}, "deno": {"run"},
}

// launcher returns the place of the word behind those that start the program, from i on, or
// why that is not known.
func (p started) launcher(argv []string, i int) (int, string) {
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
		return p.viaRunner(argv, i+1+min(len(verbs), 1))
	case name == p.name:
		return i + 1, ""
	case name == "cmd" && strings.EqualFold(next(1), "/c"):
		return p.launcher(argv, i+2)
	case name == "env" && !strings.Contains(next(1), "="):
		return p.launcher(argv, i+1)
	case name == "node" && strings.HasSuffix(strings.ReplaceAll(next(1), `\`, "/"), p.script):
		return i + 2, ""
	case isEngine(name) && next(1) == "run":
		return p.viaContainer(argv, i+2)
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
func (p started) viaRunner(argv []string, i int) (int, string) {
	flags := []string{"-y", "--yes", "-q", "--quiet", "-s", "--silent", "--bun", "--prefer-online", "--prefer-offline", "--offline", "--ignore-existing", "-A", "--allow-all", "--"}
	withValue := []string{"-p", "--package", "--registry", "--cache", "--loglevel", "--userconfig"}
	isFlag := func(word string) bool { return slices.Contains(flags, word) || strings.HasPrefix(word, "--allow-") }
	wanted := false
	i, why := options(argv, i, "launcher", isFlag, withValue, func(name, value string) string {
		wanted = wanted || (name == "-p" || name == "--package") && p.isPackage(value)
		return ""
	})
	switch {
	case why != "":
		return 0, why
	case p.isPackage(argv[i]), wanted && argv[i] == p.name:
		return i + 1, ""
	}
	return 0, notRecognised
}

// viaContainer reads "docker run": only options that make no difference outside.
func (p started) viaContainer(argv []string, i int) (int, string) {
	isFlag := func(word string) bool { return slices.Contains(containerFlags, word) }
	i, why := options(argv, i, "container", isFlag, containerValues, insideOnly)
	if why != "" {
		return 0, why
	}
	if image(argv[i]) == p.name {
		return i + 1, ""
	}
	return p.launcher(argv, i+1)
}

// The options of "docker run" that are known, and those of them that have a value.
var (
	containerFlags  = []string{"--rm", "-i", "-t", "-it", "-ti", "--interactive", "--tty", "--init"}
	containerValues = []string{"-p", "--publish", "--name", "--network", "--net", "--pull", "--platform", "-e", "--env", "-v", "--volume"}
	// Those that are only read past, see Server.RunsImage.
	furtherFlags  = []string{"--read-only", "--privileged", "--no-healthcheck"}
	furtherValues = []string{"-u", "--user", "--userns", "--ulimit", "--cap-drop", "--cap-add", "--security-opt", "--mount", "--tmpfs", "--env-file", "-m", "--memory", "-w", "--workdir", "-l", "--label", "-h", "--hostname", "--add-host"}
)

// image is the name of a container's image, without its registry, tag and digest.
func image(word string) string {
	name, _, _ := strings.Cut(word[strings.LastIndexByte(word, '/')+1:], "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// RunsImage reports whether the server is mcp-login in a container of its own. That is no
// [KindOwn]: it keeps its logins there, and no other program can take its place.
func (s Server) RunsImage() bool {
	argv := s.argv()
	if !isEngine(argv[0]) || len(argv) < 2 || argv[1] != "run" {
		return false
	}
	isFlag := func(word string) bool { return slices.Contains(slices.Concat(containerFlags, furtherFlags), word) }
	i, why := options(argv, 2, "container", isFlag, slices.Concat(containerValues, furtherValues), func(string, string) string { return "" })
	return why == "" && image(argv[i]) == ownProgram.name
}

// InContainer reports whether a server of mcp-login runs in a container, with logins of its own.
func (s Server) InContainer() bool {
	argv := s.argv()
	from, words, ok := own(argv)
	return s.RunsImage() || ok && slices.ContainsFunc(argv[from:words], isEngine)
}

// Mentions reports whether a word in front of the first address names mcp-login as a program, a
// package or an image, in whatever way it is started.
func (s Server) Mentions() bool {
	for _, word := range s.argv() {
		front, _, isAddress := strings.Cut(word, "://")
		named := strings.FieldsFunc(front, func(r rune) bool { return strings.ContainsRune(" \t\n;&|()'\"=", r) })
		if slices.ContainsFunc(named, func(word string) bool { return image(program(word)) == ownProgram.name }) {
			return true
		}
		if isAddress {
			return false
		}
	}
	return false
}

// isEngine reports whether a word names a program that runs containers.
func isEngine(word string) bool { return slices.Contains([]string{"docker", "podman"}, program(word)) }

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
