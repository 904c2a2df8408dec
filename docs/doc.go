// Package docs holds the documentation that the programs print.
//
//  1. The files of this folder are the one place where things are said.
//  2. [Topic] gives one of them to mcp-login help, as it is.
package docs

import "embed"

//go:embed environment.md exit-codes.md storage.md logto.md signing-in.md proxies.md
var files embed.FS

// topics are the words of mcp-login help.
var topics = map[string]string{
	"environment": "environment.md",
	"exit-codes":  "exit-codes.md",
	"storage":     "storage.md",
	"logto":       "logto.md",
	"headless":    "signing-in.md",
	"proxies":     "proxies.md",
}

// Topic returns the text of a topic, "" for a word that is none.
func Topic(word string) string {
	text, err := files.ReadFile(topics[word])
	if err != nil {
		return ""
	}
	return string(text)
}
