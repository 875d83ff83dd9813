//! The gateway's master keys: encryption of values in the store, and the keys in URLs.
//!
//! Must not import anything of `domain` but ids. Invariants: a sealed value opens only in the context that it was
//! sealed for; a link key is valid for one purpose, tenant and id, and a session's MAC for one tenant and session;
//! every use has a subkey of its own, and no key is ever shown.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::domain::ids::Tenant;
use crate::ports::Ids;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const LINK_KEY_BYTES: usize = 24;
const FINGERPRINT_BYTES: usize = 16;

/// The length of the MAC in a capability: 128 bits.
pub const MAC_BYTES: usize = 16;

/// Why the text of a master key is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// Not 32 bytes in hexadecimal or base64.
    #[error("is not 32 bytes in hexadecimal or base64")]
    Form,
    /// One byte, repeated.
    #[error("is not random")]
    NotRandom,
}

/// Why a sealed value cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not a sealed value.
    #[error("this is not a sealed value")]
    Form,
    /// It names a key that is not configured.
    #[error("it was sealed with a master key that is not configured; add it to secrets.previous_master_keys")]
    UnknownKey,
    /// It was changed, or belongs to another context.
    #[error("the sealed value was changed, or belongs elsewhere")]
    Refused,
}

/// The master key in use, and the previous ones, which still open and verify.
pub struct Keyring {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

/// One master key.
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    /// Identifies the key in sealed values; reveals nothing of it.
    id: String,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("current", &self.current.id).finish_non_exhaustive()
    }
}

impl Keyring {
    /// The keyring of the key in use and of the previous ones.
    #[must_use]
    pub const fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// The keyring of one key, given as its 32 bytes in hexadecimal or base64.
    pub fn of(key: &SecretString) -> Result<Self, MalformedKey> {
        Ok(Self::new(MasterKey::parse(key)?, Vec::new()))
    }

