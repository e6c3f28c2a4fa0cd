package access

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRoles freezes what each role permits: a change here is a change of who can do what, and is to be seen in a review.
func TestRoles(t *testing.T) {
	want := map[Role][]Permission{
		"recorder":   {"record_events"},
		"handler":    {"record_events", "read_views", "read_records", "open_personal", "request_erasure"},
		"analyst":    {"read_views", "run_sql"},
		"subscriber": {"read_records", "read_views"},
		"auditor":    {"read_views", "run_sql", "read_records", "open_personal", "prove"},
		"administrator": {"record_events", "read_views", "run_sql", "read_records", "open_personal", "prove", "request_erasure",
			"approve_erasure", "administer"},
	}
	got := make(map[Role][]Permission)
	for _, g := range Grants() {
		if g.Description == "" || got[g.Role] != nil {
			t.Errorf("%s is not described, or stands twice", g.Role)
		}
		got[g.Role] = g.Permissions
		for _, p := range g.Permissions {
			if !p.Known() || p == Public {
				t.Errorf("%s has %q, which an operation cannot declare", g.Role, p)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func TestNoPermissionIsNobodys(t *testing.T) {
	for _, g := range Grants() {
		c := Caller{Roles: []Role{g.Role}}
		if c.May("") || c.May("nonsense") {
			t.Errorf("%s may do what nobody declared", g.Role)
		}
	}
	if Permission("").Known() || Permission("nonsense").Known() || !Public.Known() {
		t.Error("a permission that nobody has counts as declared")
	}
	if (&Caller{}).May(ReadViews) {
		t.Error("a caller without a role may read")
	}
	both := Caller{Roles: []Role{Recorder, Analyst}}
	if !both.May(RecordEvents) || !both.May(RunSQL) || both.May(ReadRecords) {
		t.Error("two roles are not their union")
	}
	if _, err := ParseRole("root"); !errors.Is(err, ErrUnknownRole) {
		t.Errorf("root: %v", err)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "a.localhost": true, "127.0.0.1:1": true, "127.8.8.8": true,
		"[::1]:80": true, "::1": true, "[::1]": true,
		"": false, ":8080": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1": false, "localhost.example.com": false,
		"127.0.0.1.example.com": false, "example.com:80": false, "notlocalhost": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestCallerIDs(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "alice", `CORP\alice`: "CORP-alice", "jürgen k": "j-rgen-k",
	} {
		if got := identifier(name); got != want {
			t.Errorf("identifier %q: %q", name, got)
		}
	}
	if got := subjectID("248289761001"); got != "248289761001" {
		t.Errorf("a plain subject became %q", got)
	}
	if got := subjectID("ada@example.org"); !slices.Equal([]byte(got[:7]), []byte("sha256-")) || len(got) != 39 {
		t.Errorf("an email address became %q", got)
	}
	if got := LocalUser(); !Reserved(got.ID) || !got.May(Administer) {
		t.Errorf("the local user is %+v", got)
	}
	if Reserved("agent-7") || Reserved("team:key") || !Reserved("oidc:x") {
		t.Error("reserved ids are not told from others")
	}
}
