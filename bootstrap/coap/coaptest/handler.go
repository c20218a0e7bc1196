package coaptest

import (
	"context"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// A HandlerFunc is a [bootstrap.Handler].
type HandlerFunc func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context))

// ServeRequest implements [bootstrap.Handler].
func (f HandlerFunc) ServeRequest(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return f(ctx, c, r)
}

// Changed is a handler that answers every request with 2.04.
func Changed(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
}

// NotFound is a handler that answers every request with 4.04.
func NotFound(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return bootstrap.Response{Code: lwm2m.CodeNotFound}, nil
}
