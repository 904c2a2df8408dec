package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/build"
	"mcp-login/internal/hint"
)

// printVersion says what the program was built from and how it came here, with --json for
// programs.
func printVersion(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	built := build.ReportOf("whoami-server", version, getenv)
	switch {
	case len(args) == 0:
		_, _ = fmt.Fprintln(stdout, "whoami-server", built)
		return exitOK
	case len(args) > 1 || args[0] != "--json" && args[0] != "-json":
		report(stderr, hint.With(errors.New("version takes nothing but --json"), "did you mean: whoami-server version --json"))
		return exitUsage
	}
	if err := json.MarshalWrite(stdout, built, jsontext.WithIndent("  ")); err != nil {
		report(stderr, fmt.Errorf("version: %w", err))
		return exitFailure
	}
	_, _ = fmt.Fprintln(stdout)
	return exitOK
}