    /// Seals a value for one context, such as `["attempt-request", merchant, mode, attempt id]`: it opens only in the
    /// same one. The result is `v1.{key id}.{nonce and ciphertext}` and safe to store.
    ///
    /// # Panics
    ///
    /// Never for a value that fits into memory: the cipher's limit is 256 GiB.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the cipher refuses only texts of 256 GiB, which nobody can hold here"
    )]
    pub fn seal(&self, context: &[&str], plaintext: &[u8], ids: &dyn Ids) -> String {
        let mut nonce = [0_u8; NONCE_BYTES];
        ids.fill(&mut nonce);
        let payload = Payload { msg: plaintext, aad: &length_prefixed(context) };
        let sealed =
            self.current.cipher().encrypt(&XNonce::from(nonce), payload).expect("the value is short");
        let text = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        format!("v1.{}.{text}", self.current.id)
    }

    /// Opens a value that was sealed for this context, with the current key or a previous one.
    pub fn open(&self, context: &[&str], sealed: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let rest = sealed.strip_prefix("v1.").ok_or(OpenError::Form)?;
        let (id, text) = rest.split_once('.').ok_or(OpenError::Form)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| OpenError::Form)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Form)?;
        let nonce = <[u8; NONCE_BYTES]>::try_from(nonce).map_err(|_| OpenError::Form)?;
        let key = self.keys().find(|key| key.id == id).ok_or(OpenError::UnknownKey)?;
        let payload = Payload { msg: ciphertext, aad: &length_prefixed(context) };
        let opened = key.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| OpenError::Refused)?;
        Ok(Zeroizing::new(opened))
    }

    /// The key that gives access to one page: `id` of a tenant, for one purpose such as `"order"`.
    #[must_use]
    pub fn link_key(&self, purpose: &str, tenant: &Tenant, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.current.link(purpose, tenant, id))
    }

    /// Whether a key gives access to the page; in constant time, and true for keys made with previous master keys.
    #[must_use]
    pub fn verify_link_key(&self, purpose: &str, tenant: &Tenant, id: &str, key: &str) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(key) else { return false };
        let fits = self.keys().fold(Choice::from(0), |fits, master| {
            fits | master.link(purpose, tenant, id).as_slice().ct_eq(&given)
        });
        fits.into()
    }

    /// The fingerprint of the key in use, for a database; 128 bits that reveal nothing of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.current.fingerprint()
    }

    /// Whether the key of this fingerprint is configured, as the current or a previous one.
    #[must_use]
    pub fn has(&self, fingerprint: &str) -> bool {
        self.keys().any(|key| key.fingerprint() == fingerprint)
    }

    /// The MAC that makes the id of a tenant's session a capability.
    #[must_use]
    pub fn session_mac(&self, tenant: &Tenant, session: &str) -> [u8; MAC_BYTES] {
        self.current.session(tenant, session)
    }

    /// Whether a MAC fits the session; in constant time, and true for MACs made with previous master keys.
    #[must_use]
    pub fn verify_session_mac(&self, tenant: &Tenant, session: &str, given: &[u8; MAC_BYTES]) -> bool {
        let fits = self.keys().fold(Choice::from(0), |fits, master| {
            fits | master.session(tenant, session).as_slice().ct_eq(given)
        });
        fits.into()
    }

    /// The id of a payment challenge of this tenant: a MAC of everything that the challenge says.
    #[must_use]
    pub fn challenge_id(&self, tenant: &Tenant, said: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.current.challenge(tenant, said))
    }

    /// Whether an id is that of a challenge that says this; in constant time, and true for ids made with previous
    /// master keys.
    #[must_use]
    pub fn verify_challenge_id(&self, tenant: &Tenant, said: &str, id: &str) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(id) else { return false };
        let fits = self.keys().fold(Choice::from(0), |fits, master| {
            fits | master.challenge(tenant, said).as_slice().ct_eq(&given)
        });
        fits.into()
    }

    /// The fingerprint of a merchant's Stripe key, which reveals nothing of it.
    #[must_use]
    pub fn key_fingerprint(&self, tenant: &Tenant, key: &SecretString) -> String {
        hex::encode(self.current.key_fingerprint(tenant, key))
    }

    /// Whether this is the fingerprint of this key; true as well for one made with a previous master key.
    #[must_use]
    pub fn verify_key_fingerprint(&self, tenant: &Tenant, key: &SecretString, fingerprint: &str) -> bool {
        let Ok(given) = hex::decode(fingerprint) else { return false };
        let fits = self.keys().fold(Choice::from(0), |fits, master| {
            fits | master.key_fingerprint(tenant, key).as_slice().ct_eq(&given)
        });
        fits.into()
    }

    fn keys(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl MasterKey {
    /// Parses 32 bytes in hexadecimal or base64.
    pub fn parse(text: &SecretString) -> Result<Self, MalformedKey> {
        let text = text.expose_secret().trim();
        let bytes = Zeroizing::new(decoded(text).ok_or(MalformedKey::Form)?);
        let bytes =
            Zeroizing::new(<[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| MalformedKey::Form)?);
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(MalformedKey::NotRandom);
        }
        let id = hex::encode(&mac(bytes.as_slice(), &length_prefixed(&["merchant-gateway", "key id"]))[..4]);
        Ok(Self { bytes, id })
    }

    fn subkey(&self, use_of_it: &[&str]) -> Zeroizing<[u8; KEY_BYTES]> {
        let name: Vec<&str> = ["merchant-gateway", "subkey"].iter().chain(use_of_it).copied().collect();
        Zeroizing::new(mac(self.bytes.as_slice(), &length_prefixed(&name)))
    }

    fn fingerprint(&self) -> String {
        hex::encode(&self.subkey(&["fingerprint"])[..FINGERPRINT_BYTES])
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.subkey(&["seal"])).into())
    }

    fn key_fingerprint(&self, tenant: &Tenant, key: &SecretString) -> [u8; KEY_BYTES] {
        let subkey = self.subkey(&["stripe key fingerprint"]);
        let parts = [tenant.merchant.as_str(), tenant.mode.into_str(), key.expose_secret()];
        mac(subkey.as_slice(), &Zeroizing::new(length_prefixed(&parts)))
    }

    fn link(&self, purpose: &str, tenant: &Tenant, id: &str) -> [u8; LINK_KEY_BYTES] {
        head(&self.bound(&["link", purpose], tenant, id))
    }

    fn session(&self, tenant: &Tenant, id: &str) -> [u8; MAC_BYTES] {
        head(&self.bound(&["session capability"], tenant, id))
    }

    /// HMAC-SHA256 of the text alone, as the protocol recommends it, under a key of this tenant.
    fn challenge(&self, tenant: &Tenant, said: &str) -> [u8; KEY_BYTES] {
        let subkey = self.subkey(&["payment challenge", tenant.merchant.as_str(), tenant.mode.into_str()]);
        mac(subkey.as_slice(), said.as_bytes())
    }

    /// The MAC of a tenant's id under the subkey of one use.
    fn bound(&self, use_of_it: &[&str], tenant: &Tenant, id: &str) -> [u8; KEY_BYTES] {
        let subkey = self.subkey(use_of_it);
        mac(subkey.as_slice(), &length_prefixed(&[tenant.merchant.as_str(), tenant.mode.into_str(), id]))
    }
}

