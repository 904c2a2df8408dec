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
  -left FOLDER  where no file may be in the end, besides the folder of logins; repeatable
  -limit TIME   how long each step may take (default 2m)

HOME must not be the person's own.
`

func main() {
	d := &driver{}
	flag.StringVar(&d.how, "how", byBrowser, "")
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
	state, err := stateUnderOtherHome()
	d.left = append(d.left, state)
	if err == nil {
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
	if d.stage, err = open(ctx); err != nil {
		return err
	}
	defer d.stage.close()
	return d.run(ctx)
}

// stateUnderOtherHome is the folder where mcp-login keeps what it keeps. It is an error
// where the person's own clients and logins are.
func stateUnderOtherHome() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	own, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err == nil && own.HomeDir == home {
		return "", errors.New("HOME is your own, and what mcp-login keeps there would be removed: set HOME to a temporary folder")
	}
	return store.DefaultDir(os.Getenv, runtime.GOOS, home)
}
