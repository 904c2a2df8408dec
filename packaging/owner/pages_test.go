package owner

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"mcp-login/internal/build"
)

var update = flag.Bool("update", false, "write what the pages say about installing")

const root = "../.."

// marks stand around what is written into a page.
func marks(part string) (begin, end string) {
	return "<!-- " + part + ": `make pages` writes this from packaging/publisher -->\n", "<!-- " + part + ": end -->\n"
}

// channel is one way to the program. {KEY} is a value of packaging/publisher. Without install
// the line that updates the program installs it as well.
type channel struct {
	name, install string
	is            build.Channel
	first         bool // on README's first screen
}

// channels are all ways, the easiest first.
var channels = []channel{
	{"npm", "`npx -y mcp-login URL` without installing, or `npm install --global mcp-login`", build.NPM, true},
	{"Homebrew", "`brew install {BREW_TAP}/mcp-login`", build.Homebrew, true},
	{"winget", "`winget install {WINGET_ID}`", build.Winget, true},
	{"Scoop", "`scoop bucket add mcp-login {SCOOP_BUCKET}`, `scoop install mcp-login`", build.Scoop, false},
	{"Debian, Ubuntu", "", build.Deb, true},
	{"Fedora, openSUSE", "", build.RPM, false},
	{"Alpine", "", build.APK, false},
	{"Arch Linux", "", build.Arch, false},
	{"AUR", "`mcp-login-bin`", build.AUR, false},
	{"Linux, macOS, without a package manager", "", build.Script, false},
	{"any system, without an installation", "`mcp-login_….tar.gz` or `….zip` at {REPOSITORY}/releases: unpack it", build.Archive, false},
	{"Claude Desktop", "a bundle, `mcp-login_….mcpb` at {REPOSITORY}/releases: open it", build.MCPB, false},
	{"container", "`docker run -i --rm -v mcp-login:/state -e MCP_LOGIN_PASSPHRASE {IMAGE} URL`", build.Container, true},
	{"Go 1.26", "`go install {MODULE}/cmd/mcp-login@latest`", build.Go, true},
}

// lines are what a channel has for the three columns: what the program itself says of updates
// and removal.
func (c channel) lines() (install, update, remove string) {
	install, update, remove = c.install, shown(c.is.Upgrade("")), shown(c.is.Removal("", "delete the file"))
	if c.is == build.Archive { // the program knows of itself alone
		remove = "delete what you have unpacked"
	}
	if install == "" {
		install = update
	}
	if install == update || c.is == build.Go { // Go knows the module of a program that it has built
		update = "the same once more"
	}
	if c.is == build.NPM { // the entries of npx name a version
		update += ", entries of npx: " + shown(build.NPX.Upgrade(""))
	}
	return install, update, remove
}

// shown is what the program says, as code where it is a line to copy, with {KEY} for what it
// says of the publisher.
func shown(said string) string {
	said = strings.NewReplacer("https://github.com/OWNER/mcp-login", "{REPOSITORY}", "ghcr.io/OWNER/mcp-login", "{IMAGE}",
		"OWNER.mcp-login", "{WINGET_ID}", "_"+runtime.GOARCH+".", "_amd64.").Replace(said)
	if command.MatchString(said) {
		return "`" + said + "`"
	}
	return said
}

var command = regexp.MustCompile(`^(sudo |curl |wget |npm |npx |brew |winget |scoop |docker |apk )`)

// note is what stands above the lines while there is no owner.
const note = "**Nothing is published yet**: the lines of this table work when somebody has published the project, whose name\n" +
	"will stand where it says `OWNER`. Until then build it from a clone of this repository, with Go 1.26: `go install ./cmd/mcp-login ./cmd/whoami-server`\n\n"

// fill puts the values of the publisher into a text.
func (p Publisher) fill(text string) string {
	for key, value := range p.values {
		text = strings.ReplaceAll(text, "{"+key+"}", value)
	}
	return text
}

// short is README's table: a line for each channel of the first screen.
func (p Publisher) short() string {
	text := "| with | |\n| --- | --- |\n"
	for _, c := range channels {
		if install, _, _ := c.lines(); c.first {
			text += fmt.Sprintf("| %s | %s |\n", c.name, strings.ReplaceAll(install, "|", `\|`))
		}
	}
	return p.above(text)
}

