package sim

import (
	"context"
	"fmt"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// register does what a device does with an account (Core 1.1.1 §6.2.1).
func (d *device) register(ctx context.Context, a Account) (location string, err error) {
	conn, err := d.cfg.DialServer(ctx, a)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var links []lwm2m.Link
	d.mu.Lock()
	for _, p := range d.objects.paths() {
		if p.Object() != lwm2m.ObjectSecurity {
			links = append(links, lwm2m.Link{Target: p.String()})
		}
	}
	d.mu.Unlock()
	answer, err := conn.Do(ctx, bootstrap.Request{
		Method: bootstrap.POST, Path: []string{"rd"}, ContentFormat: lwm2m.FormatLink, Payload: lwm2m.AppendLinks(nil, links...),
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
