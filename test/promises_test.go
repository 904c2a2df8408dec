package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// proof is the name of a test or of a script in a table of the docs.
var proof = regexp.MustCompile("`(Test[A-Za-z0-9_]+|Fuzz[A-Za-z0-9_]+|[a-z0-9-]+\\.txtar)`")

// table returns the rows of a page whose first cell is a number, which count up
// from 1, with as many cells as asked for.
func table(t *testing.T, page string, cells int) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "evidence", page))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	numbered := regexp.MustCompile(`^\| \d+ \|`)
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\r\n", "\n")) {
		if !numbered.MatchString(line) {
			continue
		}
		row := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		if len(row) != cells || row[0] != strconv.Itoa(len(rows)+1) {
			t.Fatalf("%s: row %d of %d cells: %s", page, len(rows)+1, len(row), line)
		}
		rows = append(rows, row)
	}
	return rows
}

// proven reports names of tests in a cell that do not exist, and returns how
// many there are.
func proven(t *testing.T, row []string, cell string, known map[string]bool) int {
	t.Helper()
	names := proof.FindAllStringSubmatch(cell, -1)
	for _, m := range names {
		if !known[m[1]] {
			t.Errorf("row %s, %s: there is no %s", row[0], row[1], m[1])
		}
	}
	return len(names)
}

// The matrix has its 81 rows, each yes of ours names a test that exists,
// each partly says what is missing, and the rows at the end are those of the noes.
func TestTheComparisonNamesTestsThatExist(t *testing.T) {
	known := knownTests(t)
	rows := table(t, "comparison.md", 11)
	if len(rows) != 81 {
		t.Errorf("%d rows", len(rows))
	}
	var noes []string
	for _, r := range rows {
		n := proven(t, r, r[3], known)
		switch r[2] {
		case "yes":
			if n == 0 {
				t.Errorf("row %s, %s: yes without a proof", r[0], r[1])
			}
		case "partly":
			if r[3] == "" {
				t.Errorf("row %s, %s: partly, but not what", r[0], r[1])
			}
		case "no":
			noes = append(noes, r[0])
		default:
			if r[0] != "8" { // a figure
				t.Errorf("row %s, %s: %q", r[0], r[1], r[2])
			}
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "docs", "evidence", "comparison.md"))
	if err != nil {
		t.Fatal(err)
	}
	last := len(noes) - 1
	if want := "In rows " + strings.Join(noes[:last], ", ") + " and " + noes[last] + " others"; !strings.Contains(string(text), want) {
		t.Errorf("the end of the page does not say %q", want)
	}
}

// Each requirement of the page has a test, and every name there is one.
func TestEachRequirementHasATest(t *testing.T) {
	known := knownTests(t)
	rows := 0
	for line := range strings.Lines(string(readFile(t, filepath.Join("..", "docs", "evidence", "requirements.md")))) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| demanded") {
			continue
		}
		rows++
		if len(cells) != 3 {
			t.Errorf("a row of %d cells: %s", len(cells), line)
		} else if proven(t, cells, cells[2], known) == 0 {
			t.Errorf("no test shows: %s", line)
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows", rows)
	}
}

