package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
)

// whoami is the [backend] with tools of its own, which mcp-go serves.
type whoami struct {
	*front
	mcp        *server.MCPServer
	streamable *server.StreamableHTTPServer
	sessions   SessionStore
	legacy     legacySessions
	watchers   watchers
	profiles   profileLog
}

func newWhoami(f *front, cfg *Config) *whoami {
	s := &whoami{front: f, sessions: newMemorySessions()}
	s.legacy.open = make(map[string]*legacySession)
	s.watchers.of = make(map[string]map[int]context.CancelFunc)
	if bus := f.ops.Bus; bus != nil {
		s.sessions = bus
		bus.HandleRequests(s.answerReplica)
	}
	s.mcp = s.tools(cfg, f.version)
	s.streamable = newStreamable(s.mcp, f.log)
	return s
}

// checkToolScopes refuses scopes of a tool that is not there: a name that is
// misspelt would leave the tool it is meant for without any.
func (s *whoami) checkToolScopes(scopes map[string][]string) error {
	var errs []error
	for name := range scopes {
		if s.mcp.GetTool(name) == nil {
			errs = append(errs, fmt.Errorf("tool scopes: there is no tool %q", name))
		}
	}
	return errors.Join(errs...)
}

// scoped is the second line of defence, around the tool itself: should a
// message ever get past [front.receive] by a way not thought of, the tool does
// not run.
func (s *whoami) scoped(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		id, _ := bearer.IdentityFrom(ctx)
		if err := s.resource.MayCall(id, request.Params.Name); err != nil {
			return nil, err
		}
		return next(ctx, request)
	}
}
