package oauth

import "golang.org/x/sys/unix"

// There it goes on in sleep, unlike on Linux (clock_gettime(3)).
const bootClock = unix.CLOCK_MONOTONIC
