package page

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"strings"

	"mcp-login/internal/foreign"
)

// HTML is markup that stands on a page as it is. Text of others comes into it only
// through [Text].
type HTML string

// Text returns a value as it stands between tags, or in an attribute between double
// quotes, without characters that are not seen (see package foreign). It has no bound
// and keeps its lines.
func Text(value string) HTML { return HTML(html.EscapeString(foreign.Text(value))) }

// Template is a document with places.
type Template struct{ document, style, script, policy string }

// New returns a Template of a document and of the style and the script that stand in
// it at {{Style}} and {{Script}}; "" for none.
func New(document, style, script string) Template {
	policy := "default-src 'none'; style-src " + hashOf(style)
	if script != "" {
		policy += "; script-src " + hashOf(script)
	}
	return Template{document, style, script, policy + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
}

// hashOf is a source expression of Content Security Policy Level 3.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Render returns the document with the values at their places, by name. What looks
// like a place inside a value stays what it is.
func (t Template) Render(values map[string]HTML) string {
	places := []string{"{{Style}}", t.style, "{{Script}}", t.script}
	for name, value := range values {
		places = append(places, "{{"+name+"}}", string(value))
	}
	return strings.NewReplacer(places...).Replace(t.document)
}

// Headers sets the type of the page, the policy that keeps scripts, frames, forms and
// whatever else is not in the document off it, and that its address is told to nobody.
func (t Template) Headers(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", t.policy)
	h.Set("Referrer-Policy", "no-referrer")
}
