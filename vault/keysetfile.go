package vault

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/core/registry"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// keysetScheme begins the URI of a keyset file.
const keysetScheme = "keyset://"

// KeysetFile is a key management service on a disk of its own: keyset:///media/token/amends.json names a Tink keyset for AEAD
// in JSON, as tinkey makes it. The key-encryption keys are wrapped by it, so the data directory alone opens nothing.
type KeysetFile struct{}

var _ registry.KMSClient = KeysetFile{}

// Supported implements registry.KMSClient.
func (KeysetFile) Supported(uri string) bool { return strings.HasPrefix(uri, keysetScheme) }

// GetAEAD implements registry.KMSClient.
func (KeysetFile) GetAEAD(uri string) (tink.AEAD, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host != "" || u.Path == "" {
		return nil, fmt.Errorf("%s is not of the form keyset:///path/of/keyset.json", uri)
	}
	f, err := os.Open(u.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s is not a Tink keyset in JSON", u.Path)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%s is not a keyset for AEAD: %w", u.Path, err)
	}
	return primitive, nil
}
