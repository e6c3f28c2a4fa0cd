package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"amends/audit"
	"amends/audit/verifier"
)

// sealedRig is a rig whose log is sealed.
func sealedRig(t *testing.T, changes ...func(*Config)) (*rig, *audit.Sealer) {
	var sealer *audit.Sealer
	g := newRig(t, func(c *Config) {
		for _, change := range changes {
			change(c)
		}
		var err error
		if sealer, err = audit.Open(audit.Config{Dir: t.TempDir(), Store: c.Store, Interval: 1, MapInterval: 1}); err != nil {
			t.Fatal(err)
		}
		c.Sealer = sealer
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = sealer.Run(ctx) // ends with the context
		}()
		t.Cleanup(func() { cancel(); <-ended })
	})
	return g, sealer
}

// The verifying client of torchwood, over HTTP, gets every record as it was stored, under the checkpoint that the ledger's key
// signs.
func TestTilesServeAnyClient(t *testing.T) {
	g, sealer := sealedRig(t)
	for i := range 300 {
		g.post(t, typeCloudEvent, registered("e"+itoa(i), "C-"+itoa(i%7), "K-"+itoa(i)))
	}
	if err := sealer.WaitForMap(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func([]byte) (torchwood.Checkpoint, error){"log": sealer.Key().OpenLog, "map": sealer.Key().OpenMap} {
		tiles, err := torchwood.NewTileFetcher(g.URL + "/audit/" + name)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := tiles.ReadEndpoint(t.Context(), "checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		c, err := open(signed)
		if err != nil {
			t.Fatal(err)
		}
		client, err := torchwood.NewClient(tiles)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for i, entry := range client.AllEntries(t.Context(), c.Tree, 0) {
			if name == "log" && !json.Valid(entry) {
				t.Fatalf("entry %d is no record: %.80s", i, entry)
			}
			n++
		}
		if client.Err() != nil || n != c.N || name == "log" && n != 300 {
			t.Errorf("%s: %d of %d entries, %v", name, n, c.N, client.Err())
		}
	}
	tile := g.get(t, "/audit/log/tile/0/000")
	if tile.status != http.StatusOK || len(tile.body) != 8192 || !strings.Contains(tile.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%d, %d bytes, %q", tile.status, len(tile.body), tile.header.Get("Cache-Control"))
	}
	for _, path := range []string{"tile/0/005", "state", "positions", "../keys/sealer.key", "tile/entries/x000/../../state", "tile/9/zzz"} {
		if a := g.get(t, "/audit/log/"+path); a.status == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}

// A write may wait for its proof; the same event sent again gets one as well, and so does whoever asks for it by its id.
func TestProofOfAnEvent(t *testing.T) {
	g, sealer := sealedRig(t)
	policy := sealer.Key().LogPolicy()
	for _, status := range []int{http.StatusCreated, http.StatusOK} {
		a := g.do(t, http.MethodPost, "/v1/events?proof=wait", typeCloudEvent, registered("e1", "C-1", "K-1"))
		receipt := into[provedReceipt](t, a)
		if a.status != status || receipt.Position != 1 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var record []byte
		for rec, err := range g.store.Read(t.Context(), "C-1", 1) {
			if err != nil {
				t.Fatal(err)
			}
			record = rec.Data
		}
		if err := torchwood.VerifyProof(policy, tlog.RecordHash(record), []byte(receipt.Proof)); err != nil {
			t.Fatal(err)
		}
		asked := g.get(t, "/v1/proofs/e1?customer=C-1")
		if err := torchwood.VerifyProof(policy, tlog.RecordHash(record), []byte(asked.body)); err != nil {
			t.Fatal(err)
		}
	}
	problemOf(t, g.get(t, "/v1/proofs/e2?customer=C-1"), http.StatusNotFound, "unknown-event")
	problemOf(t, g.do(t, http.MethodPost, "/v1/events?proof=now", typeCloudEvent, registered("e3", "C-1", "K-3")), http.StatusBadRequest, "bad-parameter")
	many := g.do(t, http.MethodPost, "/v1/events?proof=wait", typeNDJSON, registered("e4", "C-2", "K-4")+"\n"+registered("e5", "C-2", "K-5")+"\n")
	if st := sealer.Status(t.Context()); many.status != http.StatusOK || st.Position < 3 {
		t.Errorf("%d, sealed to %d", many.status, st.Position)
	}
}

// Evidence over HTTP is a bundle that the verifier accepts; the known checkpoint is extended.
func TestEvidenceOfACustomer(t *testing.T) {
	g, sealer := sealedRig(t)
	g.post(t, typeCloudEvent, registered("e1", "C-1", "K-1"))
	if err := sealer.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	known := sealer.Status(t.Context()).Checkpoint
	g.post(t, typeCloudEvent, registered("e2", "C-1", "K-2"))
	a := g.get(t, "/v1/customers/C-1/evidence?known="+url.QueryEscape(known))
	report, err := verifier.Check(bytes.NewReader([]byte(a.body)), int64(len(a.body)), verifier.Options{Key: sealer.Key(), Known: []byte(known)})
	if err != nil || report.Streams[0].Records != 2 || report.Extends != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	problemOf(t, g.get(t, "/v1/customers/C-1/evidence?known=nonsense"), http.StatusBadRequest, "bad-parameter")
	lines := lines(g.do(t, http.MethodPost, "/v1/verify", typeJSON, "{}").body)
	last := VerifyLine{}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Result == nil || last.Result.Differing > 0 || last.Result.Sealed != 2 {
		t.Errorf("%s, %v", lines[len(lines)-1], err)
	}
}

// Without a sealer nothing is proved, and the answer says so.
func TestNoSealer(t *testing.T) {
	g := newRig(t, nil)
	g.post(t, typeCloudEvent, registered("e1", "C-1", "K-1"))
	for _, path := range []string{"/v1/proofs/e1?customer=C-1", "/v1/customers/C-1/evidence", "/audit/log/checkpoint"} {
		problemOf(t, g.get(t, path), http.StatusServiceUnavailable, "not-sealed")
	}
}