// long is the table of docs/install.md.
func (p Publisher) long() string {
	text := "| with | install | update | remove |\n| --- | --- | --- | --- |\n"
	for _, c := range channels {
		install, update, remove := c.lines()
		text += "| " + strings.Join([]string{c.name, strings.ReplaceAll(install, "|", `\|`), update, strings.ReplaceAll(remove, "|", `\|`)}, " | ") + " |\n"
	}
	return p.above(text)
}

// desktop is the block of docs/desktop.md: from a clone only while there is nothing else.
func (p Publisher) desktop() string {
	if p.Published() {
		return p.short() + "\n```sh\nmcp-login version\n```\n"
	}
	return "Nothing is published yet: with Go 1.26, in a clone of this repository:\n\n```sh\ngo install ./cmd/mcp-login\nmcp-login version\n```\n\n" +
		"If the second command is not found, add the folder that `go env GOPATH` prints, with `/bin` behind it, to your `PATH`.\n"
}

// server is the table of docs/server.md: those of the channels that have whoami-server as well.
func (p Publisher) server() string {
	text := "| with | install | update | remove |\n| --- | --- | --- | --- |\n"
	for _, c := range channels {
		install, update, remove := c.lines()
		switch c.is {
		case build.Container:
			install = "`docker run --rm -p 3001:3001 {IMAGE} --issuer ISSUER --resource URL`"
		case build.Deb, build.RPM, build.Go:
		default:
			continue
		}
		text += "| " + strings.Join([]string{c.name, install, update, remove}, " | ") + " |\n"
	}
	return p.above(strings.NewReplacer("{IMAGE}", "{WHOAMI_IMAGE}", "mcp-login", "whoami-server").Replace(text))
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
	return "Files are attested by GitHub's build as well: `gh attestation verify FILE --repo " + repository + "` says which commit and\nwhich workflow a file is from. " +
		p.fill("So it does for an image, with `oci://{IMAGE}:VERSION` as the file; in a project, `npm audit signatures`\nsays it for the packages of npm.\n")
}

// bearer is the block of docs/protect-your-own-server.md: a module with the program of
// examples/bearer/mcpgo, by the name that package bearer has for others; from a clone while there
// is none.
func (p Publisher) bearer(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(root + "/examples/bearer/mcpgo/main.go")
	if err != nil {
		t.Fatal(err)
	}
	module, from := "mcp-login", "go mod edit -replace mcp-login=/path/to/mcp-login\n"
	note := "Nothing is published yet: with Go 1.26, and a clone of this repository at `/path/to/mcp-login`"
	if p.Published() {
		module, from, note = p.Get("MODULE"), "", "With Go 1.26"
	}
	source := regexp.MustCompile(`"[^"]*/bearer"`).ReplaceAllString(strings.ReplaceAll(string(program), "\r\n", "\n"), `"`+module+`/bearer"`)
	return "In an empty folder, as `main.go`:\n\n```go\n" + source + "```\n\n" +
		note + ":\n\n```sh\ngo mod init example.test/notes\n" + from + "go mod tidy\n```\n"
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
		{"docs/desktop.md", "install", p.desktop()},
		{"docs/server.md", "install", p.server()},
		{"docs/protect-your-own-server.md", "bearer", p.bearer(t)},
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
		for _, page := range []string{p.short(), p.long(), p.server()} {
			if strings.Contains(page, "OWNER") == p.Published() || strings.Contains(page, "published") == p.Published() {
				t.Errorf("with the owner %q:\n%s", owner, page)
			}
			if !strings.Contains(page, "go install "+p.Get("MODULE")+"/cmd/") || strings.ContainsAny(page, "{}") {
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

// Programs make the names of what they update from the address of the releases that is linked
// in, and the name of the package is their own: other names would lead people to somebody else.
func TestProgramsKnowTheNamesOfThePublisher(t *testing.T) {
	for _, owner := range []string{"", "SomeOne"} {
		p, err := Read(owned(t, owner))
		if err != nil {
			t.Fatal(err)
		}
		image := p.Owner()
		if p.Published() {
			image = strings.ToLower(image)
		}
		for key, want := range map[string]string{
			"REPOSITORY": "https://github.com/" + p.Owner() + "/mcp-login", "IMAGE": "ghcr.io/" + image + "/mcp-login", "WINGET_ID": p.Owner() + ".mcp-login",
		} {
			if got := p.Get(key); got != want {
				t.Errorf("%s is %s, and the programs say %s (internal/build)", key, got, want)
			}
		}
	}
}
