package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Trigger is that a device be asked to bootstrap again: the execution of the Bootstrap-Request Trigger,
// Resource 1/x/9 (Core 1.1.1, Appendix E.2), by the LwM2M Server that it is registered with.
type Trigger struct {
	Endpoint lwm2m.EndpointName
	Instance lwm2m.InstanceID // of Object 1, of the account that the device has with that server

	// Campaign is what it is asked for, so that receivers of events tell it from an earlier one.
	Campaign string
}

// bootstrapTrigger is the Resource of Object 1.
const bootstrapTrigger = 9

func (t Trigger) path() string {
	return lwm2m.ResourcePath(lwm2m.ObjectServer, t.Instance, bootstrapTrigger).String()
}

// A triggerer is a Server that can ask devices to bootstrap again. An [*Error] with Again is about the
// server, another one about the device.
type triggerer interface {
	// trigger asks a device. Where the server will do that later, as the device sleeps, note says so.
	trigger(ctx context.Context, t Trigger) (note string, err error)
}

// Trigger asks a device to bootstrap again by the server of this name, within the time of its record. The
// error is as of HandOver; see [OfServer].
func (s *Servers) Trigger(ctx context.Context, name string, t Trigger) (note string, err error) {
	asking := false
	err = s.tell(ctx, name, func(ctx context.Context, _ store.LwM2MServer, server Server) error {
		asks, can := server.(triggerer)
		if !can {
			return refused("lwbs cannot ask devices to bootstrap by a server of this kind")
		}
		asking = true
		return Deliver(ctx, func(ctx context.Context) (err error) {
			note, err = asks.trigger(ctx, t)
			return err
		})
	})
	if !asking {
		err = aboutServer(err)
	}
	return note, err
}

// aboutServer marks an error as one that is about the server.
func aboutServer(err error) error {
	if e, is := err.(*Error); is {
		return &Error{Reason: e.Reason, Again: e.Again, server: true}
	}
	return err
}

// OfServer reports whether an error of Trigger is about the server, which then can ask no other device
// either, and not about the device.
func OfServer(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Again || e.server)
}

// OfAbsentDevice reports whether an error of Trigger is that the device is not registered with its LwM2M Server now, or
// does not answer it: it may help to ask it later.
func OfAbsentDevice(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.absent
}

// absentDevice is such an error.
func absentDevice(reason string) *Error { return &Error{Reason: reason, absent: true} }

// ofServer is an error that repeating does not help, and that is about the server.
func ofServer(format string, arguments ...any) *Error {
	e := refused(format, arguments...)
	e.server = true
	return e
}

// deniedHere are the answers that say that lwbs may not ask, or asks in the wrong place.
func deniedHere(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}

// trigger executes the Resource: POST /api/clients/{endpoint}/1/{instance}/9, of Leshan 1.5 and 2.0. The
// answer is that of the device, or that the server waits until it is awake.
func (l *leshan) trigger(ctx context.Context, t Trigger) (note string, err error) {
	r := request{method: "POST", path: "/api/clients/" + url.PathEscape(string(t.Endpoint)) + t.path()}
	status, answer, err := l.send(ctx, r)
	switch {
	case err != nil:
		return "", aboutServer(err)
	case status == http.StatusGatewayTimeout:
		return "", absentDevice("the device does not answer its LwM2M Server")
	case status == http.StatusBadRequest && strings.Contains(strings.ToLower(string(answer)), "no registered client"):
		return "", absentDevice("the device is not registered there")
	case deniedHere(status):
		return "", aboutServer(l.refusal(r, status, answer))
	case status >= 300:
		return "", l.refusal(r, status, answer)
	}
	var of struct {
		Success bool   `json:"success"`
		Status  string `json:"status"`
		Message string `json:"errormessage"`
		Delayed bool   `json:"delayed"`
	}
	if json.Unmarshal(answer, &of) != nil {
		return "", ofServer("%s is answered by something else than the JSON of Leshan: check its address", r)
	}
	switch {
	case of.Delayed:
		return "the LwM2M Server asks it when it is awake", nil
	case !of.Success:
		return "", refused("%s", strings.TrimSpace(fmt.Sprintf("the device answers %s to its Bootstrap-Request Trigger, %s: %s", l.words(r, of.Status), t.path(), l.words(r, of.Message))))
	}
	return "", nil
}

