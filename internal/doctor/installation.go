package doctor

import (
	"context"
	"fmt"
	"iter"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/build"
	"mcp-login/internal/command"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hosts"
)

// installation says where this program lies, by which channel it came there and how it is
// updated, and what else has its name.
func (x *examination) installation(ctx context.Context) Finding {
	p := x.Program
	if p.Path == "" {
		return skipped("the system does not tell where this program lies")
	}
	others, differ := x.copies(ctx)
	also := ""
	if len(others) > 0 {
		also = "; also on the PATH: " + strings.Join(others, ", ")
	}
	detail := fmt.Sprintf("%s (%s; to update: %s)%s", p.Path, p.Channel, p.Channel.Upgrade(p.Path), also)
	switch {
	case p.Channel == build.NPX: // its cache is where it belongs
	case hosts.InCache(p.Path):
		return warned("install it: mcp-login help install", "%s lies in a cache or a temporary folder%s", p.Path, also)
	case differ:
		return warned("remove or update the copies that you do not use", "%s", detail)
	}
	return passed("%s", detail)
}

const (
	// maxCopies bounds the programs that are asked for their version.
	maxCopies = 5
	// copyTimeout bounds one of them.
	copyTimeout = 2 * time.Second
)

// copies are other programs with this name on the PATH, each with its version. differ tells
// that one of them has another version than this program.
func (x *examination) copies(ctx context.Context) (others []string, differ bool) {
	var known []string
	for _, dir := range filepath.SplitList(x.Getenv("PATH")) {
		path, err := exec.LookPath(filepath.Join(dir, "mcp-login"))
		if err != nil || !filepath.IsAbs(path) || len(known) >= maxCopies || x.Program.StartedBy(path) || hosts.SameFile(path, known...) {
			continue
		}
		known = append(known, path)
		version := VersionOf(ctx, path, x.Getenv)
		differ = differ || version != x.Program.Version
		others = append(others, fmt.Sprintf("%s (%s)", path, version))
	}
	return others, differ
}

// VersionOf asks a program for its version, and returns words for people if it does not say
// one. It gets nothing of our environment that may be a secret.
func VersionOf(ctx context.Context, path string, getenv func(string) string) string {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	var env []string
	for _, name := range []string{"HOME", "PATH", "SystemRoot", "TEMP", "TMPDIR"} {
		env = append(env, name+"="+getenv(name))
	}
	said, err := command.Output(ctx, env, path, "version", "--json")
	var answer struct {
		Version string `json:"version"`
	}
	if err != nil || json.Unmarshal(said, &answer) != nil || answer.Version == "" {
		return "it does not say its version"
	}
	return foreign.Line(answer.Version)
}

// entry is one server in the configuration of an MCP client.
type entry struct {
	host hosts.Host
	file string
	hosts.Server
	hosts.Trouble
}

func (e entry) String() string { return e.host.Title + ", " + nameOf(e.Server) + ": " + e.Text }

// nameOf is the name of an entry, with the project that it is for.
func nameOf(s hosts.Server) string {
	if project := s.Project(); project != "" {
		return s.Name + " (" + project + ")"
	}
	return s.Name
}

// entries are all servers in the configurations of the clients of this machine. err is of a
// file that cannot be read; the others come all the same.
func entries(program hosts.Program, getenv func(string) string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		system := hosts.ThisSystem(getenv)
		for _, h := range hosts.All {
			for _, file := range h.Present(system) {
				data, err := hosts.Read(file)
				var list []hosts.Server
				if err == nil {
					list, err = h.List(data)
				}
				if err != nil && !yield(entry{host: h, file: file}, err) {
					return
				}
				for _, s := range list {
					if !yield(entry{h, file, s, h.Trouble(system, s, program.Version)}, nil) {
						return
					}
				}
			}
		}
	}
}

// clients looks for entries of MCP clients that do not start mcp-login.
func (x *examination) clients(context.Context) Finding {
	var said []string
	own, broken, doubtful, remote, byHand, unreadable := 0, 0, 0, 0, 0, 0
	next := "run: mcp-login doctor --fix"
	for e, err := range entries(x.Program, x.Getenv) {
		switch {
		case err != nil:
			unreadable++
			said = append(said, fmt.Sprintf("%s: %s: %v", e.host.Title, e.file, err))
			continue
		case e.Broken:
			broken++
		case e.Text != "":
			doubtful++
		case e.Kind() == hosts.KindMCPRemote:
			e.Text = "starts mcp-remote"
			if why := x.stays(e); why != "" {
				byHand++
				e.Text += ", and config leaves it alone: " + why
			} else {
				remote++
			}
		}
		if e.Kind() == hosts.KindOwn {
			own++
		}
		if start, err := e.host.Start(x.Program); e.Text != "" && (err != nil || !lasts(start)) {
			next = "install it: mcp-login help install"
		}
		if e.Text != "" {
			said = append(said, e.String())
		}
	}
	detail := strings.Join(said, "; ")
	switch {
	case broken > 0:
		return failed(next, "%s", detail)
	case doubtful > 0:
		return warned(next, "%s", detail)
	case remote > 0:
		return warned("to let them start mcp-login, run: mcp-login config --from-mcp-remote --write", "%s", detail)
	case byHand > 0:
		return warned("change the entry by hand, so that it starts mcp-login", "%s", detail)
	case unreadable > 0:
		return warned("look at the file", "%s", detail)
	case own == 0:
		return skipped("no client here has an entry that starts mcp-login")
	}
	return passed("%s mcp-login", counted(own, "entry that starts", "entries that start"))
}

// stays says why config would leave alone an entry that starts mcp-remote, "" if it would not.
func (x *examination) stays(e entry) string {
	data, err := hosts.Read(e.file)
	if err != nil {
		return ""
	}
	_, all, _ := e.host.Rewrite(data, []string{"mcp-login"}, x.Judge) // what cannot be written is no reason of an entry's
	for _, r := range all {
		if r.Name == e.Name && r.Project == e.Project() {
			return r.Skipped
		}
	}
	return ""
}
