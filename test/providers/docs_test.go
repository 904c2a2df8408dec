package providers

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docsPage = "../../docs/providers.md"

// docs/providers.md has the row of each provider; -update writes the table.
func TestProvidersDocs(t *testing.T) {
	data, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	table, rows := "| provider or server | what it does | what mcp-login does | what it takes |\n| --- | --- | --- | --- |\n", 0
	for _, e := range slices.Concat(providerCases, serverCases) {
		if e.row != nil {
			rows++
			table += "| " + strings.Join([]string{e.row.provider, e.row.does, e.row.we, e.row.flags}, " | ") + " |\n"
		}
	}
	if *update {
		text = regexp.MustCompile(`\| provider or server \|(.*\n\|)*.*\n`).ReplaceAllLiteralString(text, table)
		if err := os.WriteFile(docsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(text, "\n"+table+"\n") {
		t.Errorf("the page lacks this table of %d rows; go test ./test/providers -run Docs -update writes it:\n%s", rows, table)
	}
	if rows < 20 {
		t.Errorf("%d rows", rows)
	}
}
