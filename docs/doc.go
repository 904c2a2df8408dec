// Package docs holds the documentation that the programs print.
//
//  1. The files of this folder are the one place where things are said.
//  2. [Topics] lists those that mcp-login help prints; [Topic.Text] is one of them, as it is.
package docs

import "embed"

//go:embed desktop.md terminal.md signing-in.md enterprise.md environment.md storage.md proxies.md exit-codes.md troubleshooting.md install.md faq.md glossary.md logto.md
var files embed.FS

// Topic is a page that mcp-login help prints.
type Topic struct {
	Word  string // what is said to help
	File  string
	Short string // what the page is about
}

// Topics are all of them.
var Topics = []Topic{
	{"environment", "environment.md", "Every flag and variable"},
	{"exit-codes", "exit-codes.md", "What the exit codes mean"},
	{"storage", "storage.md", "Where logins are kept, and how safe that is"},
	{"headless", "signing-in.md", "Signing in without a browser, or without a person"},
	{"enterprise", "enterprise.md", "One sign-in at your company for many servers"},
	{"proxies", "proxies.md", "Proxies, certificates, bad networks"},
	{"logto", "logto.md", "Protecting a server with Logto"},
	{"desktop", "desktop.md", "Setting up a desktop client"},
	{"terminal", "terminal.md", "Using a server from a terminal or a script"},
	{"troubleshooting", "troubleshooting.md", "Symptoms, causes and cures"},
	{"install", "install.md", "Installing, updating and removing mcp-login"},
	{"faq", "faq.md", "Questions that are asked often"},
	{"glossary", "glossary.md", "What OAuth and MCP call things"},
}

// Text returns the page, which is Markdown.
func (t Topic) Text() string {
	text, err := files.ReadFile(t.File)
	if err != nil {
		return "" // a test reads them all
	}
	return string(text)
}
