package handover

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A coiote is Coiote IoT DM by its API v3: it has a device of the name of the endpoint, whose credentials are
// replaced, or which is made. It was made to the public description (guides of the API, and the devices, tokens and
// errors of AVSystem's client for Python, 2.7), and not tried against the service.
type coiote struct {
	*login
	domain string
}

func newCoiote(c *client, record store.LwM2MServer) *coiote {
	form := url.Values{"grant_type": {"password"}, "username": {record.User}, "password": {string(record.Secret.Reveal())}}
	return &coiote{domain: record.Domain, login: &login{
		client: c, member: "access_token", header: "Authorization",
		request: request{
			method: "POST", path: "/api/auth/oauth_password", body: form.Encode(),
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		},
	}}
}

const coioteDevices = "/api/coiotedm/v3/devices"

// coioteCredentials are what a device has to come with.
type coioteCredentials struct {
	SecurityMode string     `json:"securityMode"`
	Identity     *string    `json:"dtlsIdentity"` // nil without security
	PSK          *coiotePSK `json:"dtlsPsk"`
}

type coiotePSK struct {
	Hex string `json:"HexadecimalPsk"`
}

// coioteNew is a device to make.
type coioteNew struct {
	Properties    map[string]string `json:"properties"`
	ConnectorType string            `json:"connectorType"`
	Domain        string            `json:"domain"`
	coioteCredentials
}

// coioteUpdate replaces the credentials of a device. What a member that is left out does is not described, so all
// that can be changed is in it, as the device has it.
type coioteUpdate struct {
	AddProperties     map[string]string `json:"addProperties"`
	RemoveProperties  []string          `json:"removeProperties"`
	AddGroups         []string          `json:"addGroups"`
	RemoveGroups      []string          `json:"removeGroups"`
	Blacklisted       bool              `json:"blacklisted"`
	ManagementEnabled bool              `json:"managementEnabled"`
	Description       *string           `json:"description"`
	FriendlyName      *string           `json:"friendlyName"`
	coioteCredentials
}

// coioteDevice is a device that is there. The pointers are nil where the answer does not say.
type coioteDevice struct {
	ID            string `json:"id"`
	ConnectorType string `json:"connectorType"`
	Domain        string `json:"domain"`
	Properties    struct {
		EndpointName string `json:"endpointName"`
	} `json:"properties"`
	Blacklisted       *bool   `json:"blacklisted"`
	ManagementEnabled *bool   `json:"managementEnabled"`
	Description       *string `json:"description"`
	FriendlyName      *string `json:"friendlyName"`
	SecurityMode      string  `json:"securityMode"`
	Identity          *string `json:"dtlsIdentity"`
}

// hasOf reports whether d has the credentials of a, as far as the identity tells.
func (d *coioteDevice) hasOf(a Account) bool {
	if len(a.Identity) == 0 {
		return d.SecurityMode == "nosec"
	}
	return d.SecurityMode == "psk" && d.Identity != nil && *d.Identity == string(a.Identity)
}

// coioteManagement is the connector of devices that register, unlike that of those that Coiote bootstraps, which
// are devices of their own under the same name.
const coioteManagement = "management"

func (c *coiote) Put(ctx context.Context, a Account) error {
	credentials, err := coioteCredentialsOf(a)
	if err != nil {
		return err
	}
	return c.replace(ctx, a, credentials, false)
}

