package build

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"mcp-login/internal/hint"
)

// Channel is the way by which a program was installed.
type Channel string

// The channels.
const (
	NPM       Channel = "npm"  // npm install --global
	NPX       Channel = "npx"  // run without an installation
	Copy      Channel = "copy" // made by config --copy
	Container Channel = "container"
	MCPB      Channel = "mcpb" // a bundle of Claude Desktop
	Deb       Channel = "deb"
	RPM       Channel = "rpm"
	APK       Channel = "apk"
	Arch      Channel = "arch"
	AUR       Channel = "aur" // mcp-login-bin, which is another package than that of Arch
	Homebrew  Channel = "homebrew"
	Script    Channel = "install.sh"
	Scoop     Channel = "scoop"
	Winget    Channel = "winget"
	Archive   Channel = "archive"
	Go        Channel = "go"     // go install MODULE@VERSION
	Source    Channel = "source" // built in a clone
)

// ChannelVariable is the variable by which npm's wrapper, an image and a bundle say what
// they are.
const ChannelVariable = "MCP_LOGIN_CHANNEL"

// inVariable and inFile are the channels that are told so.
var (
	inVariable = []Channel{NPM, NPX, Container, MCPB}
	inFile     = []Channel{Copy, Deb, RPM, APK, Arch, AUR, Homebrew, Script}
)

// ChannelOf is the channel that this program, mcp-login or whoami-server, came by. It
// looks at the disk.
func ChannelOf(name string, getenv func(string) string) Channel {
	if !Official() {
		info, _ := debug.ReadBuildInfo()
		return unofficial(info)
	}
	self, err := os.Executable()
	if err == nil {
		if resolved, err := filepath.EvalSymlinks(self); err == nil {
			self = resolved
		}
	}
	return official(name, self, getenv)
}

// unofficial tells what go install has fetched, which has a checksum, from what was built
// in a clone.
func unofficial(info *debug.BuildInfo) Channel {
	if info != nil && info.Main.Sum != "" {
		return Go
	}
	return Source
}

// official is the channel of the official program of this name at a path.
func official(name, path string, getenv func(string) string) Channel {
	if said := Channel(getenv(ChannelVariable)); slices.Contains(inVariable, said) {
		return said
	}
	return InPlace(name, path)
}

// InPlace is the channel of the official program of this name at a path, as far as its place
// tells it.
func InPlace(name, path string) Channel {
	file, err := os.ReadFile(ChannelFile(name, path))
	if said := Channel(strings.TrimSpace(string(file))); err == nil && slices.Contains(inFile, said) {
		return said
	}
	folders := foldersOf(path)
	switch {
	case strings.Contains(folders, "/scoop/apps/"):
		return Scoop
	case strings.Contains(folders, "/winget/packages/"):
		return Winget
	}
	return Archive
}

