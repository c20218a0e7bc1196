package handover

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A thingsBoard has a device of the name of the endpoint, whose credentials are replaced. The device
// must exist there.
type thingsBoard struct {
	*client
	apiKey lwm2m.Secret // empty where login is not nil
	login  *login       // of a tenant administrator
}

const thingsBoardHeader = "X-Authorization"

func newThingsBoard(c *client, record store.LwM2MServer) *thingsBoard {
	if record.User == "" {
		return &thingsBoard{client: c, apiKey: record.Secret}
	}
	body := map[string]string{"username": record.User, "password": string(record.Secret.Reveal())}
	return &thingsBoard{client: c, login: &login{
		client: c, request: request{method: "POST", path: "/api/auth/login", body: body}, member: "token", header: thingsBoardHeader,
	}}
}

func (t *thingsBoard) Put(ctx context.Context, a Account) error {
	security, err := thingsBoardSecurity(a)
	if err != nil {
		return err
	}
	return t.replace(ctx, a, security, false)
}

// Remove gives the device, which goes on to exist as it has data, an identity and a key that no one has.
// Without credentials it could come without security. A device that has other credentials by now was given them by
// someone else, and keeps them.
func (t *thingsBoard) Remove(ctx context.Context, a Account) error {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // which never fails
	security := map[string]string{
		"securityConfigClientMode": "PSK", "endpoint": string(a.Endpoint),
		"identity": "removed-" + hex.EncodeToString(random[:16]), "key": hex.EncodeToString(random[16:]),
	}
	return t.replace(ctx, a, security, true)
}

// test logs in and asks for a device.
func (t *thingsBoard) test(ctx context.Context) error {
	r := request{method: "GET", path: thingsBoardDevices + TestEndpoint}
	status, answer, err := t.authorized(ctx, &r)
	if err == nil && status >= 300 && status != http.StatusNotFound {
		return t.refusal(r, status, answer)
	}
	return err
}

const thingsBoardDevices = "/api/tenant/devices?deviceName="

// replace gives the device other credentials. It repeats that once where someone else changed them at
// the same time. Remove is whether a device that does not exist is none to be told of.
func (t *thingsBoard) replace(ctx context.Context, a Account, security map[string]string, remove bool) error {
	for repeated := false; ; repeated = true {
		conflict, err := t.replaceOnce(ctx, a, security, remove)
		if !conflict || repeated {
			return err
		}
	}
}

func (t *thingsBoard) replaceOnce(ctx context.Context, a Account, security map[string]string, remove bool) (conflict bool, err error) {
	var device struct {
		ID struct {
			ID string `json:"id"`
		} `json:"id"`
	}
	find := request{method: "GET", path: thingsBoardDevices + url.QueryEscape(string(a.Endpoint)), hide: a.secrets()}
	switch status, answer, err := t.authorized(ctx, &find); {
	case err != nil:
		return false, err
	case status == http.StatusNotFound && remove:
		return false, nil
	case status == http.StatusNotFound:
		return false, refused("it has no device named %q: make one there, with an LwM2M profile", a.Endpoint)
	case status >= 300:
		return false, t.refusal(find, status, answer)
	case json.Unmarshal(answer, &device) != nil || device.ID.ID == "":
		return false, refused("it does not answer as ThingsBoard does: check its address")
	}
	var credentials map[string]json.RawMessage
	read := request{method: "GET", path: "/api/device/" + url.PathEscape(device.ID.ID) + "/credentials", hide: a.secrets()}
	switch status, answer, err := t.authorized(ctx, &read); {
	case err != nil:
		return false, err
	case status >= 300:
		return false, t.refusal(read, status, answer)
	case json.Unmarshal(answer, &credentials) != nil:
		return false, refused("it does not answer as ThingsBoard does: check its address")
	}
	if remove && !thingsBoardHasOf(credentials, a) {
		return false, nil
	}
	noSec := map[string]string{"securityMode": "NO_SEC"}
	value, err := json.Marshal(map[string]any{
		"client": security, "bootstrap": map[string]any{"bootstrapServer": noSec, "lwm2mServer": noSec},
	})
	if err != nil {
		return false, refused("encode: %v", err)
	}
	quoted, err := json.Marshal(string(value)) // the document is a string of the outer one
	if err != nil {
		return false, refused("encode: %v", err)
	}
	credentials["credentialsType"], credentials["credentialsValue"] = json.RawMessage(`"`+thingsBoardLwM2M+`"`), quoted
	write := request{method: "POST", path: "/api/device/credentials", body: credentials, hide: a.secrets()}
	status, answer, err := t.authorized(ctx, &write)
	if err == nil && status >= 300 {
		return status == http.StatusConflict, t.refusal(write, status, answer)
	}
	return false, err
}

// thingsBoardHasOf reports whether a device has the credentials of a, as far as the identity tells.
func thingsBoardHasOf(credentials map[string]json.RawMessage, a Account) bool {
	var kind, value string
	var document struct {
		Client struct {
			Mode     string `json:"securityConfigClientMode"`
			Identity string `json:"identity"`
		} `json:"client"`
	}
	if json.Unmarshal(credentials["credentialsType"], &kind) != nil || kind != thingsBoardLwM2M ||
		json.Unmarshal(credentials["credentialsValue"], &value) != nil || json.Unmarshal([]byte(value), &document) != nil {
		return false
	}
	if c := document.Client; c.Mode == "PSK" {
		return len(a.Identity) > 0 && c.Identity == string(a.Identity)
	}
	return len(a.Identity) == 0
}

// thingsBoardLwM2M is the type of the credentials that are replaced.
const thingsBoardLwM2M = "LWM2M_CREDENTIALS"

// authorized sends a request with the API key or as the user. It notes in r what an error must not repeat.
func (t *thingsBoard) authorized(ctx context.Context, r *request) (status int, answer []byte, err error) {
	if t.login != nil {
		return t.login.authorized(ctx, r)
	}
	r.header = map[string]string{thingsBoardHeader: "ApiKey " + string(t.apiKey.Reveal())}
	return t.send(ctx, *r)
}

// thingsBoardSecurity is the client's part of the credentials.
func thingsBoardSecurity(a Account) (map[string]string, error) {
	security := map[string]string{"endpoint": string(a.Endpoint)}
	switch {
	case a.Master.Len() > 0:
		return nil, refused("ThingsBoard has no OSCORE")
	case a.Mode == lwm2m.SecurityPSK:
		identity, err := a.pskText()
		if err != nil {
			return nil, err
		}
		if n := a.Key.Len(); n%16 != 0 || n > 64 {
			return nil, refused("ThingsBoard takes keys of 16, 32, 48 or 64 bytes, and this one has %d: set keyLength in the profile", n)
		}
		security["securityConfigClientMode"], security["identity"], security["key"] = "PSK", identity, hexOf(a.Key)
	case a.Mode == lwm2m.SecurityRPK:
		security["securityConfigClientMode"], security["key"] = "RPK", strings.ToLower(hex.EncodeToString(a.Identity))
	case a.Mode == lwm2m.SecurityCertificate:
		security["securityConfigClientMode"] = "X509"
	default:
		security["securityConfigClientMode"] = "NO_SEC"
	}
	return security, nil
}
