package owner

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the pages say about installing")

const root = "../.."

// marks stand around what is written into a page.
func marks(part string) (begin, end string) {
	return "<!-- " + part + ": `make pages` writes this from packaging/publisher -->\n", "<!-- " + part + ": end -->\n"
}

// channel is one way to the program. {KEY} is a value of packaging/publisher.
type channel struct {
	name, install, update, remove string
	first                         bool // on README's first screen
}

// channels are all ways, the easiest first.
var channels = []channel{
	{"npm", "`npx -y {NPM_PACKAGE} URL` without installing, or `npm install -g {NPM_PACKAGE}`", "`npm install -g {NPM_PACKAGE}@latest`", "`npm uninstall -g {NPM_PACKAGE}`", true},
	{"Homebrew", "`brew install {BREW_TAP}/mcp-login`", "`brew upgrade mcp-login`", "`brew uninstall mcp-login`", true},
	{"winget", "`winget install {WINGET_ID}`", "`winget upgrade {WINGET_ID}`", "`winget uninstall {WINGET_ID}`", true},
	{"Scoop", "`scoop bucket add mcp-login {SCOOP_BUCKET}`, `scoop install mcp-login`", "`scoop update mcp-login`", "`scoop uninstall mcp-login`", false},
	{"Debian, Ubuntu", "`curl -fLO {DOWNLOAD}/mcp-login_amd64.deb && sudo apt install ./mcp-login_amd64.deb`", "the same once more", "`sudo apt remove mcp-login`", true},
	{"Fedora, openSUSE", "`sudo rpm -i {DOWNLOAD}/mcp-login_amd64.rpm`", "`sudo rpm -U {DOWNLOAD}/mcp-login_amd64.rpm`", "`sudo rpm -e mcp-login`", false},
	{"Alpine", "`wget {DOWNLOAD}/mcp-login_amd64.apk`, `apk add --allow-untrusted mcp-login_amd64.apk`", "the same once more", "`apk del mcp-login`", false},
	{"Arch Linux", "`mcp-login-bin` in the AUR, or `pacman -U {DOWNLOAD}/mcp-login_amd64.pkg.tar.zst`", "the same once more", "`pacman -R mcp-login`", false},
	{"Linux, macOS, without a package manager", "`curl -fsSL {DOWNLOAD}/install.sh | sh`", "the same once more", "`curl -fsSL {DOWNLOAD}/install.sh | sh -s -- --uninstall`", false},
	{"Claude Desktop", "a bundle, `mcp-login_….mcpb` at {REPOSITORY}/releases: open it", "open the new one", "in the settings of Claude Desktop", false},
	{"container", "`docker run -i --rm -v mcp-login:/state -e MCP_LOGIN_PASSPHRASE {IMAGE} URL`", "`docker pull {IMAGE}`", "`docker rmi {IMAGE}`, `docker volume rm mcp-login`", true},
	{"Go 1.26", "`go install {MODULE}/cmd/mcp-login@latest`", "the same once more", "delete the file", true},
}

// note is what stands above the lines while there is no owner.
const note = "**Nothing is published yet**: the lines of this table work when somebody has published the project, whose name\n" +
	"will stand where it says `OWNER`. Until then build it from a clone of this repository, with Go 1.26: `go install ./cmd/mcp-login ./cmd/whoami-server`\n\n"

// fill puts the values of the publisher into a text.
func (p Publisher) fill(text string) string {
	text = strings.ReplaceAll(text, "{DOWNLOAD}", "{REPOSITORY}/releases/latest/download")
	for key, value := range p.values {
		text = strings.ReplaceAll(text, "{"+key+"}", value)
	}
	return text
}

// short is README's table: a line for each channel of the first screen.
func (p Publisher) short() string {
	text := "| with | |\n| --- | --- |\n"
	for _, c := range channels {
		if c.first {
			text += fmt.Sprintf("| %s | %s |\n", c.name, c.install)
		}
	}
	return p.above(text)
}

