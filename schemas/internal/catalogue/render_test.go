package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPageIsUpToDate(t *testing.T) {
	want, err := render("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("docs/events.md is stale; run go generate ./schemas (-page +schemas):\n%s", diff)
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	page, err := render("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	anchors := make(map[string]bool)
	for _, heading := range regexp.MustCompile(`(?m)^##+ (.+)$`).FindAllStringSubmatch(string(page), -1) {
		anchor := strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-"), ".", "")
		if anchors[anchor] {
			t.Errorf("two headings share the anchor %s", anchor)
		}
		anchors[anchor] = true
	}
	links := regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(string(page), -1)
	if len(links) < 76 {
		t.Errorf("only %d links", len(links))
	}
	for _, link := range links {
		if !anchors[link[1]] {
			t.Errorf("no heading for #%s", link[1])
		}
	}
}
