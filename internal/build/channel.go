package build

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
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
	inFile     = []Channel{Copy, Deb, RPM, APK, Arch, Homebrew, Script}
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
	file, err := os.ReadFile(ChannelFile(name, path))
	if said := Channel(strings.TrimSpace(string(file))); err == nil && slices.Contains(inFile, said) {
		return said
	}
	folders := strings.ToLower(strings.ReplaceAll(path, `\`, "/"))
	switch {
	case strings.Contains(folders, "/scoop/apps/"):
		return Scoop
	case strings.Contains(folders, "/winget/packages/"):
		return Winget
	}
	return Archive
}

// ChannelFile is where a package or a script says how it installed the program of this
// name at a path: in one word.
func ChannelFile(name, path string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(path)), "share", name, "channel")
}

// Upgrade says how to get the newest release of the program of this name by the channel:
// a line to copy where there is one.
func (c Channel) Upgrade(name string) string {
	owner, repository := publisher()
	page := "https://github.com/" + owner + "/" + repository + "/releases/latest"
	file := name + "_" + runtime.GOARCH
	switch c {
	case NPM:
		return "npm install --global " + name + "@latest"
	case NPX:
		return "npx -y " + name + "@latest doctor --fix" // of entries that name a version
	case Copy:
		return "npx -y " + name + "@latest config --copy --write"
	case Homebrew:
		return "brew upgrade " + name
	case Scoop:
		return "scoop update " + name
	case Winget:
		return "winget upgrade " + owner + "." + name
	case Container:
		return "docker pull " + image(name)
	case Deb:
		return "curl -fLO " + page + "/download/" + file + ".deb && sudo apt install ./" + file + ".deb"
	case RPM:
		return "sudo rpm -U " + page + "/download/" + file + ".rpm"
	case APK:
		return "wget " + page + "/download/" + file + ".apk && apk add --allow-untrusted ./" + file + ".apk"
	case Arch:
		return "sudo pacman -U " + page + "/download/" + file + ".pkg.tar.zst"
	case Script:
		return "curl -fsSL " + page + "/download/install.sh | sh"
	case Go:
		info, _ := debug.ReadBuildInfo()
		return "go install " + info.Path + "@latest"
	case Source:
		return "git pull && go install ./cmd/mcp-login ./cmd/whoami-server"
	}
	return "download it from " + page // an archive, or a bundle to be opened
}

// Removal says how to remove the program of this name that came by the channel: a line to
// copy where there is one; deletion is that which deletes its file. It is "" for a program
// that nothing was installed of.
func (c Channel) Removal(name, deletion string) string {
	owner, _ := publisher()
	switch c {
	case NPM:
		return "npm uninstall --global " + name
	case NPX:
		return ""
	case Homebrew:
		return "brew uninstall " + name
	case Scoop:
		return "scoop uninstall " + name
	case Winget:
		return "winget uninstall " + owner + "." + name
	case Container:
		return "docker rmi " + image(name)
	case MCPB:
		return "in the settings of Claude Desktop, Extensions"
	case Deb:
		return "sudo apt remove " + name
	case RPM:
		return "sudo rpm -e " + name
	case APK:
		return "apk del " + name
	case Arch:
		return "sudo pacman -R " + name
	case Script:
		return "sh install.sh --uninstall"
	}
	return deletion
}

// publisher is the owner and the repository that the feed names.
func publisher() (owner, repository string) {
	_, path, _ := strings.Cut(feed, "/repos/")
	owner, path, _ = strings.Cut(path, "/")
	repository, _, _ = strings.Cut(path, "/")
	return cmp.Or(owner, "OWNER"), cmp.Or(repository, "mcp-login")
}

func image(name string) string {
	owner, _ := publisher()
	return "ghcr.io/" + strings.ToLower(owner) + "/" + name
}
