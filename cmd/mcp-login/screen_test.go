package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A live line shows the time left; what is written takes its place, and none is
// drawn after the end.
func TestCountDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		s := &screen{w: &terminal}
		ctx, cancel := context.WithCancel(t.Context())
		go s.countDown(ctx, time.Now().Add(62*time.Second))
		synctest.Wait()
		if got := terminal.String(); got != eraseLine+"waiting for the sign-in, 1:02 left; Ctrl-C gives up" {
			t.Errorf("%q", got)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if !strings.HasSuffix(terminal.String(), eraseLine+"waiting for the sign-in, 0:59 left; Ctrl-C gives up") {
			t.Errorf("%q", terminal.String())
		}
		ended, end := context.WithCancel(t.Context())
		go s.countDown(ended, time.Now().Add(time.Minute))
		synctest.Wait()
		terminal.Reset()
		end()
		synctest.Wait()
		if got := terminal.String(); got != eraseLine {
			t.Errorf("at the end of a sign-in: %q", got)
		}
		s.show(t.Context(), "x")
		terminal.Reset()
		_, _ = io.WriteString(s.above(&terminal), "a\n")
		_, _ = io.WriteString(s.above(&terminal), "b\n")
		if got := terminal.String(); got != eraseLine+"a\nb\n" {
			t.Errorf("%q", got)
		}
		cancel()
		s.show(ctx, "late")
		synctest.Wait()
		if got := terminal.String(); got != eraseLine+"a\nb\n" {
			t.Errorf("after the end: %q", got)
		}
	})
}

// Where there is no terminal no line is drawn, and output is as it was.
func TestNoLiveLine(t *testing.T) {
	s := &screen{}
	s.countDown(t.Context(), time.Now().Add(time.Hour)) // returns
	s.show(t.Context(), "x")
	s.clear()
	var out bytes.Buffer
	_, _ = io.WriteString(s.above(&out), "a")
	if out.String() != "a" {
		t.Errorf("%q", out.String())
	}
}
