package dtls

import (
	"lwbs/bootstrap/coap/dtls/record"
)

// Alerts (RFC 5246 §7.2).
const (
	alertWarning     = 1
	alertFatal       = 2
	alertCloseNotify = 0
)

// receiveAlert ends the association with a fatal alert and with close_notify, which is
// answered; others change nothing (RFC 5246 §7.2).
func (a *association) receiveAlert(level, description byte) {
	switch {
	case description == alertCloseNotify:
		_ = a.closeNotifyLast() // an error has the effect of a lost datagram
	case level == alertFatal:
		a.stopSending()
	default:
		return
	}
	a.mux.closed(a)
}

// stopSending drops whatever is sent from now on.
func (a *association) stopSending() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.muted = true
}

// closeNotifyLast sends close_notify and nothing more after that, unless the peer has ended the
// association or has a newer one.
func (a *association) closeNotifyLast() error { return a.notifyClose(true) }

// CloseNotify implements [exchange.Hibernator]. A peer that handles it ends the association and may
// make a new one at once. Many do not, and come back on this one, where they are served all the same.
func (a *association) CloseNotify() { _ = a.notifyClose(false) } // an error has the effect of a lost datagram

// notifyClose sends close_notify, the last datagram of all or not.
func (a *association) notifyClose(last bool) error {
	a.mu.Lock()
	if a.muted {
		a.mu.Unlock()
		return nil
	}
	a.muted = last
	sealed, err := a.seal(record.TypeAlert, []byte{alertWarning, alertCloseNotify})
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.write(sealed)
}
