package account

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"github.com/pkg/browser"
)

// NoBrowser as the command of a Browser opens nothing.
const NoBrowser = "none"

// Browser says how to open a browser for a person.
type Browser struct {
	// Command is the person's own program, "" for the system's way.
	Command string
	// Getenv tells where the person is: at this machine, or connected over SSH.
	Getenv func(name string) string
	// system opens an address the system's way; nil means by package browser.
	system func(address string) error
}

// openBySystem opens an address the system's way. The output of browsers is dropped: it
// must not get into the MCP stream, nor what pages print to a terminal, and a browser
// that outlives us must not end because of a closed pipe.
func openBySystem(address string) error {
	silence()
	return browser.OpenURL(address)
}

var silence = sync.OnceFunc(func() { browser.Stdout, browser.Stderr = nil, nil })

// Open opens address, which oauth has built from checked parts, without a
// shell: with the person's program, else with the system's way. It may last as long
// as the window is open.
func (b Browser) Open(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("only http and https addresses are opened")
	}
	switch {
	case b.Command == NoBrowser:
		return nil
	case b.Command != "":
		return openWith(b.Command, address)
	case !b.Available():
		return errors.New("no browser can be opened here")
	case inWSL(b.Getenv):
		return openWith(windowsOpener, address)
	case b.system != nil:
		return b.system(address)
	}
	return openBySystem(address)
}

// windowsOpener opens an address in the default browser of Windows from
// within WSL; it takes the address as it is, with no shell in between.
const windowsOpener = "/mnt/c/Windows/System32/rundll32.exe url.dll,FileProtocolHandler"

// openWith runs a command whose words are separated by blanks; %s stands for
// the address, as in BROWSER, else it comes last.
func openWith(command, address string) error {
	words := strings.Fields(command)
	if len(words) == 0 {
		return errors.New("the browser command is blank")
	}
	placed := false
	for i, word := range words[1:] {
		if strings.Contains(word, "%s") {
			words[i+1], placed = strings.ReplaceAll(word, "%s", address), true
		}
	}
	if !placed {
		words = append(words, address)
	}
	cmd := exec.Command(words[0], words[1:]...) //nolint:gosec,noctx // the person's own choice, and it may outlive us
	return cmd.Run()                            // its output goes nowhere
}

// Available reports whether a browser can be opened where the person is. A
// program that was named means that there is one, display or not.
func (b Browser) Available() bool {
	switch b.Command {
	case NoBrowser:
		return false
	case "":
		return hasBrowser(runtime.GOOS, b.Getenv, fileExists)
	}
	return true
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hasBrowser judges by the environment. In an SSH session the screen of this
// machine is not the person's, unless a display is forwarded; in a container
// and without a display there is none; WSL has that of Windows.
func hasBrowser(goos string, getenv func(string) string, exists func(path string) bool) bool {
	display := getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != ""
	switch {
	case goos == "windows" || goos == "darwin":
		return !remote(getenv)
	case remote(getenv):
		return display
	case display:
		return true
	case inWSL(getenv):
		return exists("/mnt/c/Windows/System32/rundll32.exe")
	}
	return false
}

// Local reports whether the browser that is opened runs on this machine, so that
// it gets an address of this machine and the list of its arguments holds nothing of
// use to others. In an SSH session a program that was named may open the browser of
// the machine from which the person has come.
func (b Browser) Local() bool {
	return b.Available() && (!remote(b.Getenv) || hasBrowser(runtime.GOOS, b.Getenv, fileExists))
}

// remote reports whether this is a session over SSH.
func remote(getenv func(string) string) bool {
	return getenv("SSH_CONNECTION") != "" || getenv("SSH_TTY") != "" || getenv("SSH_CLIENT") != ""
}

func inWSL(getenv func(string) string) bool {
	return runtime.GOOS == "linux" && getenv("WSL_DISTRO_NAME") != ""
}
