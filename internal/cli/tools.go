package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge"
	"mcp-login/internal/jsonrpc"
)

func newTools(a *app) *cobra.Command {
	var o options
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "tools URL",
		Short:   "List the tools of a server",
		Long:    "tools lists the tools of a server with their arguments, those in brackets optional,\nsigning in first if the server asks for it. --allow-tool and --ignore-tool show what a\nclient with these flags would see.",
		Example: "  $ mcp-login tools https://example.com/mcp",
		Args:    a.serverArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.tools(cmd.Context(), o, args[0], asJSON)
		},
	}
	o.bind(cmd, a, ^(relays | entries))
	jsonFlag(cmd, &asJSON, ", with the tools as the server describes them")
	return cmd
}

// session is an MCP session with the server of an account, whose client is mcp-login.
type session struct {
	*account.Account
	*account.Session
}

// session begins a session, signing in on the way if the server asks. notify gets the
// server's notifications; may be nil.
func (a *app) session(ctx context.Context, o options, raw string, notify func(jsonrpc.Message)) (*session, error) {
	acc, err := a.open(ctx, o, raw, account.ForCall)
	if err != nil {
		return nil, err
	}
	s, err := acc.Start(ctx, notify)
	if err != nil {
		acc.Close()
		return nil, err
	}
	return &session{acc, s}, nil
}

// Close ends the session, and what the account has under way.
func (s *session) Close() {
	s.Session.Close()
	s.Account.Close()
}

// tool is what is read of a tool's description.
type tool struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	InputSchema struct {
		Properties map[string]property `json:"properties"`
		Required   []string            `json:"required"`
	} `json:"inputSchema"`
}

// property is one argument. Schemas may be true, or have several types.
type property struct {
	types []string
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *property) UnmarshalJSON(b []byte) error {
	var one struct {
		Type string `json:"type"`
	}
	var many struct {
		Type []string `json:"type"`
	}
	if json.Unmarshal(b, &one) == nil {
		p.types = []string{one.Type}
	} else if json.Unmarshal(b, &many) == nil {
		p.types = many.Type
	}
	return nil
}

type toolsReport struct {
	SchemaVersion int              `json:"schema_version"`
	Server        string           `json:"server"`
	Tools         []jsontext.Value `json:"tools"`
}

func (a *app) tools(ctx context.Context, o options, raw string, asJSON bool) error {
	s, err := a.session(ctx, o, raw, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	described, list, err := s.tools(ctx, o.tools())
	if err != nil {
		return err
	}
	if asJSON {
		return a.term.JSON(toolsReport{SchemaVersion: schemaVersion, Server: s.Server.String(), Tools: described})
	}
	if len(list) == 0 {
		a.term.Note("%s has no tools", s.Server)
		return nil
	}
	rows := make([][]string, len(list))
	for i, t := range list {
		rows[i] = []string{t.Name, t.arguments(), t.summary()}
	}
	a.term.Table([]string{"TOOL", "ARGUMENTS", "DESCRIPTION"}, rows)
	return nil
}

// maxPages bounds a list that never ends.
const maxPages = 1000

// tools fetches all pages of the list and leaves out what the flags hide.
func (s *session) tools(ctx context.Context, shown bridge.Filter) (described []jsontext.Value, list []tool, err error) {
	described = []jsontext.Value{}
	cursor := ""
	for range maxPages {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		result, err := s.Request(ctx, "tools/list", params)
		var refused *account.ServerError
		if errors.As(err, &refused) && refused.Code == -32601 {
			return described, nil, nil // a server without tools
		} else if err != nil {
			return nil, nil, err
		}
		var page struct {
			Tools      []jsontext.Value `json:"tools"`
			NextCursor string           `json:"nextCursor"`
		}
		if err := json.Unmarshal(result, &page); err != nil {
			return nil, nil, fmt.Errorf("read the list of tools: %w", err)
		}
		for _, one := range page.Tools {
			var t tool
			if err := json.Unmarshal(one, &t); err != nil || t.Name == "" {
				return nil, nil, errors.New("read the list of tools: a tool without a name")
			}
			if !shown.Hides(t.Name) {
				described, list = append(described, one), append(list, t)
			}
		}
		if page.NextCursor == "" || page.NextCursor == cursor {
			return described, list, nil
		}
		cursor = page.NextCursor
	}
	return nil, nil, fmt.Errorf("the list of tools has more than %d pages", maxPages)
}

// arguments lists the names, required ones first.
func (t tool) arguments() string {
	names := slices.Clone(t.InputSchema.Required)
	for _, name := range slices.Sorted(maps.Keys(t.InputSchema.Properties)) {
		if !slices.Contains(t.InputSchema.Required, name) {
			names = append(names, "["+name+"]")
		}
	}
	return strings.Join(names, " ")
}

// summary is the description on one line.
func (t tool) summary() string {
	return strings.Join(strings.Fields(cmp.Or(t.Description, t.Title)), " ")
}
