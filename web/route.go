package web

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"amends/access"
	"amends/schemas"
)

// route is one operation: what serves it and what the OpenAPI document says of it.
type route struct {
	method, path string
	id           string // operationId
	summary      string
	description  string
	needs        access.Permission // what the caller must be permitted; access.Public: there need be no caller
	query        []parameter
	headers      []parameter
	request      []body
	responses    []body // of the status, default 200
	problems     []int  // statuses that are answered with a problem document, besides 400 and 500
	serve        func(http.ResponseWriter, *http.Request) error
}

// parameter is a query or header parameter.
type parameter struct {
	name, description string
	integer           bool
	boolean           bool
	repeats           bool
}

// body is one media type of a request or an answer.
type body struct {
	mediaType, description string
	of                     any // a value of the Go type; nil: free form
	status                 int // of an answer; 0 is 200
}

// mustDeclare holds that a route says what it needs. One that was forgotten must not be open.
func (rt *route) mustDeclare() {
	if !rt.needs.Known() {
		panic("web: " + rt.method + " " + rt.path + " does not declare the permission that it needs")
	}
}

// answer serves a request that is let in.
func (rt *route) answer(w http.ResponseWriter, r *http.Request) error {
	if err := rt.checkParameters(r); err != nil {
		return err
	}
	return rt.serve(w, r)
}

// checkParameters refuses a parameter that the route does not know: a filter with a typing error must not be ignored.
func (rt *route) checkParameters(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values, err := parseQuery(r)
	if err != nil {
		return err
	}
	for name, given := range values {
		i := slices.IndexFunc(rt.query, func(p parameter) bool { return p.name == name })
		if i < 0 {
			names := make([]string, len(rt.query))
			for i, p := range rt.query {
				names[i] = p.name
			}
			return badParameter(clip(name), "unknown parameter; this path takes: %s", orNone(strings.Join(names, ", ")))
		}
		if len(given) > 1 && !rt.query[i].repeats {
			return badParameter(name, "given %d times; once is enough", len(given))
		}
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// clip keeps a caller's text short in an answer.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

// apiConfig is the OpenAPI document without its operations. No page is served that would load scripts from elsewhere.
func apiConfig(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Amends",
				Version: version,
				Description: "An event-sourced ledger of everything that passes between a company and its customers. " +
					"A write returns a position; a read takes ?after=POSITION to see one's own write. " +
					"Errors are RFC 9457 problem documents which name the record and the field.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{securityScheme: {
					Type: "http", Scheme: "bearer",
					Description: "An API key (amends_…) or a token of the identity provider. x-amends-permission says what an operation " +
						"needs. On a server that listens on this machine only, the local user may need none.",
				}},
			},
		},
		OpenAPIPath: "/openapi",
		Formats:     huma.DefaultFormats,
	}
}

// securityScheme is the name of the one way to send credentials.
const securityScheme = "bearer"

// schemaName names a type in the document. A refused record's problem is part of its receipt, not an answer by itself.
func schemaName(t reflect.Type, hint string) string {
	if t == reflect.TypeFor[schemas.Problem]() || t == reflect.TypeFor[*schemas.Problem]() {
		return "RecordProblem"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// operation describes the route.
func (rt *route) operation(registry huma.Registry) *huma.Operation {
	op := &huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: rt.id, Summary: rt.summary, Description: rt.description,
		Responses:  map[string]*huma.Response{},
		Extensions: map[string]any{"x-amends-permission": string(rt.needs)},
	}
	problems := append([]int{http.StatusBadRequest, http.StatusInternalServerError}, rt.problems...)
	if rt.needs != access.Public {
		op.Security = []map[string][]string{{securityScheme: {}}}
		problems = append(problems, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	for segment := range strings.SplitSeq(rt.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: strings.TrimSuffix(strings.TrimSuffix(name, "}"), "..."), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, p.param("query"))
	}
	for _, p := range rt.headers {
		op.Parameters = append(op.Parameters, p.param("header"))
	}
	if len(rt.request) > 0 {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, b := range rt.request {
			op.RequestBody.Content[b.mediaType] = b.media(registry)
		}
	}
	for _, b := range rt.responses {
		answer := at(op.Responses, b.statusText(), b.description)
		answer.Content[b.mediaType] = b.media(registry)
	}
	for _, status := range problems {
		b := body{mediaType: problemType, of: Problem{}, status: status}
		at(op.Responses, b.statusText(), http.StatusText(status)).Content[problemType] = b.media(registry)
	}
	return op
}

func at(responses map[string]*huma.Response, status, description string) *huma.Response {
	if responses[status] == nil {
		responses[status] = &huma.Response{Description: description, Content: map[string]*huma.MediaType{}}
	}
	return responses[status]
}

func (b body) statusText() string {
	if b.status == 0 {
		return "200"
	}
	return itoa(b.status)
}

func (b body) media(registry huma.Registry) *huma.MediaType {
	if b.of == nil {
		return &huma.MediaType{Schema: &huma.Schema{Description: b.description}}
	}
	return &huma.MediaType{Schema: registry.Schema(reflect.TypeOf(b.of), true, "")}
}

func (p parameter) param(in string) *huma.Param {
	schema := &huma.Schema{Type: huma.TypeString}
	switch {
	case p.integer:
		schema.Type = huma.TypeInteger
	case p.boolean:
		schema.Type = huma.TypeBoolean
	case p.repeats:
		schema = &huma.Schema{Type: huma.TypeArray, Items: schema}
	}
	return &huma.Param{Name: p.name, In: in, Description: p.description, Schema: schema}
}
