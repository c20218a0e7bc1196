package admin

import (
	"context"
	"errors"
	"io"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/trace"
	"lwbs/lwm2m"
	"lwbs/store"
)

// TraceOptions say what is recorded. Zero means the default of [trace.Options].
type TraceOptions struct {
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"` // empty: of all devices
	Sessions int                `json:"sessions,omitempty"`
	MaxBytes int                `json:"maxBytes,omitempty"`
	Seconds  int                `json:"seconds,omitempty"`
	Reveal   bool               `json:"reveal,omitempty"`
}

// Trace implements [API].
func (l *Local) Trace(ctx context.Context, o TraceOptions, w io.Writer) error {
	if l.Tracer == nil {
		return ErrNoServer
	}
	full := trace.Options{Endpoint: o.Endpoint, Sessions: o.Sessions, MaxBytes: o.MaxBytes, For: time.Duration(o.Seconds) * time.Second, Reveal: o.Reveal}
	if o.Endpoint != "" {
		d, err := l.Store.Device(ctx, o.Endpoint)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for _, c := range d.Credentials {
			switch c.Kind {
			case store.CredentialPSK:
				full.Identities = append(full.Identities, auth.Peer{Identity: c.Identity}.Name())
			case store.CredentialCertificate:
				full.Identities = append(full.Identities, c.Identity)
			}
		}
	}
	_, err := l.Tracer.Run(ctx, full, w)
	return err
}
