package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"mcp-login/internal/store"
)

const usage = `usage: signin [FLAGS] -- COMMAND [ARGS...]

  -how WAY      browser (default), paste, device or bridge
  -args FLAGS   further flags for the sign-in and the bridge, divided by blanks
  -server FILE  a program as the protected server, in the place of whoami-server
  -left FOLDER  where no file may be in the end, besides the folder of logins; repeatable
  -limit TIME   how long each step may take (default 2m)

HOME must not be the person's own. Of the environment COMMAND gets PATH, HOME and TMPDIR.
`

func main() {
	d := &driver{}
	flag.StringVar(&d.how, "how", byBrowser, "")
	flag.StringVar(&d.server, "server", "", "")
	flag.Func("args", "", func(words string) error { d.args = strings.Fields(words); return nil })
	flag.Func("left", "", func(folder string) error { d.left = append(d.left, folder); return nil })
	flag.DurationVar(&d.limit, "limit", 2*time.Minute, "")
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	flag.Parse()
	d.command = flag.Args()
	if len(d.command) == 0 || !slices.Contains([]string{byBrowser, byPaste, byDevice, byBridge}, d.how) {
		flag.Usage()
		os.Exit(2)
	}
	home, err := os.UserHomeDir()
	var state string
	if err == nil {
		state, err = stateUnder(home)
	}
	if err == nil {
		d.left, d.env = append(d.left, state), ownEnvironment(home)
		err = drive(d)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "signin: %v\n", err)
		os.Exit(1)
	}
}

// drive runs the steps on a stage of their own.
func drive(d *driver) (err error) {
	ctx := context.Background()
	if d.stage, err = open(ctx, d.server); err != nil {
		return err
	}
	defer d.stage.close()
	return d.run(ctx)
}

// ownEnvironment is what the command gets: nothing of the person's own but where programs and
// temporary files are. Variables of clients and of mcp-login would lead it to what is not
// under HOME, and D-Bus to the person's keyring.
func ownEnvironment(home string) []string {
	env := []string{"HOME=" + home, "DBUS_SESSION_BUS_ADDRESS=unix:path=/none"}
	for _, name := range []string{"PATH", "TMPDIR"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// stateUnder is the folder where mcp-login keeps what it keeps. It is an error where the
// person's own clients and logins are, also by way of a link or of sudo.
func stateUnder(home string) (string, error) {
	there, err := os.Stat(home)
	if err != nil {
		return "", err
	}
	for _, id := range []string{strconv.Itoa(os.Getuid()), os.Getenv("SUDO_UID")} {
		person, err := user.LookupId(id)
		if err != nil {
			continue // nobody
		}
		if own, err := os.Stat(person.HomeDir); err == nil && os.SameFile(own, there) {
			return "", errors.New("HOME is your own, and what mcp-login keeps there would be removed: set HOME to a temporary folder")
		}
	}
	return store.DefaultDir(func(string) string { return "" }, runtime.GOOS, home)
}
