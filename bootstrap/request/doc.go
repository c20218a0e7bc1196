// Package request reads what a client asks of a Bootstrap-Server: Bootstrap-Request and
// Bootstrap-Pack-Request (Core 1.2.2 §6.1.7). It is pure.
package request
