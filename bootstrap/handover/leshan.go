package handover

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"sync/atomic"

	"lwbs/lwm2m"
)

// A leshan is the server demo of Eclipse Leshan, 2.0 or 1.5, which have different forms of the security
// information. What they give back tells which it is, and so does a refusal.
type leshan struct {
	*client
	old atomic.Bool // it is 1.5, as far as known
}

const leshanClients = "/api/security/clients/"

func (l *leshan) Put(ctx context.Context, a Account) error {
	old := l.old.Load()
	err := l.put(ctx, a, old)
	if e, is := err.(*Error); !is || e.Again {
		return err
	}
	isOld, known := l.form(ctx)
	if known && isOld == old {
		return err
	}
	second := l.put(ctx, a, !old)
	if second == nil || known {
		l.old.Store(!old)
		return second
	}
	return err
}

func (l *leshan) put(ctx context.Context, a Account, old bool) error {
	form := leshanForm
	if old {
		form = leshanOldForm
	}
	info, err := form(a)
	if err != nil {
		return err
	}
	answer, err := l.do(ctx, request{method: "PUT", path: leshanClients, body: info, hide: a.secrets()})
	if err != nil {
		return err
	}
	return notLeshan(answer)
}

// notLeshan reports that an answer is none of Leshan, such as the log-in page of a proxy.
func notLeshan(answer []byte) error {
	if len(bytes.TrimSpace(answer)) > 0 && !json.Valid(answer) {
		return refused("it answers as Leshan does not, so it may not have done what it was asked: check its address")
	}
	return nil
}

// form asks the server what it knows, whose form tells which it is, unless it knows nothing.
func (l *leshan) form(ctx context.Context) (old, known bool) {
	var all []map[string]json.RawMessage
	answer, err := l.do(ctx, request{method: "GET", path: leshanClients})
	if err != nil || json.Unmarshal(answer, &all) != nil {
		return false, false
	}
	for _, info := range all {
		switch {
		case info["tls"] != nil || info["oscore"] != nil:
			return false, true
		case info["psk"] != nil || info["rpk"] != nil || info["x509"] != nil:
			return true, true
		}
	}
	return false, false
}

func (l *leshan) Remove(ctx context.Context, a Account) error {
	r := request{method: "DELETE", path: leshanClients + url.PathEscape(string(a.Endpoint))}
	status, answer, err := l.send(ctx, r)
	switch {
	case err != nil || status == http.StatusNotFound:
		return err
	case status < 300:
		return notLeshan(answer)
	}
	return l.refusal(r, status, answer)
}

// leshanForm is the security information of Leshan 2.0.
func leshanForm(a Account) (any, error) {
	info := map[string]any{"endpoint": string(a.Endpoint)}
	if a.Master.Len() > 0 {
		info["oscore"] = map[string]string{ // as the server sees it
			"sid": hex.EncodeToString(a.Recipient), "rid": hex.EncodeToString(a.SenderID), "msec": hexOf(a.Master),
		}
	}
	switch a.Mode {
	case lwm2m.SecurityPSK:
		identity, err := a.pskText()
		if err != nil {
			return nil, err
		}
		info["tls"] = map[string]any{"mode": "psk", "details": map[string]string{"identity": identity, "key": hexOf(a.Key)}}
	case lwm2m.SecurityRPK:
		info["tls"] = map[string]any{"mode": "rpk", "details": map[string]string{"key": hex.EncodeToString(a.Identity)}}
	case lwm2m.SecurityCertificate:
		info["tls"] = map[string]any{"mode": "x509"}
	default:
		if a.Master.Len() == 0 {
			return nil, refused("an account without security is nothing that Leshan must know")
		}
	}
	return info, nil
}

// leshanOldForm is that of Leshan 1.5, which has no OSCORE.
func leshanOldForm(a Account) (any, error) {
	info := map[string]any{"endpoint": string(a.Endpoint)}
	switch {
	case a.Master.Len() > 0:
		return nil, refused("Leshan 1.5 has no OSCORE")
	case a.Mode == lwm2m.SecurityPSK:
		identity, err := a.pskText()
		if err != nil {
			return nil, err
		}
		info["psk"] = map[string]string{"identity": identity, "key": hexOf(a.Key)}
	case a.Mode == lwm2m.SecurityRPK:
		info["rpk"] = map[string]string{"key": hex.EncodeToString(a.Identity)}
	case a.Mode == lwm2m.SecurityCertificate:
		info["x509"] = true
	default:
		return nil, refused("an account without security is nothing that Leshan must know")
	}
	return info, nil
}
