package cli

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// noBrowserName as the browser command opens nothing.
const noBrowserName = "none"

// browse opens address, which oauth has built from checked parts, without a
// shell: with the person's program, else with the system's way.
func (a *app) browse(o options, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("only http and https addresses are opened")
	}
	switch {
	case o.noBrowser || o.browser == noBrowserName:
		return nil
	case o.browser != "":
		return a.browseWith(o.browser, address)
	case !a.canBrowse(o):
		return errors.New("no browser can be opened here")
	case inWSL(a.getenv):
		return a.browseWith(windowsOpener, address)
	}
	return a.open(address)
}

// windowsOpener opens an address in the default browser of the Windows around
// a Linux in WSL; it takes the address as it is, with no shell in between.
const windowsOpener = "/mnt/c/Windows/System32/rundll32.exe url.dll,FileProtocolHandler"

// browseWith runs a command whose words are separated by blanks; %s stands for
// the address, as in BROWSER, else it comes last.
func (a *app) browseWith(command, address string) error {
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
	return cmd.Run()                            // its output goes nowhere, see quiet
}

// canBrowse reports whether a browser can be opened where the person is. A
// program that was named means that there is one, display or not.
func (a *app) canBrowse(o options) bool {
	switch {
	case o.noBrowser || o.browser == noBrowserName:
		return false
	case o.browser != "":
		return true
	}
	return hasBrowser(runtime.GOOS, a.getenv, fileExists)
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

// opensHere reports whether the browser that is opened runs on this machine, so that
// it gets an address of this machine and the list of its arguments holds nothing of
// use to others. In an SSH session a program that was named may open the browser of
// the machine from which the person has come.
func (a *app) opensHere(o options) bool {
	return a.canBrowse(o) && (!remote(a.getenv) || hasBrowser(runtime.GOOS, a.getenv, fileExists))
}

// remote reports whether this is a session over SSH.
func remote(getenv func(string) string) bool {
	return getenv("SSH_CONNECTION") != "" || getenv("SSH_TTY") != "" || getenv("SSH_CLIENT") != ""
}

func inWSL(getenv func(string) string) bool {
	return runtime.GOOS == "linux" && getenv("WSL_DISTRO_NAME") != ""
}
