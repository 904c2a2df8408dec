package hosts

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"mcp-login/internal/hint"
)

// Entry is the entry for a server of mcp-login: its address, with flags. Those that
// the client needs are added, unless they are given.
func (c Client) Entry(name, command, address string, flags []string) Server {
	args := append([]string{address}, c.flagsBeside(flags)...)
	return Server{Name: name, Command: command, Args: append(args, flags...)}
}

// flagsBeside are Client.Flags, unless they are among args.
func (c Client) flagsBeside(args []string) []string {
	given := func(arg string) bool {
		return len(c.Flags) > 0 && (arg == c.Flags[0] || strings.HasPrefix(arg, c.Flags[0]+"="))
	}
	if slices.ContainsFunc(args, given) {
		return nil
	}
	return c.Flags
}

// NameOf makes a name for an entry of the address of its server: the label of the host that
// tells it from others.
func NameOf(server *url.URL) string {
	host := server.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return "local"
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(labels) > 1 {
		labels = labels[:len(labels)-1]
	}
	labels = slices.DeleteFunc(labels, func(l string) bool {
		return len(labels) > 1 && slices.Contains([]string{"mcp", "www", "api", "co", "com"}, l)
	})
	if len(labels) == 0 || labels[len(labels)-1] == "" {
		return "remote"
	}
	return labels[len(labels)-1]
}

// OwnCommand is how the client starts this program: by its name, where the client searches
// the PATH of the person's shell, else by its path. A link on the PATH is preferred to the
// file that it leads to, because package managers keep the link and move the file.
func (c Client) OwnCommand() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", hint.With(fmt.Errorf("find this program: %w", err), "add --command")
	}
	found, missing := exec.LookPath("mcp-login")
	if missing != nil || !filepath.IsAbs(found) || !sameFile(self, found) {
		return self, nil //nolint:nilerr // it is not on the PATH
	}
	if c.InheritsPath {
		return "mcp-login", nil
	}
	return found, nil
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	two, err := os.Stat(b)
	return err == nil && os.SameFile(one, two)
}
