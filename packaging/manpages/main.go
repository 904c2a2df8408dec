package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	var b book
	flag.StringVar(&b.date, "date", "", "`date` in the pages, as 2006-01-02")
	flag.StringVar(&b.version, "version", "", "`version` in the pages")
	flag.Parse()
	if flag.NArg() != 3 || b.date == "" {
		flag.Usage()
		os.Exit(2)
	}
	b.dir, b.program = flag.Arg(0), flag.Arg(1)
	if err := b.write(flag.Arg(2)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// book is all manual pages.
type book struct {
	dir, program  string
	date, version string
}

// write writes all pages.
func (b book) write(server string) error {
	if err := b.command(nil, ""); err != nil {
		return err
	}
	text, err := said(server, "--help")
	if err != nil {
		return err
	}
	h := readHelp(text)
	name, short, _ := strings.Cut(strings.TrimSuffix(h.paragraphs[0], "."), ": ")
	return b.page(8, name, short, "", func(p *page) {
		p.synopsis(strings.Split(strings.TrimSpace(h.paragraphs[1]), "\n"))
		p.section("Description")
		p.text("The options may stand in the environment as well, or in a file (--config).")
		for _, s := range h.sections {
			p.section("Options")
			p.rows(s.rows())
		}
	})
}

// command writes the page of a command and those of all below it. The topics come with the
// first one.
func (b book) command(words []string, short string) error {
	text, err := said(b.program, slices.Concat([]string{"help"}, words)...)
	if err != nil {
		return err
	}
	h := readHelp(text)
	for _, r := range h.section("Commands").rows() {
		if err := b.command(slices.Concat(words, []string{r[0]}), r[1]); err != nil {
			return err
		}
	}
	for _, r := range h.section("Topics").rows() {
		if err := b.topic(r[0], r[1]); err != nil {
			return err
		}
	}
	all, err := said(b.program, slices.Concat([]string{"help", "flags"}, words)...)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		short = "use a remote MCP server from a local client, signing in when it asks"
	}
	name := strings.Join(slices.Concat([]string{"mcp-login"}, words), "-")
	return b.page(1, name, short, b.seeAlso(words, h), func(p *page) {
		p.synopsis(h.section("Usage").lines)
		p.section("Description")
		for _, text := range h.paragraphs {
			p.text(text)
		}
		if r := h.section("Commands").rows(); len(r) > 0 {
			p.section("Commands")
			p.rows(r)
		}
		for i, s := range readHelp(all).sections {
			if i == 0 {
				p.section("Options")
			}
			if s.title != "Flags" {
				p.line(".SS " + plain(s.title))
			}
			p.rows(s.rows())
		}
		if e := h.section("Examples"); len(e.lines) > 0 {
			p.section("Examples")
			p.literal(e.lines)
		}
	})
}

// seeAlso names the page above a command and those below it.
func (b book) seeAlso(words []string, h help) string {
	if len(words) == 0 {
		list := "whoami-server(8)"
		for _, r := range h.section("Topics").rows() {
			if r[0] != flagsTopic {
				list += ", mcp-login-" + r[0] + "(7)"
			}
		}
		return list
	}
	above := strings.Join(slices.Concat([]string{"mcp-login"}, words[:len(words)-1]), "-")
	return above + "(1)"
}

// flagsTopic is a topic without a page: that of a command has all its flags.
const flagsTopic = "flags"

// topic writes what help says about one as it is, for it is set already.
func (b book) topic(word, short string) error {
	if word == flagsTopic {
		return nil
	}
	text, err := said(b.program, "help", word)
	if err != nil {
		return err
	}
	return b.page(7, "mcp-login-"+word, short, "mcp-login(1)", func(p *page) {
		p.set(strings.Split(strings.TrimSpace(text), "\n"))
	})
}

// page writes one file.
func (b book) page(section int, name, short, seeAlso string, write func(*page)) error {
	var p page
	p.title(name, section, b.date, b.version)
	p.section("Name")
	p.line(plain(name) + ` \- ` + plain(short))
	write(&p)
	if seeAlso != "" {
		p.section("See also")
		p.text(seeAlso)
	}
	file := filepath.Join(b.dir, fmt.Sprintf("%s.%d", name, section))
	return os.WriteFile(file, []byte(p.String()), 0o644)
}

// said is what a program prints, on both its outputs: the help of whoami-server is on the
// second.
func said(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}
