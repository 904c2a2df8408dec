package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// firstPassed is the number of the first file that systemd passes
// (sd_listen_fds(3)).
const firstPassed = 3

// passedListeners returns the sockets that systemd has opened for this process:
// the first one, or the one named http, for clients, and the one named ops for
// operations. Both are nil without socket activation.
func passedListeners(getenv func(string) string) (clients, ops net.Listener, err error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil, nil
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 1 || n > 2 {
		return nil, nil, fmt.Errorf("socket activation: LISTEN_FDS is %q, must be 1 or 2", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	for i := range n {
		f := os.NewFile(uintptr(firstPassed+i), "systemd")
		if f == nil {
			return nil, nil, errors.New("socket activation: no such file")
		}
		l, err := net.FileListener(f)
		_ = f.Close() // the listener has its own
		if err != nil {
			return nil, nil, fmt.Errorf("socket activation: %w", err)
		}
		if i < len(names) && names[i] == "ops" || clients != nil {
			ops = l
		} else {
			clients = l
		}
	}
	if clients == nil {
		return nil, nil, errors.New("socket activation: no socket for clients")
	}
	return clients, ops, nil
}

// notify tells systemd about this process (sd_notify(3)), where it listens to
// that. Failing to is no reason to stop.
func notify(getenv func(string) string, state string) {
	address := getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	if rest, ok := strings.CutPrefix(address, "@"); ok {
		address = "\x00" + rest
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte(state))
}
