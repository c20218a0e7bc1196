package handover

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lwbs/lwm2m"
)

// A webhook is told as Standard Webhooks 1.0 says: a POST of JSON that is signed.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
type webhook struct {
	*client
	secret, former lwm2m.Secret
}

func (w *webhook) Put(ctx context.Context, a Account) error    { return w.tell(ctx, a, eventCredentials) }
func (w *webhook) Remove(ctx context.Context, a Account) error { return w.tell(ctx, a, eventRemoved) }

func (w *webhook) tell(ctx context.Context, a Account, kind string) error {
	body, err := a.message(kind)
	if err != nil {
		return err
	}
	return w.post(ctx, w.id(body), body, a.secrets())
}

func (w *webhook) told(ctx context.Context, id string, body []byte) error {
	return w.post(ctx, id, body, nil)
}

// post sends a message, and hides secrets of it in an error.
func (w *webhook) post(ctx context.Context, id string, body []byte, hide []lwm2m.Secret) error {
	_, err := w.do(ctx, w.signed(id, body, hide))
	return err
}

// signed is the request with a message.
func (w *webhook) signed(id string, body []byte, hide []lwm2m.Secret) request {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	return request{
		method: "POST", body: body, hide: hide,
		header: map[string]string{"webhook-id": id, "webhook-timestamp": at, "webhook-signature": w.signatures(id, at, body)},
	}
}

// id is the same for the same message, so that a receiver knows a repetition. It says nothing of it.
func (w *webhook) id(body []byte) string {
	mac := hmac.New(sha256.New, w.secret.Reveal())
	fmt.Fprintf(mac, "webhook-id\x00%s", body)
	return "msg_" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// signatures are those with each secret, separated by spaces.
func (w *webhook) signatures(id, at string, body []byte) string {
	var all []string
	for _, secret := range []lwm2m.Secret{w.secret, w.former} {
		if secret.Len() > 0 {
			mac := hmac.New(sha256.New, secret.Reveal())
			fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
			all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		}
	}
	return strings.Join(all, " ")
}
