package coap

import (
	"context"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// notFound is the handler of a dialled association that was given none.
type notFound struct{}

func (notFound) ServeRequest(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return bootstrap.Response{Code: lwm2m.CodeNotFound}, nil
}
