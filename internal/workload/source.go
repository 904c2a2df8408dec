package workload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"mcp-login/internal/command"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/grant"
)

// timeout bounds one answer of a platform. It is on this machine, or next to it.
const timeout = 10 * time.Second

// maxToken bounds a token in bytes: above what any authorization server takes.
const maxToken = 64 << 10

// Environment is what sources read.
type Environment struct {
	// Getenv returns a variable, "" for none.
	Getenv func(name string) string
	// ReadFile reads a file that the person names.
	ReadFile func(path string) ([]byte, error)
	// Log gets what a program writes to its standard error.
	Log *slog.Logger
}

// Flag is the one whose value Parse reads.
const Flag = "--assertion"

// sources says how to write the value.
const sources = "write it as " + Flag + " file:PATH, env:NAME, 'command:PROGRAM ARGUMENT…', spiffe, gcp or github"

// Parse reads the value of --assertion. Nothing is read or run yet. An error shows nothing of
// the value, which may be the token itself.
func Parse(value string, env Environment) (grant.TokenSource, error) {
	kind, rest, _ := strings.Cut(value, ":")
	plain := value == kind
	switch {
	case kind == "file" && rest != "":
		return source{"the file of " + Flag, func(context.Context, string) (string, error) {
			b, err := env.ReadFile(rest)
			return string(b), err
		}}, nil
	case kind == "env" && rest != "" && !strings.Contains(rest, "."): // which no name has, and each JWT
		return source{"the variable of " + Flag, func(context.Context, string) (string, error) { return env.Getenv(rest), nil }}, nil
	case kind == "command":
		return parseCommand(rest, env)
	case kind == "spiffe" && plain:
		return source{"the SPIFFE Workload API", func(ctx context.Context, audience string) (string, error) {
			return fetchSVID(ctx, env.Getenv(spiffeVariable), audience)
		}}, nil
	case kind == "gcp" && plain:
		return source{"the metadata server of Google Cloud", func(ctx context.Context, audience string) (string, error) {
			return googleToken(ctx, googleMetadata, audience)
		}}, nil
	case kind == "github" && plain:
		return source{"the token service of GitHub Actions", func(ctx context.Context, audience string) (string, error) {
			return githubToken(ctx, env.Getenv, audience)
		}}, nil
	}
	return nil, hint.With(errors.New(Flag+" names no source of a token"), sources)
}

func parseCommand(line string, env Environment) (grant.TokenSource, error) {
	program, err := command.Parse(Flag, line)
	if err != nil {
		return nil, err
	}
	return source{"the command of " + program.String(), func(ctx context.Context, _ string) (string, error) {
		token, err := program.Run(ctx, env.Getenv("PATH"), env.Log)
		return token.Reveal(), err
	}}, nil
}

// Unsaid stands for a source in hints and lists: where the token comes from is not kept.
const Unsaid = "SOURCE"

// Placeholder returns the value of --assertion for a hint: the arguments of a program may be
// secret, and what is no source may be the token.
func Placeholder(value string) string {
	if _, err := Parse(value, Environment{}); err != nil {
		return Unsaid
	}
	line, isCommand := strings.CutPrefix(value, "command:")
	if program, err := command.Parse(Flag, line); isCommand && err == nil {
		return "command:" + program.Placeholder()
	}
	return value
}

// source is one place that a token comes from.
type source struct {
	name string
	read func(ctx context.Context, audience string) (string, error)
}

// String implements grant.TokenSource.
func (s source) String() string { return s.name }

// Token implements grant.TokenSource.
func (s source) Token(ctx context.Context, audience string) (grant.Secret, error) {
	text, err := s.read(ctx, audience)
	text = strings.TrimSpace(text)
	switch {
	case err != nil:
		return grant.Secret{}, fmt.Errorf("%s: %w", s, err)
	case text == "":
		return grant.Secret{}, fmt.Errorf("%s holds nothing", s)
	case len(text) > maxToken:
		return grant.Secret{}, fmt.Errorf("%s holds more than a token", s)
	}
	return grant.NewSecret(text), nil
}
