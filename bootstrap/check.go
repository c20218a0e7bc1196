package bootstrap

import "lwbs/store"

// CheckProfile returns what is wrong with p, tried on a made-up device.
func CheckProfile(p store.Profile) []Finding { return nil }

// CheckDevice returns what is wrong with d under its profile p.
func CheckDevice(p store.Profile, d store.Device) []Finding { return nil }
