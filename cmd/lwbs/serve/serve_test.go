package serve

import (
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
)

// The metrics of a listener have every reason to drop a datagram, also where none was yet.
func TestTransportHasEveryReason(t *testing.T) {
	l, err := coap.ListenUDP("127.0.0.1:0", coap.Config{Handler: noHandler{}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dropped := transport(l).Dropped
	for reason := range (coap.Drops{}).All() {
		if n, ok := dropped[reason.String()]; !ok || n != 0 {
			t.Errorf("%v: %d, %v", reason, n, ok)
		}
		delete(dropped, reason.String())
	}
	if len(dropped) > 0 {
		t.Errorf("there are more: %v", dropped)
	}
}

// noHandler is for a listener that gets no request.
type noHandler struct{ bootstrap.Handler }
