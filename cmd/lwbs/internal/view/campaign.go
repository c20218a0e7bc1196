package view

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// CampaignText tells how far a campaign is: running: 12 of 100 devices asked, 11 came: 10 done, 1 failed.
func CampaignText(c admin.Campaign) string {
	text := fmt.Sprintf("%s: %d of %s asked, %d came: %d done, %d failed", c.State, c.Asked, output.Counted(c.Devices, "device", "devices"), c.Came, c.Done, c.Failed)
	if c.Silent > 0 {
		text += fmt.Sprintf("; %d silent", c.Silent)
	}
	if c.NotAsked > 0 {
		text += fmt.Sprintf("; %d could not be asked", c.NotAsked)
	}
	if c.Absent > 0 {
		text += fmt.Sprintf("; %d not registered, and asked again", c.Absent)
	}
	if c.Waiting > 0 {
		text += fmt.Sprintf("; %d waited for", c.Waiting)
	}
	if c.Reason != "" {
		text += ": " + output.Text(c.Reason)
	}
	return text
}

// SelectionText is which devices a campaign is about.
func SelectionText(s store.CampaignSelection) string {
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+"="+output.Name(value))
		}
	}
	at := func(key string, t time.Time) {
		if !t.IsZero() {
			parts = append(parts, key+" "+output.Clock(t))
		}
	}
	add("endpoint", string(s.Endpoint))
	add("prefix", s.Prefix)
	add("profile", s.Profile)
	add("tag", s.Tag)
	add("group", s.Group)
	add("state", s.State)
	if s.Rotating {
		add("state", "rotating")
	}
	at("seen since", s.SeenSince)
	at("not seen since", s.NotSeenSince)
	at("with a certificate that expires before", s.ExpiresBefore)
	if len(parts) == 0 {
		return "all devices"
	}
	return strings.Join(parts, ", ")
}

// followEvery is how often a campaign is looked at.
const followEvery = time.Second

// FollowCampaign prints how far a campaign is, each time that this changes, until it has ended or is paused. That
// the server paused it is an error.
func FollowCampaign(ctx context.Context, out io.Writer, api admin.API, id string) error {
	told := ""
	for {
		c, err := api.Campaign(ctx, id)
		if err != nil {
			return err
		}
		if text := CampaignText(c); text != told {
			fmt.Fprintln(out, text)
			told = text
		}
		switch {
		case c.State == store.CampaignPaused && c.Reason != "":
			return errors.New("the campaign is paused: " + output.Text(c.Reason))
		case c.State != store.CampaignRunning:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followEvery):
		}
	}
}
