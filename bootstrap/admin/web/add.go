package web

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An addPage is the form that adds a device.
type addPage struct {
	Endpoint, Profile, Identity, Tags, Note, Key string
	Way                                          string // psk, given or nosec
	Profiles                                     []string
	Failure                                      string
	Import                                       bool // files can be imported
}

func (p *Pages) add(r *request) error {
	return p.showAdd(r, http.StatusOK, addPage{Way: "psk", Endpoint: r.Form.Get("name"), Profile: r.Form.Get("profile")})
}

func (p *Pages) showAdd(r *request, status int, page addPage) (err error) {
	if page.Profiles, err = p.profileNames(r); err != nil {
		return err
	}
	page.Import = p.Tables != nil
	if page.Profile == "" && len(page.Profiles) == 1 {
		page.Profile = page.Profiles[0]
	}
	r.render(status, "add", view{Title: "Add a device", Nav: "add", Command: "lwbs device add NAME --profile PROFILE --psk generate", Body: page, Scripts: []string{"scan.js"}})
	return nil
}

// addDevice adds the device of a form, and shows what is to be put into it: this one time with its keys.
func (p *Pages) addDevice(r *request) error {
	page := addPage{
		Endpoint: r.text("endpoint"), Profile: r.text("profile"), Identity: r.text("identity"),
		Tags: r.FormValue("tags"), Note: r.text("note"), Way: r.FormValue("way"),
	}
	set := admin.DeviceSettings{Profile: &page.Profile, AddTags: fields(page.Tags)}
	if page.Note != "" {
		set.Note = &page.Note
	}
	again := func(status int, text string) error {
		page.Failure = text
		return p.showAdd(r, status, page)
	}
	switch page.Way {
	case "nosec":
		set.NoSec = new(true)
	case "given":
		key, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(r.text("key")))
		if err != nil || len(key) == 0 {
			return again(http.StatusUnprocessableEntity, "The key is not hexadecimal: want two digits 0-9, a-f for each byte.")
		}
		set.PSK = &admin.PSK{Identity: page.Identity, Key: key}
	default:
		page.Way = "psk"
		set.PSK = &admin.PSK{Identity: page.Identity}
	}
	d, err := p.API.AddDevice(r.Context(), lwm2m.EndpointName(page.Endpoint), set)
	if err != nil {
		status := wire.ProblemOf(err).Status
		switch {
		case errors.Is(err, store.ErrExists):
			return again(status, "There is a device of this name already. Open it, and change it there.")
		case status >= http.StatusInternalServerError:
			return err
		}
		return again(http.StatusUnprocessableEntity, err.Error())
	}
	// What was made is shown this once: a page that is fetched anew has no keys.
	shown := &devicePage{Device: d, Revealed: true, Made: true}
	full, err := p.API.Device(r.Context(), d.Endpoint, false)
	if err != nil {
		return err
	}
	full.Warnings = d.Warnings
	for i, c := range d.Credentials {
		if i < len(full.Credentials) && c.Key != "" {
			full.Credentials[i].Key = c.Key
		}
	}
	for name, a := range d.Accounts {
		if a.Key != "" || a.MasterSecret != "" {
			full.Accounts[name] = a
		}
	}
	shown.Device = full
	return p.showDevice(r, shown, true)
}
