package schemas

import (
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// library is the full JSON Schema implementation. It compiles a schema when a payload is first refused under it: compiling
// all of them would take most of the time that a command line verb needs to start.
type library struct {
	documents *documents

	mu       sync.Mutex // the compiler is not safe for concurrent use
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// schema is the compiled schema with an $id.
func (l *library) schema(id string) (*jsonschema.Schema, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.compiled[id]; ok {
		return s, nil
	}
	if l.compiler == nil {
		compiler, err := newCompiler(l.documents)
		if err != nil {
			return nil, err
		}
		l.compiler, l.compiled = compiler, make(map[string]*jsonschema.Schema)
	}
	s, err := l.compiler.Compile(id)
	if err != nil {
		return nil, fmt.Errorf("schemas: %s: %w", id, err)
	}
	l.compiled[id] = s
	return s, nil
}

func newCompiler(documents *documents) (*jsonschema.Compiler, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for name, valid := range formats {
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if text, ok := v.(string); ok {
				return valid(text)
			}
			return nil
		}})
	}
	for id, doc := range documents.parsed {
		if err := compiler.AddResource(id, doc); err != nil {
			return nil, fmt.Errorf("schemas: %s: %w", id, err)
		}
	}
	return compiler, nil
}
