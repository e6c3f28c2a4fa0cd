package main

import (
	"testing"

	"github.com/rs/zerolog"
)

// The columns that are chosen for people are the views' own.
func TestColumnsForPeople(t *testing.T) {
	e, err := openEngine(t.Context(), logPlace{data: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	found := 0
	for _, view := range e.views.Views() {
		for _, name := range forPeople[view.Name] {
			if _, ok := view.Column(name); !ok {
				t.Errorf("%s has no column %s", view.Name, name)
			}
			found++
		}
	}
	if found == 0 {
		t.Error("no view has columns for people")
	}
}