// The page on the architecture has a row for each room, the files that it names are
// there and have the names that it says are in them, and its drawing has the arrows of the
// table.
func TestTheArchitecturePageHasEveryRoom(t *testing.T) {
	text := string(readFile(t, filepath.Join("..", "docs", "architecture.md")))
	for room := range rooms {
		if !strings.Contains(text, "\n| `"+room+"` |") {
			t.Errorf("no row for %s", room)
		}
	}
	var files []string
	for _, path := range sources(t) {
		files = append(files, strings.TrimPrefix(filepath.ToSlash(path), ".."))
	}
	named := regexp.MustCompile("`([a-z_/*-]+\\.go)`").FindAllStringSubmatch(text, -1)
	for _, m := range named {
		if len(filesNamed(files, m[1])) == 0 {
			t.Errorf("there is no %s", m[1])
		}
	}
	inside := regexp.MustCompile("(?:`(\\w+)` and )?`(\\w+)` in `([a-z_/-]+\\.go)`").FindAllStringSubmatch(text, -1)
	for _, m := range inside {
		for _, name := range strings.Fields(m[1] + " " + m[2]) {
			word := regexp.MustCompile(`\b` + name + `\b`)
			if !slices.ContainsFunc(filesNamed(files, m[3]), func(found string) bool { return word.Match(readFile(t, filepath.Join("..", found))) }) {
				t.Errorf("%s has no %s", m[3], name)
			}
		}
	}
	if len(named) < 40 || len(inside) < 20 {
		t.Errorf("only %d files and %d names in them found on the page", len(named), len(inside))
	}
	if got, want := drawnArrows(text), arrows(); !slices.Equal(got, want) {
		t.Errorf("the drawing has\n%s\nand the table\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// filesNamed are those whose path ends with a name, in which * stands for anything but a
// slash.
func filesNamed(files []string, name string) (found []string) {
	for _, file := range files {
		parts := strings.Split(file, "/")
		end := parts[max(0, len(parts)-1-strings.Count(name, "/")):]
		if ok, err := filepath.Match(name, strings.Join(end, "/")); err == nil && ok {
			found = append(found, file)
		}
	}
	return found
}

// The files that a doc.go names stand beside it, and in a room of many files it names
// them: whoever has read of a step looks for its code there.
func TestEveryDocNamesFilesOfItsRoom(t *testing.T) {
	for room := range rooms {
		folder := filepath.Join("..", filepath.FromSlash(room))
		text, err := os.ReadFile(filepath.Join(folder, "doc.go"))
		if err != nil {
			t.Error(err)
			continue
		}
		named := regexp.MustCompile(`\b[a-z_]+\.go\b`).FindAllString(string(text), -1)
		for _, name := range named {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				t.Errorf("%s: doc.go names %s, which is not there", room, name)
			}
		}
		all, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
		if len(all) > 8 && len(named) == 0 {
			t.Errorf("%s has %d files, and its doc.go names none", room, len(all))
		}
	}
}

// notDrawn are the rooms that many others import, and those that nothing comes of.
var notDrawn = append([]string{"internal/terminal", "internal/page", "internal/neterror", "internal/header", "internal/commandline", "internal/dpop", "docs", "examples/whoami", "examples/bearer/mcpgo", "examples/bearer/gosdk", "examples/bearer/nethttp"}, leaves...)

// drawnArrows are those of the first drawing on a page. A box says the name of its
// room up to the first line break.
func drawnArrows(page string) (all []string) {
	_, drawing, _ := strings.Cut(page, "flowchart TD")
	drawing, _, _ = strings.Cut(drawing, "```")
	room := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)\["([\w/-]+)`).FindAllStringSubmatch(drawing, -1) {
		if room[m[1]] = m[2]; rooms[m[2]] == nil {
			room[m[1]] = "internal/" + m[2]
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^ *(\w+)(?:\[.*\])? --> (\w+)`).FindAllStringSubmatch(drawing, -1) {
		all = append(all, room[m[1]]+" -> "+room[m[2]])
	}
	slices.Sort(all)
	return all
}

// arrows are the imports of the table, but for those beside a longer way.
func arrows() (all []string) {
	for from, imported := range rooms {
		for _, to := range imported {
			further := func(by string) bool { return by != to && leadsTo(by, to) }
			if !slices.Contains(notDrawn, from) && !slices.Contains(notDrawn, to) && !slices.ContainsFunc(imported, further) {
				all = append(all, from+" -> "+to)
			}
		}
	}
	slices.Sort(all)
	return all
}

// leadsTo reports whether imports lead from one room to another.
func leadsTo(from, to string) bool {
	return slices.ContainsFunc(rooms[from], func(next string) bool { return next == to || leadsTo(next, to) })
}

// The score-card has its 50 rows, and each names the tests that give its figure;
// a row that is not reached says so.
func TestTheScoreCardNamesTestsThatExist(t *testing.T) {
	known := knownTests(t)
	rows := table(t, "score-card.md", 5)
	if len(rows) != 50 {
		t.Errorf("%d rows", len(rows))
	}
	for _, r := range rows {
		if n := proven(t, r, r[2], known); n == 0 && !strings.HasPrefix(r[4], "not ") {
			t.Errorf("row %s, %s: neither a test nor a reason", r[0], r[1])
		}
		if r[1] == "" || r[3] == "" || r[4] == "" {
			t.Errorf("row %s: an empty cell", r[0])
		}
	}
	checkAttacks(t, known)
}

// attacks are those of the audit that came through or nearly did: A, R and W with
// the last number of each, and the numbers that were not given.
var attacks = map[string]struct {
	last int
	none []int
}{"A": {last: 13}, "R": {last: 4}, "W": {last: 18, none: []int{8, 13}}}

// checkAttacks checks that each of them has a row with a test, or a reason why it
// is kept.
func checkAttacks(t *testing.T, known map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "evidence", "score-card.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([ARW]\d+|–) \|(.*)\|$`).FindAllStringSubmatch(string(text), -1) {
		r := append([]string{m[1]}, strings.Split(m[2], "|")...)
		if len(r) != 5 {
			t.Errorf("row %s has %d cells", m[1], len(r))
			continue
		}
		found[m[1]] = true
		if proven(t, r, r[2], known) == 0 && !strings.HasPrefix(strings.TrimSpace(r[4]), "kept") {
			t.Errorf("row %s,%s: neither a test nor a reason", r[0], r[1])
		}
	}
	for letter, numbers := range attacks {
		for n := 1; n <= numbers.last; n++ {
			if id := letter + strconv.Itoa(n); !found[id] && !slices.Contains(numbers.none, n) {
				t.Errorf("the score-card has no row %s", id)
			}
		}
	}
}

// knownTests are the names of all tests, fuzz targets and scripts of the
// project.
func knownTests(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)[A-Za-z0-9_]*)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			known[d.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range function.FindAllStringSubmatch(string(source), -1) {
				known[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}
