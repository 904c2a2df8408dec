package main

import (
	"cmp"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"mcp-login/bearer"
)

func main() {
	resource, err := url.Parse(os.Getenv("RESOURCE")) // the address that clients use
	if err != nil {
		log.Fatal(err)
	}
	protected, err := bearer.New(bearer.Config{
		Resource: resource, Issuer: os.Getenv("ISSUER"), Log: slog.Default(),
		Scopes: []string{"openid", "profile", "email"}, // that clients ask for
	})
	if err != nil {
		log.Fatal(err)
	}
	protected.Reload() // so that the log says at once what is wrong with the issuer
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+resource.Path, read)
	mux.Handle("POST "+resource.Path, bearer.RequireScope("notes:write")(http.HandlerFunc(write)))
	s := http.Server{Addr: "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "8080"), Handler: protected.Middleware(mux), ReadHeaderTimeout: 10 * time.Second}
	log.Println("serving", resource)
	log.Fatal(s.ListenAndServe())
}

func read(w http.ResponseWriter, r *http.Request) {
	who, _ := bearer.IdentityFrom(r.Context())
	fmt.Fprintf(w, "notes of %s\n", who.Subject)
}

func write(w http.ResponseWriter, r *http.Request) {
	who, _ := bearer.IdentityFrom(r.Context())
	fmt.Fprintf(w, "written by %s\n", who.Subject)
}
