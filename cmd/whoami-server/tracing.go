package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"mcp-login/internal/origin"
)

// flushTimeout is how long spans may take to be sent when the server stops.
const flushTimeout = 3 * time.Second

// checkCollector reports why address cannot be a collector of traces.
func checkCollector(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("otlp-endpoint: must be an http or https URL")
	}
	return nil
}

// startTracing sends spans to the collector at address.
// Of the traces that begin here ratio is kept; one that a trusted sender has
// decided about is kept or dropped as it says. What cannot be sent is dropped.
func startTracing(ctx context.Context, address string, ratio float64, version string, log *slog.Logger) (tracer trace.TracerProvider, stop func()) {
	if !strings.HasSuffix(address, "/v1/traces") {
		address = strings.TrimSuffix(address, "/") + "/v1/traces"
	}
	exporter := &collector{
		url: address,
		http: &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1},
			Timeout:       flushTimeout,
			CheckRedirect: origin.NoRedirect,
		},
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("traces", slog.Any("error", err))
	}))
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(ratio))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "whoami-server"), attribute.String("service.version", version),
		)),
	)
	return provider, func() {
		// The last spans are sent after ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces were not sent", slog.Any("error", err))
		}
	}
}
