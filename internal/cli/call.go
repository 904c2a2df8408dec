package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"mcp-login/internal/commandline"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/jsonrpc"
)

func newCall(a *app) *cobra.Command {
	var o options
	var asJSON bool
	var arguments []string
	cmd := &cobra.Command{
		Use:   "call URL TOOL [JSON | -]",
		Short: "Call a tool of a server",
		Long: "call calls a tool and prints its result, signing in first if the server asks for it.\n" +
			"Arguments are given one by one with --arg, as one JSON object, or as one on stdin\n" +
			"with -. A value of --arg is text unless the tool's schema says number, integer,\n" +
			"boolean, array or object; --arg name:=VALUE takes VALUE as JSON whatever it says.",
		Example: "  $ mcp-login call https://example.com/mcp search \\\n      --arg query=weather --arg limit=3\n  $ mcp-login call https://example.com/mcp search - < arguments.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return usageError{hint.With(errors.New("a call needs a URL and the name of a tool"), "run: mcp-login call URL TOOL, or mcp-login tools URL to see which there are")}
			}
			return a.serverArgument(cmd, args[:1])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := a.parseArguments(args[2:], arguments)
			if err != nil {
				return usageError{err}
			}
			return a.call(cmd.Context(), o, args[0], args[1], given, asJSON)
		},
	}
	o.bind(cmd, a, ^(relays | entries))
	cmd.Flags().StringArrayVar(&arguments, "arg", nil, "one argument, as name=value, or name:=JSON; repeatable")
	jsonFlag(cmd, &asJSON, " with the result as the server gave it")
	return cmd
}

// maxArguments bounds what is read from stdin.
const maxArguments = 64 << 20

// toolArguments is what the command line and stdin say about the arguments of a tool.
type toolArguments struct {
	object jsontext.Value // nil when they are given one by one
	single []argument
}

type argument struct {
	name, value string
	isJSON      bool
}

// parseArguments reads the arguments. Nothing is sent when they cannot be used.
func (a *app) parseArguments(whole, single []string) (g toolArguments, err error) {
	for _, one := range single {
		name, value, ok := strings.Cut(one, "=")
		arg := argument{name: name, value: value}
		arg.name, arg.isJSON = strings.CutSuffix(name, ":")
		if !ok || arg.name == "" {
			return g, fmt.Errorf("--arg %q is not of the form name=value", one)
		}
		if arg.isJSON && !jsontext.Value(value).IsValid() {
			return g, fmt.Errorf("--arg %s: the value is not JSON", arg.name)
		}
		g.single = append(g.single, arg)
	}
	if len(whole) == 0 {
		return g, nil
	}
	if len(single) > 0 {
		return g, errors.New("--arg and a JSON object contradict each other")
	}
	text := []byte(whole[0])
	if whole[0] == "-" {
		if text, err = io.ReadAll(io.LimitReader(a.in, maxArguments+1)); err != nil {
			return g, fmt.Errorf("read the arguments: %w", err)
		}
		if len(text) > maxArguments {
			return g, fmt.Errorf("the arguments have more than %d bytes", maxArguments)
		}
	}
	g.object = jsontext.Value(strings.TrimSpace(string(text)))
	if !g.object.IsValid() || g.object.Kind() != '{' {
		return g, errors.New("the arguments are not a JSON object")
	}
	return g, nil
}

// forTool gives each argument the type that the tool's schema has for it.
func (g toolArguments) forTool(t tool) (jsontext.Value, error) {
	if g.object != nil {
		return g.object, nil
	}
	values := map[string]jsontext.Value{}
	for _, one := range g.single {
		value := jsontext.Value(one.value)
		if !one.isJSON {
			types := t.InputSchema.Properties[one.name].types
			typed := slices.ContainsFunc(types, func(s string) bool { return s != "string" && s != "null" && s != "" })
			if !typed || slices.Contains(types, "string") {
				value, _ = jsontext.AppendQuote(nil, one.value)
			} else if !value.IsValid() {
				return nil, usageError{hint.With(fmt.Errorf("--arg %s must be of type %s", one.name, strings.Join(types, " or ")), "write it as JSON")}
			}
		}
		if _, twice := values[one.name]; twice {
			return nil, usageError{fmt.Errorf("--arg %s is given twice", one.name)}
		}
		values[one.name] = value
	}
	return json.Marshal(values, json.Deterministic(true))
}

