package sim

import (
	"context"
	"fmt"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
)

// register does what a device does with an account (Core 1.1.1 §6.2.1).
func (d *device) register(ctx context.Context, a Account) (location string, err error) {
	conn, err := d.cfg.DialServer(ctx, a)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var links []link.Link
	d.mu.Lock()
	for _, p := range d.objects.paths() {
		if p.Object() != lwm2m.ObjectSecurity {
			links = append(links, link.Link{Target: p.String()})
		}
	}
	d.mu.Unlock()
	answer, err := conn.Do(ctx, bootstrap.Request{
		Method: bootstrap.POST, Path: []string{"rd"}, ContentFormat: lwm2m.FormatLink, Payload: link.Append(nil, links...),
		Queries: []string{"ep=" + string(d.cfg.Endpoint), fmt.Sprintf("lt=%d", int(a.Server.Lifetime/time.Second)), "lwm2m=" + d.cfg.Version, "b=" + a.Server.Binding},
	})
	switch {
	case err != nil:
		return "", err
	case answer.Code != lwm2m.CodeCreated:
		return "", fmt.Errorf("%w with %v", ErrNotRegistered, answer.Code)
	}
	return a.Security.ServerURI, nil
}
