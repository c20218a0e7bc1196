package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// persist bootstraps, as often as the device's stack does and its configuration permits.
func (d *device) persist(ctx context.Context) error {
	pause := cmp.Or(d.cfg.Stack.Returns.Pause, d.cfg.BootstrapServer.ClientHoldOffTime)
	for {
		err := d.bootstrap(ctx)
		d.mu.Lock()
		d.attempts++
		last := d.attempts == d.cfg.Attempts
		d.mu.Unlock()
		if last || !d.comesBack(err) {
			return err
		}
		select {
		case <-time.After(d.hasty(pause)):
		case <-ctx.Done():
			return err
		}
		pause = min(2*pause, max(d.cfg.Stack.Returns.MaxPause, pause))
	}
}

// comesBack reports whether the device asks again after err.
func (d *device) comesBack(err error) bool {
	r := d.cfg.Stack.Returns
	switch {
	case err == nil:
		return false
	case errors.Is(err, ErrNoAccount):
		return r.AfterNothing
	case errors.Is(err, ErrRefused):
		return r.AfterRefusal
	}
	return r.AfterFailure
}

// bootstrap asks and answers until the session is over.
func (d *device) bootstrap(ctx context.Context) error {
	a := &attempt{device: d, finished: make(chan struct{}), lost: make(chan struct{}), heard: make(chan struct{}, 1)}
	conn, err := d.cfg.Dial(ctx, a)
	if err != nil {
		return fmt.Errorf("reach the bootstrap server: %w", err)
	}
	defer conn.Close()
	if d.cfg.Pack != 0 {
		if packed, err := d.askForPack(ctx, conn); packed || err != nil {
			return err
		}
	}
	if err := d.ask(ctx, conn); err != nil {
		return err
	}
	if err := a.await(ctx, conn); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.objects.usable() == 0 {
		return ErrNoAccount
	}
	return nil
}

// ask puts the Bootstrap-Request.
func (d *device) ask(ctx context.Context, conn bootstrap.Conn) error {
	code, err := d.request(ctx, conn, d.cfg.PreferredFormat)
	if d.cfg.Stack.Asks.AgainAs10 && d.cfg.PreferredFormat != 0 && code.Class() == 4 {
		_, err = d.request(ctx, conn, 0)
	}
	return err
}

func (d *device) request(ctx context.Context, conn bootstrap.Conn, preferred lwm2m.Format) (lwm2m.Code, error) {
	own := d.cfg.Stack.Asks
	req := bootstrap.Request{Method: bootstrap.POST, Path: append(own.Path[:len(own.Path):len(own.Path)], "bs"), Queries: d.name()}
	if preferred != 0 {
		req.Queries = append(req.Queries, fmt.Sprintf("pct=%d", preferred.Number()))
	}
	answer, err := conn.Do(ctx, req)
	switch {
	case err != nil:
		return 0, fmt.Errorf("bootstrap request: %w", err)
	case answer.Code != lwm2m.CodeChanged:
		return answer.Code, fmt.Errorf("%w with %v %s", ErrRefused, answer.Code, answer.Payload)
	}
	return answer.Code, nil
}

// name is how the device calls itself in a request, after what its stack puts before.
func (d *device) name() []string {
	own := d.cfg.Stack.Asks.Queries
	own = own[:len(own):len(own)]
	if d.cfg.OmitEndpoint {
		return own
	}
	return append(own, "ep="+string(d.cfg.Endpoint))
}

// An attempt is one association with the Bootstrap-Server, and the session on it.
type attempt struct {
	device   *device
	finished chan struct{} // closed at an accepted Finish
	lost     chan struct{} // closed where the device forgets the association
	heard    chan struct{} // gets an element for requests of the server

	// What follows is guarded by mu of the device.
	served int
	done   bool
	gone   bool // lost is closed
}

// await waits for the end of the session, while ServeRequest answers.
func (a *attempt) await(ctx context.Context, conn bootstrap.Conn) error {
	d := a.device
	timeout := d.hasty(d.cfg.SessionTimeout)
	patience := time.NewTimer(timeout)
	defer patience.Stop()
	var tick <-chan time.Time
	if every := d.hasty(d.cfg.Stack.Finishes.Tick); every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-a.finished:
			d.linger(ctx, conn)
			return nil
		case <-a.lost:
			return d.bootstrap(ctx) // nothing ends the old association before that is over
		case <-a.heard:
			if d.cfg.Stack.Finishes.Rearms {
				patience.Reset(timeout)
			}
		case <-tick:
			if d.knowsServer() {
				return nil
			}
			if err := d.ask(ctx, conn); err != nil {
				return err
			}
		case <-conn.Done():
			return fmt.Errorf("%w: the server closed the association", ErrNoFinish)
		case <-patience.C:
			return fmt.Errorf("%w within %v", ErrNoFinish, timeout)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrNoFinish, ctx.Err())
		}
	}
}

// knowsServer reports whether the device was told where an LwM2M Server is.
func (d *device) knowsServer() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.objects.security() {
		if !s.BootstrapServer && s.ServerURI != "" {
			return true
		}
	}
	return false
}

// defaultStay is the default of Finishing.Stays.
const defaultStay = 200 * time.Millisecond

// linger lets the answer to Finish arrive before the association is closed.
func (d *device) linger(ctx context.Context, conn bootstrap.Conn) {
	t := time.NewTimer(cmp.Or(d.hasty(d.cfg.Stack.Finishes.Stays), defaultStay))
	defer t.Stop()
	select {
	case <-conn.Done():
	case <-t.C:
	case <-ctx.Done():
	}
}
