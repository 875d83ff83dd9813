//! The capability of a checkout session: its id with a MAC, as tools receive and return it.
//!
//! An id (`chk_…`) appears in logs, at Stripe and in order events, and gives no access. A capability (`chk_…_…`,
//! `chk_…_…_r3` with the revision that was shown) is given to the shopper's host alone. Invariants: only
//! [`Capabilities::opened`] turns a capability into its session; a capability is never part of a log line.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::ids::{IdError, Revision, SessionId, SessionRef, Tenant};
use crate::keyring::{Keyring, MAC_BYTES};

/// A capability as received: well-formed, with an unchecked MAC.
#[derive(Clone, PartialEq, Eq)]
pub struct Capability {
    session: SessionId,
    mac: [u8; MAC_BYTES],
    revision: Option<Revision>,
}

impl Capability {
    /// The revision, if it is named.
    #[must_use]
    pub const fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The text that a host holds, revision included.
    #[must_use]
    pub fn expose(&self) -> String {
        let bare = format!("{}_{}", self.session, hex::encode(self.mac));
        match self.revision {
            Some(Revision(number)) => format!("{bare}_r{number}"),
            None => bare,
        }
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capability").field("session", &self.session).finish_non_exhaustive()
    }
}

impl FromStr for Capability {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError { expected: "a checkout session id, as create_checkout answered it" };
        let (bare, revision) = text.split_once("_r").map_or((text, None), |(bare, rest)| (bare, Some(rest)));
        let (name, mac) = bare.rsplit_once('_').ok_or_else(wrong)?;
        let lower = mac.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut bytes = [0; MAC_BYTES];
        if !lower || hex::decode_to_slice(mac, &mut bytes).is_err() {
            return Err(wrong());
        }
        let named = match revision {
            Some(revision) => format!("{name}_r{revision}"),
            None => name.to_owned(),
        };
        let SessionRef { id, revision } = named.parse().map_err(|_| wrong())?;
        Ok(Self { session: id, mac: bytes, revision })
    }
}

/// Makes capabilities and checks them.
#[derive(Clone, Debug)]
pub struct Capabilities {
    keyring: Arc<Keyring>,
}

impl Capabilities {
    /// Makes and checks capabilities with these keys.
    #[must_use]
    pub const fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }

    /// The capability of a session of this tenant, with a revision.
    #[must_use]
    pub fn of(&self, tenant: &Tenant, session: &SessionId, revision: Option<Revision>) -> Capability {
        let mac = self.keyring.session_mac(tenant, session.as_str());
        Capability { session: session.clone(), mac, revision }
    }

    /// The session of a capability at this tenant; `None` if its MAC belongs to another session, tenant or mode, or
    /// is forged. Takes the same time for every wrong MAC.
    #[must_use]
    pub fn opened<'a>(&self, tenant: &Tenant, claimed: &'a Capability) -> Option<&'a SessionId> {
        let session = &claimed.session;
        self.keyring.verify_session_mac(tenant, session.as_str(), &claimed.mac).then_some(session)
    }
}