// toolError is a tool that says it failed (MCP, CallToolResult.isError).
type toolError struct{ name string }

func (e toolError) Error() string { return "the tool " + foreign.Line(e.name) + " reports a failure" }

func (a *app) call(ctx context.Context, o options, raw, name string, g toolArguments, asJSON bool) error {
	s, err := a.session(ctx, o, raw, func(m jsonrpc.Message) { a.progress(ctx, m) })
	if err != nil {
		return err
	}
	defer s.Close()
	_, list, err := s.tools(ctx, o.tools())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(t tool) bool { return t.Name == name })
	if at < 0 {
		return noSuchTool(name, list, s.Server.String())
	}
	arguments, err := g.forTool(list[at])
	if err != nil {
		return err
	}
	result, err := s.Request(ctx, "tools/call", map[string]any{"name": name, "arguments": arguments})
	a.term.Clear()
	if err != nil {
		return err
	}
	return a.printResult(name, result, asJSON)
}

func noSuchTool(name string, list []tool, server string) error {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.Name
	}
	next := "see: mcp-login tools " + server
	if similar := commandline.Similar(name, names); len(similar) > 0 {
		next = "did you mean: " + foreign.Line(strings.Join(similar[:min(len(similar), 3)], ", "))
	}
	return usageError{hint.With(fmt.Errorf("the server has no tool %q", name), next)}
}

type callReport struct {
	SchemaVersion int            `json:"schema_version"`
	Tool          string         `json:"tool"`
	Result        jsontext.Value `json:"result"`
}

// printResult prints text as it is; of other content only --json shows all.
func (a *app) printResult(name string, result jsontext.Value, asJSON bool) error {
	var r struct {
		Content []struct {
			Type, Text, MimeType, Data, URI string
			Resource                        struct{ URI, Text string }
		} `json:"content"`
		Structured jsontext.Value `json:"structuredContent"`
		IsError    bool           `json:"isError"`
	}
	if err := json.Unmarshal(result, &r, json.MatchCaseInsensitiveNames(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	if asJSON {
		if err := a.term.JSON(callReport{SchemaVersion: schemaVersion, Tool: name, Result: result}); err != nil {
			return err
		}
	}
	for _, c := range r.Content {
		switch {
		case asJSON:
		case c.Type == "text":
			a.term.Result(c.Text)
		case c.Type == "resource" && c.Resource.Text != "":
			a.term.Result(c.Resource.Text)
		case c.Type == "resource_link":
			a.term.ResultAddress(c.URI)
		default:
			a.term.Note("the result has content of type %s %s; --json shows it", c.Type, c.MimeType)
		}
	}
	if len(r.Content) == 0 && r.Structured != nil && !asJSON {
		a.term.ResultJSON(r.Structured)
	}
	if r.IsError {
		return toolError{name}
	}
	return nil
}

// progress shows how far a call is, on a terminal.
func (a *app) progress(ctx context.Context, m jsonrpc.Message) {
	if m.Method != "notifications/progress" {
		return
	}
	var at struct {
		Progress float64 `json:"progress"`
		Total    float64 `json:"total"`
		Message  string  `json:"message"`
	}
	if json.Unmarshal(m.Params, &at) != nil {
		return
	}
	done := fmt.Sprintf("%g", at.Progress)
	if at.Total > 0 {
		done = fmt.Sprintf("%g of %g", at.Progress, at.Total)
	}
	a.term.Live(ctx, "%s %s", done, at.Message)
}
