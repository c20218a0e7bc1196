// Package expiry tells those who ask for it that certificates are about to expire.
package expiry

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Store has the certificates, and takes the events. Its methods are those of [store.Store].
type Store interface {
	LwM2MServers(ctx context.Context) ([]store.LwM2MServer, error)
	Groups(ctx context.Context) (store.Groups, error)
	DeviceOutlines(ctx context.Context, q store.DeviceQuery) ([]store.DeviceOutline, error)
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	AppendEvent(ctx context.Context, e store.Event) (int, error)
}

// A Watcher looks for certificates that expire. All fields are required.
type Watcher struct {
	Store   Store
	Own     func() []*x509.Certificate // that the server shows or trusts; called at each look
	Logger  *slog.Logger
	Contain func(f func()) // calls f, and ends a panic of it
}

// Every is how often a Watcher looks.
const Every = time.Hour

// soon is how long before its expiry a certificate is told of first.
var soon = time.Duration(slices.Max(store.ExpiryDays)) * 24 * time.Hour

// page is how many outlines are read at a time.
const page = 1000

// Run looks now, and every hour, until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		w.Contain(func() {
			if err := w.Look(ctx, time.Now()); err != nil && ctx.Err() == nil {
				w.Logger.Error("certificates not looked at", slog.Any("error", err))
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look appends the events that are due at a time, if anybody asks for them.
func (w *Watcher) Look(ctx context.Context, now time.Time) error {
	servers, err := w.Store.LwM2MServers(ctx)
	if err != nil || !slices.ContainsFunc(servers, func(s store.LwM2MServer) bool { return slices.Contains(s.Events, store.EventExpiring) }) {
		return err
	}
	l := look{Watcher: w, ctx: ctx, now: now}
	for _, c := range w.Own() {
		l.certificate(store.ExpiringData{Of: store.ExpiringServer}, c.Raw)
	}
	for _, s := range servers {
		for _, der := range s.CAs {
			l.certificate(store.ExpiringData{Of: store.ExpiringCA, Record: s.Name}, der)
		}
	}
	groups, err := w.Store.Groups(ctx)
	for _, g := range groups.All {
		for _, der := range g.CAs {
			l.certificate(store.ExpiringData{Of: store.ExpiringCA, Record: g.Name}, der)
		}
	}
	return errors.Join(err, l.devices(), l.err)
}

// A look is one look at all certificates.
type look struct {
	*Watcher
	ctx context.Context
	now time.Time
	err error // the first of the store
}

// devices looks at those of devices that are not disabled.
func (l *look) devices() error {
	q := store.DeviceQuery{Limit: page}
	for {
		outlines, err := l.Store.DeviceOutlines(l.ctx, q)
		if err != nil {
			return err
		}
		for _, o := range outlines {
			if !o.Disabled && !o.Expires.IsZero() && o.Expires.Sub(l.now) <= soon {
				l.device(o.Endpoint)
			}
		}
		if len(outlines) < page {
			return nil
		}
		q.After = outlines[len(outlines)-1].Endpoint
	}
}

func (l *look) device(ep lwm2m.EndpointName) {
	d, err := l.Store.Device(l.ctx, ep)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			l.failed(err)
		}
		return
	}
	for _, c := range d.Credentials {
		data := store.ExpiringData{Of: store.ExpiringDevice, Endpoint: ep, Expires: c.Expires}
		switch {
		case c.Expires.IsZero():
			continue
		case c.Kind == store.CredentialCertificate:
			data.Fingerprint = c.Identity
		default:
			data.Subject = c.Identity // a name in it
		}
		l.tell(data)
	}
	for name, a := range d.Accounts {
		l.certificate(store.ExpiringData{Of: store.ExpiringAccount, Endpoint: ep, Account: name}, a.Certificate)
	}
}

// certificate tells of a certificate, DER; other bytes, such as a public key, do not expire.
func (l *look) certificate(data store.ExpiringData, der []byte) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	data.Subject, data.Fingerprint, data.Expires = c.Subject.String(), store.Fingerprint(der), c.NotAfter
	l.tell(data)
}

func (l *look) tell(data store.ExpiringData) {
	e, due := store.ExpiringEvent(data, l.now)
	if !due || l.ctx.Err() != nil {
		return
	}
	_, err := l.Store.AppendEvent(l.ctx, e)
	l.failed(err)
}

func (l *look) failed(err error) {
	if l.err == nil {
		l.err = err
	}
}