/// The first bytes of a MAC (RFC 2104, section 5: truncated output).
fn head<const N: usize>(whole: &[u8; KEY_BYTES]) -> [u8; N] {
    let mut head = [0_u8; N];
    head.copy_from_slice(&whole[..N]);
    head
}

/// Hexadecimal, or either alphabet of base64, with or without padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.len() == 2 * KEY_BYTES {
        return hex::decode(text).ok();
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard = GeneralPurpose::new(&alphabet::STANDARD, config);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, config);
    standard.decode(text).or_else(|_| url_safe.decode(text)).ok()
}

/// The parts in order, each after its length, so that no two lists of parts give the same bytes.
fn length_prefixed(parts: &[&str]) -> Vec<u8> {
    let part = |part: &&str| [&(part.len() as u64).to_be_bytes(), part.as_bytes()].concat();
    parts.iter().flat_map(part).collect()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 3)")]
fn mac(key: &[u8], message: &[u8]) -> [u8; KEY_BYTES] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any length of key is taken");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Mode;
    use crate::ports::SeededIds;

    const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    fn keyring(current: &str, previous: &[&str]) -> Keyring {
        let key = |text: &&str| MasterKey::parse(&SecretString::from(*text)).unwrap();
        Keyring::new(key(&current), previous.iter().map(key).collect())
    }

    fn tenant(merchant: &str, mode: Mode) -> Tenant {
        Tenant { merchant: merchant.parse().unwrap(), mode }
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_own_context_and_unchanged() {
        let keys = keyring(OLD, &[]);
        let sealed = keys.seal(&["token", "a", "test"], b"spt_123", &SeededIds::new(1));
        assert_eq!(keys.open(&["token", "a", "test"], &sealed).unwrap().as_slice(), b"spt_123");
        for foreign in [&["token", "b", "test"][..], &["token", "a", "live"], &["token", "at", "est"], &[]] {
            assert_eq!(keys.open(foreign, &sealed), Err(OpenError::Refused), "{foreign:?}");
        }
        let body_at = sealed.rfind('.').unwrap() + 1;
        for at in body_at..sealed.len() {
            let mut letters = sealed.clone().into_bytes();
            letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(letters).unwrap();
            assert!(keys.open(&["token", "a", "test"], &changed).is_err(), "{at}");
        }
        for wrong in ["", "v1.", "v1.x", "v1.x.y", "v2.a.b", "v1.00000000.AAAA"] {
            assert!(keys.open(&["token", "a", "test"], wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sealing_twice_gives_two_texts_and_neither_shows_the_value() {
        let (keys, ids) = (keyring(OLD, &[]), SeededIds::new(1));
        let one = keys.seal(&["x"], b"secret", &ids);
        assert_ne!(one, keys.seal(&["x"], b"secret", &ids));
        assert!(!one.contains("secret") && !format!("{keys:?}").contains("0001"));
    }

    #[test]
    fn a_previous_master_key_still_opens_and_verifies() {
        let (old, both, new) = (keyring(OLD, &[]), keyring(NEW, &[OLD]), keyring(NEW, &[]));
        let sealed = old.seal(&["x"], b"value", &SeededIds::new(1));
        assert_eq!(both.open(&["x"], &sealed).unwrap().as_slice(), b"value");
        assert_eq!(new.open(&["x"], &sealed), Err(OpenError::UnknownKey));
        let shop = tenant("harbor-coffee", Mode::Test);
        let key = old.link_key("order", &shop, "ord_1");
        assert!(both.verify_link_key("order", &shop, "ord_1", &key));
        assert!(!new.verify_link_key("order", &shop, "ord_1", &key));
        assert_eq!(both.link_key("order", &shop, "ord_1"), new.link_key("order", &shop, "ord_1"));
    }

    #[test]
    fn a_fingerprint_tells_keys_apart_and_shows_nothing_of_them() {
        let (old, both) = (keyring(OLD, &[]), keyring(NEW, &[OLD]));
        let (first, second) = (old.fingerprint(), both.fingerprint());
        assert_eq!((first.len(), keyring(OLD, &[NEW]).fingerprint()), (32, first.clone()));
        assert!(first != second && !OLD.contains(&first[..8]) && !first.contains(&old.current.id));
        assert!(both.has(&first) && both.has(&second) && !old.has(&second));
    }

    #[test]
    fn a_link_key_fits_one_purpose_tenant_and_id() {
        let keys = keyring(OLD, &[]);
        let shop = tenant("harbor-coffee", Mode::Test);
        let key = keys.link_key("order", &shop, "ord_1");
        assert_eq!(key.len(), 32);
        assert!(keys.verify_link_key("order", &shop, "ord_1", &key));
        assert!(!keys.verify_link_key("checkout", &shop, "ord_1", &key));
        assert!(!keys.verify_link_key("order", &shop, "ord_2", &key));
        assert!(!keys.verify_link_key("order", &tenant("other", Mode::Test), "ord_1", &key));
        assert!(!keys.verify_link_key("order", &tenant("harbor-coffee", Mode::Live), "ord_1", &key));
        for wrong in ["", "x", &key[..28], &format!("{key}AAAA"), "ä"] {
            assert!(!keys.verify_link_key("order", &shop, "ord_1", wrong), "{wrong}");
        }
    }

    #[test]
    fn a_session_mac_fits_one_tenant_mode_and_session_and_no_link() {
        let (old, both, new) = (keyring(OLD, &[]), keyring(NEW, &[OLD]), keyring(NEW, &[]));
        let shop = tenant("harbor-coffee", Mode::Test);
        let mac = old.session_mac(&shop, "chk_1");
        assert!(old.verify_session_mac(&shop, "chk_1", &mac));
        assert!(both.verify_session_mac(&shop, "chk_1", &mac), "a previous master key still verifies");
        assert!(!new.verify_session_mac(&shop, "chk_1", &mac));
        assert!(!old.verify_session_mac(&shop, "chk_2", &mac));
        assert!(!old.verify_session_mac(&tenant("other", Mode::Test), "chk_1", &mac));
        assert!(!old.verify_session_mac(&tenant("harbor-coffee", Mode::Live), "chk_1", &mac));
        for at in 0..MAC_BYTES {
            let mut changed = mac;
            changed[at] ^= 1;
            assert!(!old.verify_session_mac(&shop, "chk_1", &changed), "{at}");
        }
        assert_ne!(mac, old.current.link("checkout", &shop, "chk_1")[..MAC_BYTES]);
    }

    #[test]
    fn a_challenge_fits_one_tenant_mode_and_content() {
        let (old, both, new) = (keyring(OLD, &[]), keyring(NEW, &[OLD]), keyring(NEW, &[]));
        let shop = tenant("harbor-coffee", Mode::Test);
        let id = old.challenge_id(&shop, "realm|stripe|charge");
        assert!(old.verify_challenge_id(&shop, "realm|stripe|charge", &id));
        assert!(both.verify_challenge_id(&shop, "realm|stripe|charge", &id), "a previous key still verifies");
        assert!(!new.verify_challenge_id(&shop, "realm|stripe|charge", &id));
        assert!(!old.verify_challenge_id(&shop, "realm|stripe|charge|", &id));
        assert!(!old.verify_challenge_id(&tenant("other", Mode::Test), "realm|stripe|charge", &id));
        assert!(!old.verify_challenge_id(&tenant("harbor-coffee", Mode::Live), "realm|stripe|charge", &id));
        assert_ne!(id, old.link_key("realm|stripe|charge", &shop, ""));
    }

    #[test]
    fn a_fingerprint_fits_one_tenants_key_and_survives_key_rotation() {
        let (old, both, new) = (keyring(OLD, &[]), keyring(NEW, &[OLD]), keyring(NEW, &[]));
        let (shop, key) = (tenant("harbor-coffee", Mode::Test), SecretString::from("sk_test_123"));
        let fingerprint = old.key_fingerprint(&shop, &key);
        assert!(!fingerprint.contains("123") && fingerprint.len() == 64);
        assert!(old.verify_key_fingerprint(&shop, &key, &fingerprint));
        assert!(both.verify_key_fingerprint(&shop, &key, &fingerprint));
        assert!(!new.verify_key_fingerprint(&shop, &key, &fingerprint));
        assert!(!old.verify_key_fingerprint(&shop, &SecretString::from("sk_test_124"), &fingerprint));
        assert!(!old.verify_key_fingerprint(&tenant("other", Mode::Test), &key, &fingerprint));
        for wrong in ["", "00", &fingerprint[..62], &format!("{fingerprint}00"), "sk_test_123"] {
            assert!(!old.verify_key_fingerprint(&shop, &key, wrong), "{wrong}");
        }
    }

    #[test]
    fn keys_are_read_in_hexadecimal_and_base64_and_refused_otherwise() {
        let problem = |text: &str| Keyring::of(&SecretString::from(text)).err();
        for right in [OLD, &OLD.to_uppercase(), NEW, NEW.trim_end_matches('='), &format!("{OLD}\n")] {
            assert_eq!(problem(right), None, "{right}");
        }
        for wrong in ["", "secret", &OLD[2..], &format!("{OLD}00"), "AAAA"] {
            assert_eq!(problem(wrong), Some(MalformedKey::Form), "{wrong}");
        }
        assert_eq!(problem(&"00".repeat(32)), Some(MalformedKey::NotRandom));
    }
}