// long is the table of docs/install.md.
func (p Publisher) long() string {
	text := "| with | install | update | remove |\n| --- | --- | --- | --- |\n"
	for _, c := range channels {
		install, remove := strings.ReplaceAll(c.install, "|", `\|`), strings.ReplaceAll(c.remove, "|", `\|`) // in a table
		text += fmt.Sprintf("| %s | %s | %s | %s |\n", c.name, install, c.update, remove)
	}
	return p.above(text)
}

func (p Publisher) above(table string) string {
	if !p.Published() {
		table = note + table
	}
	return p.fill(table)
}

// signer is the block of docs/install.md that says whose signature is good.
func (p Publisher) signer() string {
	key := p.Get("SIGNING_KEY")
	text := "```sh\necho '{SIGNER} namespaces=\"mcp-login-release\" " + cmp.Or(key, "KEY") + "' > allowed_signers\n```\n"
	if key == "" {
		text += "\nThere is no key yet: it will stand where it says `KEY`.\n"
	}
	return p.fill(text)
}

// attested is the line of docs/install.md about what GitHub says of a file.
func (p Publisher) attested() string {
	repository := strings.TrimPrefix(p.Get("REPOSITORY"), "https://github.com/")
	return "Files are attested by GitHub's build as well: `gh attestation verify FILE --repo " + repository + "` says which commit and\nwhich workflow a file is from.\n"
}

// README and docs/install.md say how to install what is published, and what is not
// published yet; both become true when the owner is filled in.
func TestPagesSayHowToInstall(t *testing.T) {
	p, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct{ page, name, want string }{
		{"README.md", "install", p.short()},
		{"docs/install.md", "install", p.long()},
		{"docs/install.md", "signer", p.signer()},
		{"docs/install.md", "attested", p.attested()},
	} {
		text, err := os.ReadFile(root + "/" + part.page)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := marks(part.name)
		head, rest, found := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), begin)
		said, tail, closed := strings.Cut(rest, end)
		switch {
		case !found || !closed:
			t.Errorf("%s: the marks of %s are missing", part.page, part.name)
		case *update:
			if err := os.WriteFile(root+"/"+part.page, []byte(head+begin+part.want+end+tail), 0o644); err != nil {
				t.Fatal(err)
			}
		case said != part.want:
			t.Errorf("%s is not what packaging/publisher says about %s; run make pages", part.page, part.name)
		}
	}
}

// A page that says OWNER says it in a part that is written here, but for that of the
// maintainer who fills it in.
func TestPagesHaveTheOwnerFromOnePlace(t *testing.T) {
	written := regexp.MustCompile("(?s)<!-- ([a-z]+): `make pages` writes this from packaging/publisher -->.*?<!-- [a-z]+: end -->")
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(pages) < 20 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, root+"/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(page) != "releasing.md" && strings.Contains(written.ReplaceAllString(string(text), ""), unknown) {
			t.Errorf("%s says %s by itself", page, unknown)
		}
	}
}

// With an owner nothing is left of OWNER and of the note; without one the note is there.
func TestFillingInTheOwnerMakesThePagesTrue(t *testing.T) {
	for _, owner := range []string{"", "someone"} {
		p, err := Read(owned(t, owner))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range []string{p.short(), p.long()} {
			if strings.Contains(page, "OWNER") == p.Published() || strings.Contains(page, "published") == p.Published() {
				t.Errorf("with the owner %q:\n%s", owner, page)
			}
			if !strings.Contains(page, "go install "+p.Get("MODULE")+"/cmd/mcp-login@latest") || strings.ContainsAny(page, "{}") {
				t.Errorf("with the owner %q:\n%s", owner, page)
			}
		}
	}
}

// Once there is an owner, the module is called what others install it as.
func TestModuleIsThatOfThePublisher(t *testing.T) {
	p, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "module " + p.Get("MODULE"); p.Published() && !strings.HasPrefix(string(mod), want+"\n") {
		t.Errorf("go.mod does not begin with %q: packaging/set-module-path %s", want, p.Get("MODULE"))
	}
}
