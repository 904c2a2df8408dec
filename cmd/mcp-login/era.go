package main

import "mcp-login/internal/bridge/era"

// link stands between the client's protocol era and the server's.
func (s *session) link() *era.Link {
	return era.New(era.Config{Server: s.remote, Name: s.server.Host, Log: s.log})
}
