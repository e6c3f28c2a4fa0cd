package mapping

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSlug(t *testing.T) {
	m := &Mapping{}
	for in, want := range map[string]string{
		"Value 22": "value-22", "  A--b_c  ": "a-b-c", "Grün Söhne": "grun-sohne", "Crème brûlée": "creme-brulee", "": "",
	} {
		if got, err := m.slug(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	a, _ := m.slug("王小明")
	b, _ := m.slug("李小明")
	if a == b || !isCustomerID(a.(string)) {
		t.Errorf("%v and %v", a, b)
	}
	long := strings.Repeat("abc ", 40)
	a, _ = m.slug(long + "x")
	b, _ = m.slug(long + "y")
	if a == b || len(a.(string)) > maxSlug {
		t.Errorf("%v and %v", a, b)
	}
}

func TestSlugIsAnID(t *testing.T) {
	m := &Mapping{}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		got, err := m.slug(text)
		if err != nil || (text != "" && !isCustomerID(got.(string))) {
			t.Fatalf("%q gives %q, %v", text, got, err)
		}
		if again, _ := m.slug(got); again != got {
			t.Fatalf("%q gives %q", got, again)
		}
	})
}

func TestHashid(t *testing.T) {
	m, salted := &Mapping{}, &Mapping{salt: "s"}
	a, _ := m.hashid("ada@example.com")
	b, _ := m.hashid("ada@example.com")
	c, _ := salted.hashid("ada@example.com")
	d, _ := m.hashid("ada@", "example.com")
	e, _ := m.hashid("ada@example", ".com")
	if a != b || a == c || a == d || d == e {
		t.Errorf("%v %v %v %v %v", a, b, c, d, e)
	}
	if a != "xwvxya5ibmkndtysb2chrzxmwq" {
		t.Errorf("the pseudonym of a value has changed to %v: every customer would become another", a)
	}
	if !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(c.(string)) {
		t.Error(c)
	}
	if blank, _ := m.hashid("", nil); blank != "" {
		t.Errorf("a blank value has the pseudonym %v", blank)
	}
}

func TestMinor(t *testing.T) {
	for _, c := range []struct {
		args []any
		want any
	}{
		{[]any{"12.34"}, 1234}, {[]any{"12"}, 1200}, {[]any{"12.3"}, 1230}, {[]any{"-1,234.50"}, -123450}, {[]any{"1 234,5", 2, ","}, 123450},
		{[]any{"1.234,56", 2, ","}, 123456}, {[]any{"1'234", 0}, 1234}, {[]any{""}, nil}, {[]any{nil}, nil}, {[]any{"1.5", 3}, 1500},
		{[]any{"12.345"}, errNotAmount}, {[]any{"£12"}, errNotAmount}, {[]any{"."}, errNotAmount}, {[]any{"1.2.3"}, errNotAmount},
		{[]any{"--1"}, errNotAmount}, {[]any{"99999999999999999999"}, errNotAmount}, {[]any{"1", 0}, 1},
	} {
		got, err := minor(c.args...)
		if want, isError := c.want.(error); isError {
			if err != want {
				t.Errorf("%v: got %v, %v", c.args, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%v: got %v, %v, want %v", c.args, got, err, c.want)
		}
	}
}

func TestInteger(t *testing.T) {
	if got, err := integer("-12"); err != nil || got != -12 {
		t.Error(got, err)
	}
	if got, err := integer(""); err != nil || got != nil {
		t.Error(got, err)
	}
	if _, err := integer("1.5"); err != errNotWhole {
		t.Error(err)
	}
}
