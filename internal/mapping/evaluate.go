package mapping

import (
	"fmt"
	"strings"
)

// rejected is a reason found while a template was evaluated.
func rejected(t *template, reason string) *RowError {
	if columns := t.mentions(); len(columns) > 0 {
		reason += fmt.Sprintf(" [column %s]", strings.Join(quoteAll(columns), ", "))
	}
	return &RowError{Line: t.line, Key: t.key, Reason: reason}
}

func quoteAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return out
}

// run evaluates one expression on the present row.
func (r *Reader) run(x *expression) (any, error) {
	switch {
	case x.column != "":
		return r.row[x.column], nil
	case x.variable != "":
		return r.env[x.variable], nil
	}
	return r.vm.Run(x.program, r.env)
}

// eval evaluates a template. A text made of several parts has its blank parts as nothing.
func (r *Reader) eval(t *template, whole bool) (any, *RowError) {
	if len(t.parts) == 1 {
		if p := t.parts[0]; p.x == nil {
			return p.constant, nil
		} else {
			v, err := r.run(p.x)
			if err != nil {
				return nil, rejected(t, runReason(err))
			}
			return v, nil
		}
	}
	b := r.scratch[:0]
	for i := range t.parts {
		p := &t.parts[i]
		if p.x == nil {
			b = append(b, p.constant.(string)...)
			continue
		}
		s, bad := r.partText(t, p)
		if bad != nil {
			return nil, bad
		}
		if s == "" && whole {
			return nil, rejected(t, "a part of it is blank")
		}
		b = append(b, s...)
	}
	r.scratch = b
	return string(b), nil
}

// partText evaluates one expression of a template as text.
func (r *Reader) partText(t *template, p *part) (string, *RowError) {
	if p.x.column != "" {
		return r.row[p.x.column], nil
	}
	v, err := r.run(p.x)
	if err != nil {
		return "", rejected(t, runReason(err))
	}
	s, err := asText(v)
	if err != nil {
		return "", rejected(t, err.Error())
	}
	return s, nil
}

// text evaluates a template that must give text; with whole, neither it nor a part of it may be blank.
func (r *Reader) text(t *template, whole bool) (string, *RowError) {
	v, bad := r.eval(t, whole)
	if bad != nil {
		return "", bad
	}
	s, err := asText(v)
	if err != nil {
		return "", rejected(t, err.Error())
	}
	if s == "" && whole {
		return "", rejected(t, "it is blank")
	}
	return s, nil
}
