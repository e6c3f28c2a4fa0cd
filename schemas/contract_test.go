package schemas

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"amends/domain"
)

// TestStoredNames freezes the names that records carry. A name may be added; none is ever changed or taken away.
func TestStoredNames(t *testing.T) {
	want := []string{
		"customer.registered:1", "customer.profile_changed:1", "customer.identity_linked:1", "customer.tier_assigned:1",
		"customer.relationship_set:1", "customer.manager_assigned:1", "customer.merged_into:1", "customer.absorbed:1",
		"customer.unmerged:1", "customer.departed:1", "customer.returned:1", "purchase.recorded:1", "contract.started:1",
		"contract.ended:1", "interaction.call:1", "interaction.email:1", "interaction.chat:1", "interaction.message:1",
		"interaction.letter:1", "interaction.visit:1", "interaction.meeting:1", "interaction.social:1", "interaction.web:1",
		"interaction.event:1", "interaction.broadcast:1", "complaint.registered:1", "complaint.forwarded:1",
		"complaint.acknowledged:1", "complaint.record_confirmed:1", "complaint.classified:1", "complaint.assigned:1",
		"complaint.escalated:1", "complaint.paused:1", "complaint.paused:2", "complaint.resumed:1", "complaint.extended:1",
		"complaint.investigated:1", "complaint.proposed:1", "complaint.proposal_accepted:1", "complaint.proposal_declined:1",
		"complaint.decided:1", "complaint.responded:1", "complaint.resolved:1", "complaint.disputed:1", "complaint.withdrawn:1",
		"complaint.reopened:1", "complaint.referred:1", "complaint.ruled:1", "complaint.linked:1", "complaint.closed:1",
		"apology.offered:1", "apology.accepted:1", "apology.declined:1", "redress.offered:1", "redress.approved:1",
		"redress.accepted:1", "redress.declined:1", "redress.delivered:1", "redress.failed:1", "commitment.made:1",
		"commitment.kept:1", "commitment.broken:1", "commitment.renegotiated:1", "followup.scheduled:1", "followup.completed:1",
		"survey.sent:1", "survey.answered:1", "prevention.planned:1", "prevention.completed:1", "record.corrected:1",
		"legal_hold.placed:1", "legal_hold.released:1", "erasure.requested:1", "erasure.approved:1", "erasure.completed:1", "policy.published:1",
		"weights.published:1", "access.recorded:1", "access.granted:1", "access.revoked:1", "access.denied:1", "checkpoint.published:1",
	}
	var got []string
	for _, id := range newCodec(t).ids() {
		got = append(got, strings.TrimPrefix(id, "urn:amends:schema:"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored names (-want +got):\n%s", diff)
	}
}

// TestFieldsAreTheStructs holds each latest schema to its payload struct: the same fields, the same JSON types, and required
// exactly where the struct does not leave a field out when it is empty.
func TestFieldsAreTheStructs(t *testing.T) {
	c := newCodec(t)
	for _, eventType := range domain.Types() {
		data, _ := domain.NewData(eventType)
		compareFields(t, string(eventType), reflect.TypeOf(data).Elem(), c.latest[eventType].node)
	}
}

type structField struct {
	goType   reflect.Type
	optional bool
}

func structFields(goType reflect.Type) map[string]structField {
	out := make(map[string]structField)
	for i := range goType.NumField() {
		field := goType.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			for name, inner := range structFields(field.Type) {
				out[name] = inner
			}
		default:
			out[name] = structField{field.Type, strings.Contains(options, "omitempty")}
		}
	}
	return out
}

func compareFields(t *testing.T, at string, goType reflect.Type, n *node) {
	t.Helper()
	fields := structFields(goType)
	for name := range fields {
		if _, ok := n.index[name]; !ok {
			t.Errorf("%s: the schema lacks %s", at, name)
		}
	}
	if !n.closed {
		t.Errorf("%s: the schema lets unknown fields pass", at)
	}
	for i, name := range n.names {
		field, ok := fields[name]
		if !ok {
			t.Errorf("%s: the struct lacks %s", at, name)
			continue
		}
		if required := n.required&(1<<i) != 0; required == field.optional {
			t.Errorf("%s.%s: required is %v in the schema, and in the struct %v", at, name, required, !field.optional)
		}
		compareType(t, at+"."+name, field.goType, n.props[i])
	}
}

func compareType(t *testing.T, at string, goType reflect.Type, n *node) {
	t.Helper()
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	var want string
	switch {
	case goType == reflect.TypeFor[json.RawMessage]():
		want = "object"
	case goType == reflect.TypeFor[time.Time]():
		if want = "string"; n.formatName != "date-time" {
			t.Errorf("%s: the schema does not ask for a date-time", at)
		}
	case goType.Kind() == reflect.String:
		want = "string"
	case goType.Kind() == reflect.Bool:
		want = "boolean"
	case goType.Kind() == reflect.Int, goType.Kind() == reflect.Int64:
		if want = "integer"; !n.hasMin || !n.hasMax {
			t.Errorf("%s: the schema sets no range", at)
		}
	case goType.Kind() == reflect.Slice:
		if want = "array"; n.items == nil || n.maxItems < 0 {
			t.Errorf("%s: the schema does not limit the items", at)
			return
		}
		compareType(t, at+"[]", goType.Elem(), n.items)
	case goType.Kind() == reflect.Struct:
		want = "object"
		compareFields(t, at, goType, n)
	}
	if n.typeName != want {
		t.Errorf("%s: %s in the schema, and the struct needs %s", at, n.typeName, want)
	}
	if want == "string" && n.enum == nil && n.pattern == nil && n.format == nil && n.maxLength < 0 {
		t.Errorf("%s: the schema sets no limit to the text", at)
	}
}

// walk visits the fields of all payloads, with their paths.
func walk(c *Codec, visit func(at string, n *node)) {
	var inside func(at string, n *node)
	inside = func(at string, n *node) {
		visit(at, n)
		for i, name := range n.names {
			inside(at+"/"+name, n.props[i])
		}
		if n.items != nil {
			inside(at+"/*", n.items)
		}
	}
	for _, id := range c.ids() {
		inside(strings.TrimPrefix(id, schemaPrefix), c.schemas[id].node)
	}
}

func TestTheLibraryCompilesEverySchema(t *testing.T) {
	c := newCodec(t)
	for _, id := range c.ids() {
		if _, err := c.library.schema(id); err != nil {
			t.Error(err)
		}
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	walk(newCodec(t), func(at string, n *node) {
		if !strings.HasSuffix(n.description, ".") {
			t.Errorf("%s: no description that ends with a full stop: %q", at, n.description)
		}
		if n.pattern != nil && n.rule == "" {
			t.Errorf("%s: the pattern has no rule in words", at)
		}
		if !strings.Contains(at, "/") && n.title == "" {
			t.Errorf("%s: no title", at)
		}
	})
}

func TestEveryCodeHasBothLabels(t *testing.T) {
	c := newCodec(t)
	walk(c, func(at string, n *node) {
		if n.enum != nil && n.list == "" {
			t.Errorf("%s: codes that stand in no shared list", at)
		}
	})
	lists, err := c.Lists()
	if err != nil || len(lists) == 0 {
		t.Fatalf("lists: %v", err)
	}
	for _, list := range lists {
		if list.Description == "" || len(list.Labels) == 0 {
			t.Errorf("%s: no description or no codes", list.Name)
		}
		n, err := c.documents.compile(codesID + "#/$defs/" + list.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(n.labels) != len(n.codes) || len(n.enum) != len(n.codes) {
			t.Errorf("%s: %d codes, %d of them different, and %d labels", list.Name, len(n.codes), len(n.enum), len(n.labels))
		}
		for _, l := range list.Labels {
			if l.Code == "" || l.En == "" || l.Zh == "" || l.En == l.Zh {
				t.Errorf("%s: %+v lacks a label", list.Name, l)
			}
		}
	}
}

// TestPersonalFields freezes which fields are sealed, and under which retention class. A field that leaves this list would
// be stored in clear for ever.
func TestPersonalFields(t *testing.T) {
	c := newCodec(t)
	classes, err := c.documents.compile(codesID + "#/$defs/retention_class")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, id := range c.ids() {
		for _, field := range c.Personal(id) {
			got = append(got, fmt.Sprintf("%s %s %s", strings.TrimPrefix(id, schemaPrefix), strings.Join(field.Path, "/"), field.Class))
			if !slices.Contains(classes.codes, field.Class) {
				t.Errorf("%s: %s is no retention class", id, field.Class)
			}
		}
	}
	if *update {
		if err := os.WriteFile("testdata/personal.txt", []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(string(readSample(t, "personal.txt")), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("personal fields (-want +got):\n%s", diff)
	}
}

// TestPersonalFieldsOfTheDesign names the fields that the design marks, and some that it must not mark.
func TestPersonalFieldsOfTheDesign(t *testing.T) {
	c := newCodec(t)
	class := func(schema string, path ...string) string {
		for _, field := range c.Personal(schemaPrefix + schema) {
			if slices.Equal(field.Path, path) {
				return field.Class
			}
		}
		return ""
	}
	for _, test := range []struct {
		want, schema string
		path         []string
	}{
		{"complaint_record", "customer.registered:1", []string{"name"}},
		{"complaint_record", "customer.registered:1", []string{"identities", "*", "value"}},
		{"complaint_record", "customer.identity_linked:1", []string{"value"}},
		{"", "customer.identity_linked:1", []string{"kind"}},
		{"interaction", "interaction.call:1", []string{"summary"}},
		{"interaction", "interaction.call:1", []string{"documents", "*", "uri"}},
		{"marketing", "interaction.broadcast:1", []string{"summary"}},
		{"marketing", "interaction.broadcast:1", []string{"documents", "*", "uri"}},
		{"complaint_record", "complaint.registered:1", []string{"subject"}},
		{"complaint_record", "complaint.registered:1", []string{"description"}},
		{"complaint_record", "complaint.registered:1", []string{"documents", "*", "uri"}},
		{"", "complaint.registered:1", []string{"complaint_id"}},
		{"complaint_record", "complaint.proposed:1", []string{"remedies", "*", "detail"}},
		{"complaint_record", "commitment.made:1", []string{"what"}},
		{"interaction", "survey.answered:1", []string{"verbatim"}},
		{"", "erasure.requested:1", []string{"reason"}},
	} {
		if got := class(test.schema, test.path...); got != test.want {
			t.Errorf("%s %v: class %q, want %q", test.schema, test.path, got, test.want)
		}
	}
	if got := c.Personal("urn:amends:schema:nothing:1"); got != nil {
		t.Errorf("an unknown schema has personal fields %v", got)
	}
}

// TestIdentifierRulesAgree: the envelope and the payloads speak of the same identifiers.
func TestIdentifierRulesAgree(t *testing.T) {
	c := newCodec(t)
	for name, ours := range map[string]matcher{"customer_id": customerPattern, "event_id": eventIDPattern, "person_id": personPattern} {
		n, err := c.documents.compile(schemaPrefix + "ids#/$defs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(n.pattern, ours, cmp.AllowUnexported(classRow{})); diff != "" {
			t.Errorf("%s: the schema and the envelope differ:\n%s", name, diff)
		}
	}
}
