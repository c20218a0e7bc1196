package attempt

import (
	"context"
	"log/slog"

	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Store is what [Reports] needs of the store.
type Store interface {
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error)
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)
}

// Reports takes what listeners tell of attempts that never became a request. Its methods may be
// called concurrently.
type Reports struct {
	recorder *Recorder
	store    Store
	panics   *panics.Guard
	running  func(lwm2m.EndpointName) *store.Session
	stop     func() // stops the goroutine that reads addresses, and waits for it
}

// NewReports returns Reports that keep their records with r. Running returns the session of a device
// that is running, nil for none. The addresses that devices had last are read from the history of s in
// the background, until Stop.
func NewReports(r *Recorder, s Store, guard *panics.Guard, running func(lwm2m.EndpointName) *store.Session) *Reports {
	reports := &Reports{recorder: r, store: s, panics: guard, running: running}
	reports.readAddresses()
	return reports
}

// Close ends the reading of addresses.
func (r *Reports) Close() { r.stop() }

// readAddresses fills the memory of addresses from the history, in the background: what
// comes meanwhile from addresses that are not there yet is not told of.
func (r *Reports) readAddresses() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r.stop = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		defer r.panics.Contain(panics.History)
		if err := r.recorder.Addresses.Read(ctx, r.store); err != nil && ctx.Err() == nil {
			r.recorder.Logger.LogAttrs(ctx, slog.LevelError, "addresses of devices not read from the history", slog.Any("error", err))
		}
	}()
}
