package script

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
	"mcp-login/test/binary"
)

// At a terminal somebody is asked which of several accounts is meant.
func TestWhichAccountAtATerminal(t *testing.T) {
	h := newHouse(t, nil)
	st, err := store.Open(store.Options{Dir: h.state(), Kind: store.KindFile})
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"one", "two", "three"} {
		cred := oauth.Credential{Server: h.url, Issuer: "https://idp.example", AccessToken: grant.NewSecret("token-of-" + client), TokenType: "Bearer", Account: client + "@example.test"}
		if err := st.Save(t.Context(), oauth.Key{Server: h.url, ClientID: client}, cred); err != nil {
			t.Fatal(err)
		}
	}
	for typed, want := range map[string]string{"2\n": "token-of-three\n", " 3 \n": "token-of-two\n", "4\n": "", "0\n": "", "\n": "", "one\n": "", "\x04": ""} {
		control, end := binary.PseudoTerminal(t)
		cmd := h.command("token", h.url)
		var out strings.Builder
		cmd.Stdin, cmd.Stderr, cmd.Stdout = end, end, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = end.Close()
		said := bufio.NewReader(control)
		for line := ""; !strings.Contains(line, "type the number"); {
			if line, err = said.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprint(control, typed)
		go func() { _, _ = io.Copy(io.Discard, said) }()
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); out.String() != want || (code == 0) != (want != "") || want == "" && code != 2 {
			t.Errorf("%q: %d %q", typed, code, out.String())
		}
	}
}

// After three tabs that nobody answered a verb in a script opens none; the same
// verb at a terminal is a person's, and opens one.
func TestTabBudgetAtATerminal(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent = true
	for range 3 {
		c := h.bridge("--timeout", brief)
		c.tool(1)
		c.end()
		h.later(time.Hour)
	}
	h.set(func() { h.silent = false })
	if out, err := h.command("call", h.URL+"/mcp", "x").CombinedOutput(); err == nil || h.opened() != 3 {
		t.Fatalf("in a script: %d tabs, %v: %s", h.opened(), err, out)
	}
	cmd := h.command("call", h.URL+"/mcp", "x")
	_, end := binary.PseudoTerminal(t)
	cmd.Stderr = end
	_ = cmd.Run() // the server has no tools
	if h.opened() != 4 {
		t.Errorf("at a terminal: %d tabs", h.opened())
	}
}
