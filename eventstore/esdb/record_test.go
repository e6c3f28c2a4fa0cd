package esdb

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"pgregory.net/rapid"

	"amends/eventstore"
)

// TestStoredNames freezes what is on the servers' disks.
func TestStoredNames(t *testing.T) {
	request, err := proposal("C-1042", eventstore.Event{ID: "018f-id", Data: []byte(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	m := request.GetProposedMessage()
	header := appendHeader(streamPrefix+"C-1042", eventstore.At(3)).GetOptions()
	for what, pair := range map[string][2]string{
		"stream":    {string(header.GetStreamIdentifier().GetStreamName()), "amends-C-1042"},
		"type":      {m.GetMetadata()["type"], "amends.record"},
		"content":   {m.GetMetadata()["content-type"], "application/json"},
		"metadata":  {string(m.GetCustomMetadata()), `{"id":"018f-id"}`},
		"data":      {string(m.GetData()), `{"a":1}`},
		"uuid":      {eventUUID("C-1042", "018f-id").String(), "02065525-1d98-88b6-9c8f-e9434a43e352"},
		"wire uuid": {readUUID(m.GetId()).String(), eventUUID("C-1042", "018f-id").String()},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, and was %q: events that are stored already would not be understood", what, pair[0], pair[1])
		}
	}
	if header.GetRevision() != 2 {
		t.Errorf("revision 3 is sent as number %d", header.GetRevision())
	}
}

// Whatever the id and the bytes, they come back as they were.
func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := string(rapid.SliceOfN(rapid.Byte(), 1, eventstore.MaxIDBytes).Draw(t, "id"))
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		request, err := proposal("a", eventstore.Event{ID: id, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		m := request.GetProposedMessage()
		got, err := recorded("a", &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: m.GetId(), Metadata: m.GetMetadata(), CustomMetadata: m.GetCustomMetadata(), Data: m.GetData(),
			StreamRevision: 4, CommitPosition: 77, PreparePosition: 77,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != id || string(got.Data) != string(data) || got.Revision != 5 || got.Position != 77 || got.Stream != "a" {
			t.Fatalf("%q came back as %+v", id, got)
		}
	})
}

// What a server or another program may hold where our metadata should be is an error, never a panic.
func FuzzRecorded(f *testing.F) {
	f.Add([]byte(`{"id":"x"}`), "amends.record", uint64(1), uint64(1))
	f.Add([]byte(`{"id_base64":"eA=="}`), "amends.record", uint64(9), uint64(9))
	f.Add([]byte(`[]`), "other", uint64(0), uint64(1<<63))
	f.Fuzz(func(t *testing.T, meta []byte, kind string, commit, prepare uint64) {
		e, err := recorded("a", &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: wireUUID(eventUUID("a", "x")), Metadata: map[string]string{"type": kind}, CustomMetadata: meta,
			CommitPosition: commit, PreparePosition: prepare,
		})
		if err == nil && (e.ID != "x" || e.Position == 0) {
			t.Fatalf("taken for %+v", e)
		}
		_, _ = retention(meta)
	})
}
