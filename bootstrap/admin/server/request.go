package server

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A request is one of the API, with its query.
type request struct {
	*http.Request
	query url.Values // each parameter once, and not empty
}

// parse reads the query, in which only the named parameters may be.
func parse(r *http.Request, known []string) (request, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return request{}, fmt.Errorf("%w: the query is not well-formed: %v", wire.ErrBadRequest, err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch values := query[name]; {
		case !slices.Contains(known, name) && len(known) == 0:
			return request{}, fmt.Errorf("%w: query parameter %q: there are none here", wire.ErrBadRequest, name)
		case !slices.Contains(known, name):
			return request{}, fmt.Errorf("%w: query parameter %q does not exist here, only %s", wire.ErrBadRequest, name, strings.Join(known, ", "))
		case len(values) > 1:
			return request{}, fmt.Errorf("%w: query parameter %s is there %d times", wire.ErrBadRequest, name, len(values))
		case values[0] == "":
			return request{}, fmt.Errorf("%w: query parameter %s is empty: leave it out, or give it a value", wire.ErrBadRequest, name)
		}
	}
	return request{r, query}, nil
}

// boolean is a parameter of true or false; false where it is absent.
func (r request) boolean(name string) (bool, error) {
	switch text := r.query.Get(name); text {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, fmt.Errorf("%w: %s=%s: want true or false", wire.ErrBadRequest, name, wire.Quoted(text))
	}
}

// moment is a parameter that is a time; the zero time where it is absent.
func (r request) moment(name string) (time.Time, error) {
	text := r.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%w: %s=%s is not a time such as 2006-01-02T15:04:05Z", wire.ErrBadRequest, name, wire.Quoted(text))
	}
	return t, nil
}

// limit is how many entries a list has at most.
func (r request) limit() (int, error) {
	text := r.query.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, fmt.Errorf("%w: limit=%s is not a number of 1 to %d", wire.ErrBadRequest, wire.Quoted(text), maxPage)
	}
	return n, nil
}

// number is a parameter of 1 to limit; zero where it is absent.
func (r request) number(name string, limit int) (int, error) {
	text := r.query.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit {
		return 0, fmt.Errorf("%w: %s=%s is not a number of 1 to %d", wire.ErrBadRequest, name, wire.Quoted(text), limit)
	}
	return n, nil
}

// applyOptions reads the parameters of [admin.ApplyOptions].
func (r request) applyOptions() (o admin.ApplyOptions, err error) {
	var errs [3]error
	o.ReplaceKeys, errs[0] = r.boolean("replaceKeys")
	o.AllowFailing, errs[1] = r.boolean("allowFailing")
	o.DryRun, errs[2] = r.boolean("dryRun")
	if text := r.query.Get("examine"); text != "" {
		if o.Examine, err = strconv.Atoi(text); err != nil || o.Examine < 1 {
			return o, fmt.Errorf("%w: examine=%s is not a number from 1", wire.ErrBadRequest, wire.Quoted(text))
		}
	}
	return o, errors.Join(errs[:]...)
}

// How many entries a list has where nothing else is said, and at most.
const (
	defaultPage = 100
	maxPage     = 10_000
)

// revision is that of If-Match, zero where there is none.
func (r request) revision() (store.Revision, error) {
	match := r.Header.Get("If-Match")
	if match == "" || match == "*" {
		return 0, nil
	}
	digits := match
	if len(match) > 2 && match[0] == '"' && match[len(match)-1] == '"' {
		digits = match[1 : len(match)-1]
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || len(r.Header.Values("If-Match")) > 1 {
		return 0, fmt.Errorf("%w: If-Match %s is no revision, such as %s", wire.ErrBadRequest, wire.Quoted(match), wire.ETag(1))
	}
	return store.Revision(n), nil
}

func (r request) endpoint() lwm2m.EndpointName { return lwm2m.EndpointName(r.PathValue("endpoint")) }
