package main

import (
	"errors"
	"io"
	"net"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
)

// Doors are what a server is administered and watched through.
type doors struct {
	admin   net.Listener
	metrics net.Listener // nil where nobody asks for it
}

// openDoors opens them, and tries the addresses for devices: those are opened for good
// once there is a database.
func openDoors(c *cli.Context, socket string) (at doors, err error) {
	if err := tryAddresses(c); err != nil {
		return doors{}, err
	}
	if addr := c.String("metrics"); addr != "" {
		if at.metrics, err = listenMonitor(addr); err != nil {
			return doors{}, err
		}
	}
	if at.admin, err = admin.Listen(socket); err != nil {
		return doors{}, errors.Join(err, at.close())
	}
	return at, nil
}

// all are those that there are, in the order of the sites.
func (at doors) all() (all []net.Listener) {
	for _, l := range []net.Listener{at.admin, at.metrics} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

func (at doors) close() error {
	var errs []error
	for _, l := range at.all() {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// tryAddresses reports the first address for devices that cannot be had, all of them at
// once.
func tryAddresses(c *cli.Context) error {
	var opened []io.Closer
	defer func() {
		for _, o := range opened {
			_ = o.Close()
		}
	}()
	for _, scheme := range []string{"coaps", "coap"} {
		for _, addr := range c.StringSlice(scheme) {
			if addr == off {
				continue
			}
			p, err := net.ListenPacket("udp", addr)
			if err != nil {
				return listenError(scheme, addr, err)
			}
			opened = append(opened, p)
		}
	}
	return nil
}
