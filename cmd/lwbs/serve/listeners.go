package serve

import (
	"errors"
	"io"
	"net"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin/socket"
)

// The httpListeners are the admin socket and the addresses of --metrics, --leshan-api and --web.
type httpListeners struct {
	admin   net.Listener
	metrics net.Listener // nil without --metrics
	leshan  net.Listener // nil without --leshan-api
	web     net.Listener // nil without --web
}

// listenHTTP opens them. Before that it tries the addresses for devices, which are opened for good
// when there is a database.
func listenHTTP(c *cli.Context, socketPath string, keeper *tlsKeeper, web *webKeeper) (at httpListeners, err error) {
	if err := tryAddresses(c); err != nil {
		return httpListeners{}, err
	}
	if addr := c.String("metrics"); addr != "" {
		if at.metrics, err = listenMonitor(addr); err != nil {
			return httpListeners{}, err
		}
	}
	if at.leshan, err = listenLeshan(c, keeper); err != nil {
		return httpListeners{}, errors.Join(err, at.close())
	}
	if at.web, err = web.listen(); err != nil {
		return httpListeners{}, errors.Join(err, at.close())
	}
	if at.admin, err = socket.Listen(socketPath); err != nil {
		return httpListeners{}, errors.Join(err, at.close())
	}
	return at, nil
}

// all returns those that are open, in the order of the sites.
func (at httpListeners) all() (all []net.Listener) {
	for _, l := range []net.Listener{at.admin, at.metrics, at.leshan, at.web} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

func (at httpListeners) close() error {
	var errs []error
	for _, l := range at.all() {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// tryAddresses opens the addresses for devices all at once, closes them, and reports the first that
// cannot be opened.
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
