//! The gateway's master keys, read by reference into a keyring; the problem of each is reported with its remedy.

use crate::keyring::{Keyring, MalformedKey, MasterKey};
use crate::ports::Environment;

use super::gateway_secret::{GatewaySecretRef, Unreachable};

/// A master key that is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key in {reference} {problem}; {}", problem.remedy())]
pub struct MasterKeyError {
    pub reference: GatewaySecretRef,
    pub problem: KeyProblem,
}

/// Why a master key is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// It is not readable.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// It is not a valid master key.
    #[error(transparent)]
    Malformed(#[from] MalformedKey),
}

impl KeyProblem {
    /// The remedy. It is never a new key if there may have been one before: a new key cannot open values that the
    /// former one has sealed.
    #[must_use]
    pub fn remedy(self) -> String {
        const ONLY_A_NEW_ONE: &str =
            "Only a gateway that has never served makes a new one: openssl rand -hex 32";
        match self {
            Self::Unreachable(why) if why.is_absence() => {
                format!("{}: the key that this gateway was served with. {ONLY_A_NEW_ONE}", why.remedy())
            }
            Self::Unreachable(why) => why.remedy().to_owned(),
            Self::Malformed(MalformedKey::Form) => format!("put it there as it was made. {ONLY_A_NEW_ONE}"),
            Self::Malformed(MalformedKey::NotRandom) => "make one by: openssl rand -hex 32".to_owned(),
        }
    }
}

/// Reads the master keys; all problems are reported at once.
pub fn read_keyring(
    master: &GatewaySecretRef,
    previous: &[GatewaySecretRef],
    environment: &dyn Environment,
) -> Result<Keyring, Vec<MasterKeyError>> {
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    for reference in std::iter::once(master).chain(previous) {
        let key = reference
            .read(environment)
            .map_err(KeyProblem::from)
            .and_then(|text| MasterKey::parse(&text).map_err(KeyProblem::from));
        let key = key.map_err(|problem| MasterKeyError { reference: reference.clone(), problem });
        match key {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem),
        }
    }
    let mut keys = keys.into_iter();
    match keys.next() {
        Some(current) if problems.is_empty() => Ok(Keyring::new(current, keys.collect())),
        Some(_) | None => Err(problems),
    }
}