// Remove gives the device, which goes on to exist as it has data, an identity and a key that no one has. A device that
// has other credentials by now was given them by someone else, and keeps them.
func (c *coiote) Remove(ctx context.Context, a Account) error {
	if !canBeLookedUp(a.Endpoint) { // and was not told of
		return nil
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // which never fails
	return c.replace(ctx, a, coioteCredentials{
		SecurityMode: "psk", Identity: new("removed-" + hex.EncodeToString(random[:16])), PSK: &coiotePSK{hex.EncodeToString(random[16:])},
	}, true)
}

// test logs in and asks for a device.
func (c *coiote) test(ctx context.Context) error {
	_, err := c.find(ctx, TestEndpoint, nil)
	return err
}

// replace gives the device other credentials, or makes it. It repeats that once where someone else made, changed or
// deleted it at the same time. Remove is whether a device that does not exist is none to be told of.
func (c *coiote) replace(ctx context.Context, a Account, credentials coioteCredentials, remove bool) error {
	for repeated := false; ; repeated = true {
		device, err := c.find(ctx, a.Endpoint, a.secrets())
		if err != nil || remove && (device == nil || !device.hasOf(a)) {
			return err
		}
		made := device == nil
		var r request
		if made {
			r = c.making(a.Endpoint, credentials)
		} else {
			r = c.updating(device, credentials)
		}
		r.hide = a.secrets()
		status, answer, err := c.authorized(ctx, &r)
		switch {
		case err != nil:
			return err
		case (status == http.StatusConflict || status == http.StatusNotFound && !made) && !repeated:
			continue
		case status == http.StatusConflict && made:
			return refused("it has another device that device %q cannot be made beside, such as one of its name or identity which the user may not see: %s", a.Endpoint, c.words(r, string(answer)))
		case status >= 300:
			return c.refusal(r, status, answer)
		case made && !isCoioteMade(answer), !made && len(answer) > 0 && !json.Valid(answer):
			return notCoiote()
		}
		return nil
	}
}

func (c *coiote) making(ep lwm2m.EndpointName, credentials coioteCredentials) request {
	return request{method: "POST", path: coioteDevices, body: coioteNew{
		Properties: map[string]string{"endpointName": string(ep)}, ConnectorType: coioteManagement, Domain: c.domain, coioteCredentials: credentials,
	}}
}

func (c *coiote) updating(device *coioteDevice, credentials coioteCredentials) request {
	return request{method: "PUT", path: coioteDevices + "/" + url.PathEscape(device.ID), body: coioteUpdate{
		AddProperties: map[string]string{}, RemoveProperties: []string{}, AddGroups: []string{}, RemoveGroups: []string{},
		Blacklisted: *device.Blacklisted, ManagementEnabled: *device.ManagementEnabled, Description: device.Description, FriendlyName: device.FriendlyName,
		coioteCredentials: credentials,
	}}
}

// canBeLookedUp reports whether a query can have a name as a value: how a quote is written in one is not described.
func canBeLookedUp(ep lwm2m.EndpointName) bool {
	return !strings.ContainsAny(string(ep), `'\`) && !strings.ContainsFunc(string(ep), unicode.IsControl)
}

// maxCoioteFound is how many devices are looked at to find the one.
const maxCoioteFound = 5

// find returns the device that registers under the name of an endpoint, which is in the domain; nil where there is
// none. What the search finds is not relied on: each device found is read.
func (c *coiote) find(ctx context.Context, ep lwm2m.EndpointName, hide []lwm2m.Secret) (*coioteDevice, error) {
	if !canBeLookedUp(ep) {
		return nil, refused(`device %q cannot be looked up there, as its name has a character of queries, ' or \, or a control character`, ep)
	}
	query := url.Values{"searchCriteria": {"properties.endpointName eq '" + string(ep) + "'"}, "fieldSelection": {"id"}, "limit": {"6"}}
	var found struct {
		Devices *[]struct {
			ID string `json:"id"`
		} `json:"devices"`
	}
	search := request{method: "GET", path: coioteDevices + "/find/details?" + strings.ReplaceAll(query.Encode(), "+", "%20"), hide: hide}
	switch status, answer, err := c.authorized(ctx, &search); {
	case err != nil:
		return nil, err
	case status >= 300:
		return nil, c.refusal(search, status, answer)
	case json.Unmarshal(answer, &found) != nil || found.Devices == nil:
		return nil, notCoiote()
	case len(*found.Devices) > maxCoioteFound:
		return nil, refused("it finds more than %d devices named %q: leave one", maxCoioteFound, ep)
	}
	var device *coioteDevice
	for _, f := range *found.Devices {
		d, err := c.read(ctx, f.ID, hide)
		switch {
		case err != nil:
			return nil, err
		case d == nil || d.Properties.EndpointName != string(ep) || d.ConnectorType != coioteManagement:
			continue
		case !strings.HasPrefix(d.Domain, c.domain):
			return nil, refused("device %q is there in domain %q, which is not %s or below it: move it, or change the domain of the record", ep, d.Domain, c.domain)
		case device != nil && device.ID != d.ID:
			return nil, refused("it has several devices named %q: leave one", ep)
		case d.Blacklisted == nil || d.ManagementEnabled == nil:
			return nil, notCoiote()
		}
		device = d
	}
	return device, nil
}

// read returns a device by its ID; nil where it is gone.
func (c *coiote) read(ctx context.Context, id string, hide []lwm2m.Secret) (*coioteDevice, error) {
	d := new(coioteDevice)
	r := request{method: "GET", path: coioteDevices + "/" + url.PathEscape(id), hide: hide}
	switch status, answer, err := c.authorized(ctx, &r); {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status >= 300:
		return nil, c.refusal(r, status, answer)
	case json.Unmarshal(answer, d) != nil || d.ID != id || id == "":
		return nil, notCoiote()
	}
	return d, nil
}

func isCoioteMade(answer []byte) bool {
	var made struct {
		ID string `json:"id"`
	}
	return json.Unmarshal(answer, &made) == nil && made.ID != ""
}

func notCoiote() *Error {
	return refused("it does not answer as Coiote does: check its address")
}

// coioteCredentialsOf is what a device with an account comes with.
func coioteCredentialsOf(a Account) (coioteCredentials, error) {
	switch {
	case a.Master.Len() > 0:
		return coioteCredentials{}, refused("the description of Coiote's API has no OSCORE")
	case a.Mode == lwm2m.SecurityPSK:
		identity, err := a.pskText()
		return coioteCredentials{SecurityMode: "psk", Identity: &identity, PSK: &coiotePSK{hexOf(a.Key)}}, err
	case a.Mode == lwm2m.SecurityNoSec:
		return coioteCredentials{SecurityMode: "nosec"}, nil
	}
	return coioteCredentials{}, refused("how Coiote is told public keys and certificates is not in the description of its API: use a PSK, or put them there by hand and leave handOver out")
}
