package sim

import (
	"context"
	"fmt"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// askForPack asks for everything at once, and reports whether the device could use what
// it got. An answer with an error is none of the device's (Core 1.2.2 §6.1.7.7).
func (d *device) askForPack(ctx context.Context, conn bootstrap.Conn) (used bool, err error) {
	req := bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}, Queries: d.name(), Accept: d.cfg.Pack}
	if !d.cfg.OmitAccount {
		req.Queries = append(req.Queries, fmt.Sprintf("acc=</0/%d>", d.cfg.BootstrapServer.ID))
	}
	answer, err := conn.Do(ctx, req)
	switch {
	case err != nil:
		return false, fmt.Errorf("bootstrap pack request: %w", err)
	case answer.Code != lwm2m.CodeContent:
		return false, nil
	}
	pack, err := content.Decode(answer.ContentFormat, lwm2m.Root, answer.Payload)
	if err != nil {
		return false, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.packed = d.objects.replace(pack)
	return d.packed, nil
}
