//! References to the gateway's own secrets: the master keys and the operators' token.
//!
//! Invariant: a variable that a merchant could name is never one of these.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::diagnostic::why_unread;
use super::secrets::{PrivateFileError, read_private};
use crate::ports::Environment;

/// The place of a secret of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewaySecretRef {
    /// A variable of the environment; never one that a merchant could name.
    Env(String),
    /// An absolute path.
    File(PathBuf),
}

/// Why a text is not a reference to a secret. Never quotes it: it may be the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewaySecretRefError {
    /// Neither `env:NAME` nor `file:/absolute/path`.
    #[error("must refer to the secret and never be the secret itself")]
    NotAReference,
    /// `env:MERCHANT_…` or `env:GATEWAY__…`.
    #[error("refers to a variable whose prefix means something else")]
    ReservedVariable,
    /// A relative path.
    #[error("refers to a file by a relative path")]
    RelativeFile,
}

impl GatewaySecretRefError {
    /// The remedy.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NotAReference => "write \"env:\" and a variable's name, or \"file:\" and an absolute path",
            Self::ReservedVariable => {
                "use another name, such as \"env:GATEWAY_MASTER_KEY\": MERCHANT_… belongs to merchants, and GATEWAY__… to \
                 settings"
            }
            Self::RelativeFile => "write the absolute path",
        }
    }
}

impl GatewaySecretRef {
    /// Parses `env:NAME` or `file:/absolute/path`.
    pub fn parse(text: &str) -> Result<Self, GatewaySecretRefError> {
        if let Some(name) = text.strip_prefix("env:") {
            let valid =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return if !valid {
                Err(GatewaySecretRefError::NotAReference)
            } else if name.starts_with("MERCHANT_") || name.starts_with("GATEWAY__") {
                Err(GatewaySecretRefError::ReservedVariable)
            } else {
                Ok(Self::Env(name.to_owned()))
            };
        }
        let path = PathBuf::from(text.strip_prefix("file:").ok_or(GatewaySecretRefError::NotAReference)?);
        if path.is_absolute() { Ok(Self::File(path)) } else { Err(GatewaySecretRefError::RelativeFile) }
    }

    pub(super) fn read(&self, environment: &dyn Environment) -> Result<SecretString, Unreachable> {
        match self {
            Self::Env(name) => environment.var(name).map(SecretString::from).ok_or(Unreachable::Unset),
            Self::File(path) => read_private(path).map_err(|error| match error {
                PrivateFileError::Io(error) => Unreachable::Unreadable(error.kind()),
                PrivateFileError::NotAFile => Unreachable::NotAFile,
                PrivateFileError::Exposed => Unreachable::Exposed,
                PrivateFileError::TooLong | PrivateFileError::NotText => Unreachable::Form,
            }),
        }
        .and_then(|text| {
            if text.expose_secret().trim().is_empty() { Err(Unreachable::Empty) } else { Ok(text) }
        })
    }
}

impl fmt::Display for GatewaySecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// Why a secret is not readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The variable is not set.
    #[error("is not there: the variable is not set")]
    Unset,
    /// The variable or the file has nothing but white space.
    #[error("is empty")]
    Empty,
    /// The file is not readable, or does not exist.
    #[error("cannot be read ({})", why_unread("file", *.0))]
    Unreadable(ErrorKind),
    /// A folder, a pipe, a device.
    #[error("cannot be read (it is not a regular file)")]
    NotAFile,
    /// Every user of the machine may read or write the file.
    #[error("may be read or written by everyone on this machine")]
    Exposed,
    /// It is too long, or not text.
    #[error("is not a short text")]
    Form,
}

impl Unreachable {
    /// Whether nothing is at the place of the secret, so that it may never have existed.
    #[must_use]
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Unset | Self::Empty | Self::Unreadable(ErrorKind::NotFound))
    }

    /// The remedy, without making a new secret.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unset | Self::Empty => "put the secret there",
            Self::Unreadable(ErrorKind::NotFound) => "put the file there, or correct its path",
            Self::Unreadable(ErrorKind::PermissionDenied) => {
                "let the user who runs the gateway read the file and enter its folders"
            }
            Self::Unreadable(_) | Self::NotAFile => "refer to a file that can be read",
            Self::Exposed => "run chmod o-rwx on the file",
            Self::Form => "keep the secret alone there",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_secret_ref_rejects_places_a_merchant_could_name() {
        let refusal = |text| GatewaySecretRef::parse(text).unwrap_err();
        assert_eq!(refusal("env:MERCHANT_A_KEY"), GatewaySecretRefError::ReservedVariable);
        assert_eq!(refusal("env:GATEWAY__X"), GatewaySecretRefError::ReservedVariable);
        assert_eq!(refusal("file:master.key"), GatewaySecretRefError::RelativeFile);
        assert_eq!(refusal("000102030405060708090a0b0c0d0e0f"), GatewaySecretRefError::NotAReference);
        assert!(GatewaySecretRef::parse("file:/run/secrets/master").is_ok());
        assert!(GatewaySecretRef::parse("env:GATEWAY_MASTER_KEY").is_ok());
    }
}