// trigger sends a two-way RPC to the device: POST /api/rpc/twoway/{id}.
func (t *thingsBoard) trigger(ctx context.Context, what Trigger) (note string, err error) {
	id, err := t.deviceID(ctx, what.Endpoint)
	if err != nil {
		return "", err
	}
	r := request{
		method: "POST", path: "/api/rpc/twoway/" + url.PathEscape(id),
		body: map[string]any{"method": "Execute", "params": map[string]string{"id": what.path()}, "persistent": false, "timeout": rpcTimeout},
	}
	status, answer, err := t.authorized(ctx, &r)
	switch {
	case err != nil:
		return "", aboutServer(err)
	case status == http.StatusConflict:
		return "", absentDevice("the device is not connected there")
	case status == http.StatusGatewayTimeout || status == http.StatusRequestTimeout:
		return "", absentDevice("the device does not answer its LwM2M Server")
	case deniedHere(status):
		return "", aboutServer(t.refusal(r, status, answer))
	case status >= 300:
		return "", t.refusal(r, status, answer)
	}
	var of struct {
		Result string `json:"result"`
		Error  string `json:"error"`
	}
	if json.Unmarshal(answer, &of) != nil {
		return "", ofServer("%s is answered by something else than the JSON of ThingsBoard: check its address", r)
	}
	if of.Error != "" || of.Result != "" && !strings.HasPrefix(of.Result, "CHANGED") {
		return "", refused("%s", strings.TrimSpace(fmt.Sprintf("the device answers %s to its Bootstrap-Request Trigger, %s: %s", t.words(r, of.Result), what.path(), t.words(r, of.Error))))
	}
	return "", nil
}

// rpcTimeout is for how long ThingsBoard waits for a device, in milliseconds.
const rpcTimeout = 5000

// deviceID finds the device of the name of the endpoint.
func (t *thingsBoard) deviceID(ctx context.Context, ep lwm2m.EndpointName) (string, error) {
	var device struct {
		ID struct {
			ID string `json:"id"`
		} `json:"id"`
	}
	find := request{method: "GET", path: thingsBoardDevices + url.QueryEscape(string(ep))}
	switch status, answer, err := t.authorized(ctx, &find); {
	case err != nil:
		return "", aboutServer(err)
	case status == http.StatusNotFound:
		return "", refused("it has no device named %q", ep)
	case status >= 300:
		return "", aboutServer(t.refusal(find, status, answer))
	case json.Unmarshal(answer, &device) != nil || device.ID.ID == "":
		return "", ofServer("it does not answer as ThingsBoard does: check its address")
	}
	return device.ID.ID, nil
}

func (w *webhook) trigger(ctx context.Context, t Trigger) (note string, err error) {
	body, err := t.message()
	if err != nil {
		return "", err
	}
	r := w.signed(w.id(body), body, nil)
	status, answer, err := w.send(ctx, r)
	switch {
	case err != nil:
		return "", aboutServer(err)
	case deniedHere(status):
		return "", aboutServer(w.refusal(r, status, answer))
	case status >= 300:
		return "", w.refusal(r, status, answer)
	}
	return "", nil
}

func (c *command) trigger(ctx context.Context, t Trigger) (note string, err error) {
	body, err := t.message()
	if err == nil {
		err = c.run(ctx, body, nil)
	}
	return "", err
}

// eventTrigger asks a receiver of events to have a device bootstrap again.
const eventTrigger = "device.rebootstrap"

// message is the JSON of a Trigger.
func (t Trigger) message() ([]byte, error) {
	var e struct {
		Type string `json:"type"`
		Data struct {
			Endpoint string `json:"endpoint"`
			Execute  string `json:"execute"` // the Resource that the device is to execute
			Campaign string `json:"campaign"`
		} `json:"data"`
	}
	e.Type, e.Data.Endpoint, e.Data.Execute, e.Data.Campaign = eventTrigger, string(t.Endpoint), t.path(), t.Campaign
	return json.Marshal(e)
}