// foldersOf is a path in small letters and with slashes alone.
func foldersOf(path string) string { return strings.ToLower(strings.ReplaceAll(path, `\`, "/")) }

// ChannelFile is where a package or a script says how it installed the program of this
// name at a path: in one word.
func ChannelFile(name, path string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(path)), "share", name, "channel")
}

// Upgrade says how to get the newest release by the channel, of a program at a path: a line
// to copy where there is one. Without a path it is for the usual place.
func (c Channel) Upgrade(path string) string {
	if unpublished() {
		return "there is no release yet"
	}
	owner, repository := publisher()
	page := "https://github.com/" + owner + "/" + repository + "/releases/latest"
	file := "mcp-login_" + runtime.GOARCH
	switch c {
	case NPM:
		add, _ := packageManager(path)
		return add + " mcp-login@latest"
	case NPX:
		return "npx -y mcp-login@latest doctor --fix" // of entries that name a version
	case Copy:
		return "npx -y mcp-login@latest config --copy --write"
	case Homebrew:
		return "brew upgrade mcp-login"
	case Scoop:
		return "scoop update mcp-login"
	case Winget:
		return "winget upgrade " + owner + ".mcp-login"
	case Container:
		return "docker pull " + image()
	case MCPB:
		return "open the new bundle, from " + page
	case Deb:
		return "curl -fLO " + page + "/download/" + file + ".deb && sudo apt install ./" + file + ".deb"
	case RPM:
		return "sudo rpm -U --nosignature " + page + "/download/" + file + ".rpm"
	case APK:
		return "wget -O " + file + ".apk " + page + "/download/" + file + ".apk && apk add --allow-untrusted ./" + file + ".apk"
	case Arch:
		return "curl -fLO " + page + "/download/" + file + ".pkg.tar.zst && sudo pacman -U ./" + file + ".pkg.tar.zst"
	case AUR:
		return "as your other packages of the AUR: mcp-login-bin"
	case Script:
		return script(path)
	case Go:
		info, _ := debug.ReadBuildInfo()
		return "go install " + info.Path + "@latest"
	case Source:
		return "git pull && go install ./cmd/mcp-login ./cmd/whoami-server"
	}
	return "download it from " + page
}

// Removal says how to remove the program at a path that came by the channel: a line to copy
// where there is one; deletion is that which deletes its file. It is "" for a program that
// nothing was installed of.
func (c Channel) Removal(path, deletion string) string {
	owner, _ := publisher()
	switch c {
	case NPM:
		_, remove := packageManager(path)
		return remove + " mcp-login"
	case NPX:
		return ""
	case Homebrew:
		return "brew uninstall mcp-login"
	case Scoop:
		return "scoop uninstall mcp-login"
	case Winget:
		return "winget uninstall " + owner + ".mcp-login"
	case Container:
		return "docker rmi " + image()
	case MCPB:
		return "in the settings of Claude Desktop, Extensions"
	case Deb:
		return "sudo apt remove mcp-login"
	case RPM:
		return "sudo rpm -e mcp-login"
	case APK:
		return "apk del mcp-login"
	case Arch:
		return "sudo pacman -R mcp-login"
	case AUR:
		return "sudo pacman -R mcp-login-bin"
	case Script:
		return script(path, "--uninstall")
	}
	return deletion
}

// packageManager are the words by which a package of npm at a path is brought up to date and
// removed: each package manager has a folder of its own for what it installs globally.
func packageManager(path string) (add, remove string) {
	folders := foldersOf(path)
	for _, m := range []struct{ folder, add, remove string }{
		{"/pnpm/global/", "pnpm add --global", "pnpm remove --global"},
		{"/yarn/global/", "yarn global add", "yarn global remove"},
		{"/yarn/data/global/", "yarn global add", "yarn global remove"},
		{"/.bun/install/global/", "bun add --global", "bun remove --global"},
	} {
		if strings.Contains(folders, m.folder) {
			return m.add, m.remove
		}
	}
	project, _, found := strings.Cut(strings.ReplaceAll(path, `\`, "/"), "/node_modules/")
	if !found || slices.Contains([]string{"lib", "npm", "nodejs"}, filepath.Base(project)) {
		return "npm install --global", "npm uninstall --global"
	}
	by := "by the package manager of the project " + hint.Quote(project) + ":"
	return by, by
}

// script is the line that runs install.sh anew, for a program at a path.
func script(path string, flags ...string) string {
	owner, repository := publisher()
	line := "curl -fsSL https://github.com/" + owner + "/" + repository + "/releases/latest/download/install.sh | sh"
	home, _ := os.UserHomeDir()
	if prefix := filepath.Dir(filepath.Dir(path)); path != "" && prefix != filepath.Join(home, ".local") {
		flags = append([]string{"--prefix", hint.Quote(prefix)}, flags...)
	}
	if unpublished() {
		return strings.Join(append([]string{"sh install.sh"}, flags...), " ") // that which it came by
	}
	if len(flags) > 0 {
		line += " -s -- " + strings.Join(flags, " ")
	}
	return line
}

// unpublished tells that a release build has made this program, and nobody has published one:
// there is no address to name.
func unpublished() bool { return Official() && Feed() == "" }

// publisher is the owner and the repository that the feed names.
func publisher() (owner, repository string) {
	_, path, _ := strings.Cut(feed, "/repos/")
	owner, path, _ = strings.Cut(path, "/")
	repository, _, _ = strings.Cut(path, "/")
	return cmp.Or(owner, "OWNER"), cmp.Or(repository, "mcp-login")
}

// Project is the address of the project, "" for a program that knows no publisher.
func Project() string {
	if Feed() == "" {
		return ""
	}
	owner, repository := publisher()
	return "https://github.com/" + owner + "/" + repository
}

// image is the name of the image; a registry takes no capital letters.
func image() string {
	owner, _ := publisher()
	if Feed() != "" {
		owner = strings.ToLower(owner)
	}
	return "ghcr.io/" + owner + "/mcp-login"
}
