//! References to secrets, and their resolution.
//!
//! Must not import anything of `domain` but ids. Invariants: a merchant's reference reaches only that merchant's
//! variables and folder; no error contains a secret's value.

use std::fmt;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::diagnostic::why_unread;
use crate::domain::ids::{MerchantId, Mode};
use crate::ports::Environment;

/// The size limit of a secret.
const MOST_BYTES: u64 = 16 * 1024;

/// The place of a merchant's secret; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A variable of the environment, `MERCHANT_{ID}__…`.
    Env(String),
    /// A file below the gateway's `secrets.dir`, as `{id}/{name}`.
    File(PathBuf),
}

/// Why a text is not a reference that this merchant may use. Never quotes the text: it may be a secret itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    /// Neither `env:` nor `file:`.
    #[error("must be a reference and never the secret itself")]
    NotAReference,
    #[error("refers to the store, which is not supported yet")]
    Store,
    /// A variable outside the merchant's prefix.
    #[error("refers to a variable that is not this merchant's")]
    ForeignVariable,
    /// A variable with one underscore after the id, which may be another merchant's. Contains the right form of the
    /// name.
    #[error("refers to a variable whose name does not show where the merchant's id ends")]
    AmbiguousVariable(String),
    /// A path that is absolute, leaves the folder, or is empty.
    #[error("refers to a file outside this merchant's folder of secrets")]
    ForeignFile,
}

/// Why a reference cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    Unset(String),
    /// The variable has nothing but white space.
    #[error("the environment variable {0} is empty")]
    EmptyVariable(String),
    /// There is no such file.
    #[error("the file {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The file is not readable.
    #[error("the file {} cannot be read ({})", .0.display(), why_unread("file", *.1))]
    Unreadable(PathBuf, std::io::ErrorKind),
    /// A symbolic link leads out of the merchant's folder.
    #[error("the file {} is a link that leads out of the merchant's own folder of secrets", .0.display())]
    LeadsOut(PathBuf),
    /// A folder, a pipe, a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Every user of the machine may read or write it.
    #[error("everyone on this machine may read or write the file {}", .0.display())]
    Exposed(PathBuf),
    /// More than 16 KiB.
    #[error("the secret is longer than 16 KiB")]
    TooLong,
    /// Nothing but white space.
    #[error("the secret is empty")]
    Empty,
    /// It has white space around it that is not part of it.
    #[error("the secret has white space before or after it")]
    Padded,
    /// Not UTF-8 text.
    #[error("the secret is not text")]
    NotText,
}

impl SecretRef {
    /// Parses a reference of this merchant's.
    pub fn parse(text: &str, merchant: &MerchantId) -> Result<Self, SecretRefError> {
        // The name is shown in messages, so it must not be a secret that was pasted in its place.
        if text.split([':', '/']).any(looks_like_a_secret) {
            return Err(SecretRefError::NotAReference);
        }
        if let Some(name) = text.strip_prefix("env:") {
            let prefix = Self::variable_prefix(merchant);
            if name.strip_prefix(&prefix).is_some_and(is_variable_ending) {
                return Ok(Self::Env(name.to_owned()));
            }
            let ambiguous = prefix.strip_suffix('_').and_then(|begin| name.strip_prefix(begin));
            return Err(match ambiguous.filter(|ending| is_variable_ending(ending)) {
                Some(ending) => SecretRefError::AmbiguousVariable(format!("{prefix}{ending}")),
                None => SecretRefError::ForeignVariable,
            });
        }
        if let Some(name) = text.strip_prefix("file:") {
            let path = Path::new(name);
            let inside = !name.is_empty()
                && !name.contains('\0')
                && path.components().all(|part| matches!(part, Component::Normal(_)));
            return if inside {
                Ok(Self::File(Path::new(merchant.as_str()).join(path)))
            } else {
                Err(SecretRefError::ForeignFile)
            };
        }
        Err(if text.starts_with("store:") { SecretRefError::Store } else { SecretRefError::NotAReference })
    }

    /// The prefix of a merchant's variables. Two underscores end the id: an id has no two hyphens in a row, so no
    /// merchant's prefix begins with another's, whatever other merchants there are.
    #[must_use]
    pub fn variable_prefix(merchant: &MerchantId) -> String {
        format!("MERCHANT_{}__", merchant.as_str().to_ascii_uppercase().replace('-', "_"))
    }

    /// Reads the secret, without its trailing newline.
    pub fn resolve(
        &self,
        environment: &dyn Environment,
        dir: &SecretsDir,
    ) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => {
                let value = environment.var(name).ok_or_else(|| SecretError::Unset(name.clone()))?;
                let named = |error| {
                    if error == SecretError::Empty { SecretError::EmptyVariable(name.clone()) } else { error }
                };
                trimmed(&SecretString::from(value)).map_err(named)
            }
            Self::File(path) => dir.read(path),
        }
    }
}

impl fmt::Display for SecretRef {
    /// In the form of a tenant file, with the merchant's folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl SecretRefError {
    /// The remedy; `variable` is the suggested name of the merchant's variable.
    #[must_use]
    pub fn remedy(&self, variable: &str) -> String {
        match self {
            Self::NotAReference => format!(
                "write \"env:{variable}\" or \"file:NAME\", where NAME is a file's name; if a secret was in this file, make a new one \
                 where it is from, such as the Stripe Dashboard, and revoke this one"
            ),
            Self::Store => format!("write \"env:{variable}\" or \"file:NAME\""),
            Self::ForeignVariable => {
                format!("write \"env:{variable}\": only names with this merchant's prefix work")
            }
            Self::AmbiguousVariable(name) => {
                format!("write \"env:{name}\", with two underscores behind the id, and rename the variable")
            }
            Self::ForeignFile => {
                "write a name below secrets.dir/{tenant id}, such as \"file:stripe_key\", without \"..\""
                    .to_owned()
            }
        }
    }
}

impl SecretError {
    /// The remedy; `example` has the form of such a secret.
    #[must_use]
    pub fn remedy(&self, example: &str) -> String {
        match self {
            Self::Unset(name) | Self::EmptyVariable(name) => {
                format!("set the environment variable {name}, e.g. {name}={example}")
            }
            Self::Missing(path) => {
                format!("write the secret to {}, which only the gateway's user may read", path.display())
            }
            Self::Unreadable(..) => "let the gateway's user read it".to_owned(),
            Self::LeadsOut(_) => "keep the file itself in the merchant's folder".to_owned(),
            Self::NotAFile(_) => "keep the secret in a regular file".to_owned(),
            Self::Exposed(path) => format!("run chmod 600 {}", path.display()),
            Self::TooLong | Self::Empty | Self::Padded | Self::NotText => {
                format!("keep the secret alone there, without quotes or a name, e.g. {example}")
            }
        }
    }
}

/// Whether a text begins as the keys, tokens and signing secrets of Stripe do.
fn looks_like_a_secret(text: &str) -> bool {
    ["sk_", "rk_", "pk_", "whsec_", "spt_"].iter().any(|begin| text.trim_start().starts_with(begin))
}

/// Whether a text may follow a merchant's prefix.
fn is_variable_ending(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().next().is_some_and(|first| rest(first) && first != b'_') && text.bytes().all(rest)
}

/// The gateway's folder of secrets, with a folder per merchant in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsDir(PathBuf);

impl SecretsDir {
    /// The folder at this path; it need not exist while no reference uses it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of a merchant's secrets.
    #[must_use]
    pub fn of(&self, merchant: &MerchantId) -> PathBuf {
        self.0.join(merchant.as_str())
    }

    /// The place of a secret if systemd has loaded the folder as a credential: all files are in one folder, with
    /// their path's slashes written as underscores (systemd.exec(5), `LoadCredential=`). No merchant's id contains
    /// one, so a name cannot be another merchant's too. A link was not made by systemd, and is not followed.
    fn flat(&self, path: &Path) -> std::io::Result<PathBuf> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let mut name = self.0.file_name().ok_or_else(missing)?.to_owned();
        for part in path.components() {
            name.push("_");
            name.push(part);
        }
        let file = self.0.with_file_name(name);
        if file.symlink_metadata()?.is_symlink() { Err(missing()) } else { Ok(file) }
    }

    /// Reads `{id}/{name}`. Links are resolved first, and their target is checked: within the merchant's folder they
    /// are allowed, which is how Kubernetes mounts secrets.
    fn read(&self, path: &Path) -> Result<SecretString, SecretError> {
        let named = |error: &std::io::Error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                SecretError::Missing(self.0.join(path))
            } else {
                SecretError::Unreadable(self.0.join(path), error.kind())
            }
        };
        let folder = self.0.canonicalize();
        let real = match &folder {
            Ok(_) => self.0.join(path).canonicalize(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.flat(path),
            Err(error) => return Err(named(error)),
        };
        let real = real.map_err(|error| named(&error))?;
        let merchant = path.components().next().ok_or_else(|| SecretError::Missing(self.0.join(path)))?;
        if folder.is_ok_and(|folder| !real.starts_with(folder.join(merchant))) {
            return Err(SecretError::LeadsOut(self.0.join(path)));
        }
        let secret = read_private(&real).map_err(|error| match error {
            PrivateFileError::Io(error) => named(&error),
            PrivateFileError::NotAFile => SecretError::NotAFile(self.0.join(path)),
            PrivateFileError::Exposed => SecretError::Exposed(self.0.join(path)),
            PrivateFileError::TooLong => SecretError::TooLong,
            PrivateFileError::NotText => SecretError::NotText,
        })?;
        trimmed(&secret)
    }
}

/// Why a file gave no secret.
pub(super) enum PrivateFileError {
    Io(std::io::Error),
    NotAFile,
    Exposed,
    TooLong,
    NotText,
}

/// Reads a small text file that is not readable for every user.
pub(super) fn read_private(path: &Path) -> Result<SecretString, PrivateFileError> {
    // Checked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(PrivateFileError::Io)?.is_file() {
        return Err(PrivateFileError::NotAFile);
    }
    let file = std::fs::File::open(path).map_err(PrivateFileError::Io)?;
    if open_to_everyone(&file.metadata().map_err(PrivateFileError::Io)?) {
        return Err(PrivateFileError::Exposed);
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(PrivateFileError::Io)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(PrivateFileError::TooLong);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| PrivateFileError::NotText)?;
    Ok(SecretString::from(text))
}

#[cfg(unix)]
fn open_to_everyone(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o006 != 0
}

#[cfg(not(unix))]
fn open_to_everyone(_: &std::fs::Metadata) -> bool {
    false
}

fn trimmed(secret: &SecretString) -> Result<SecretString, SecretError> {
    let text = secret.expose_secret();
    if text.len() as u64 > MOST_BYTES {
        return Err(SecretError::TooLong);
    }
    let kept = text.trim_end_matches(['\n', '\r']);
    match kept.trim() {
        "" => Err(SecretError::Empty),
        alone if alone.len() < kept.len() => Err(SecretError::Padded),
        _ => Ok(SecretString::from(kept)),
    }
}

/// Why a secret is not a Stripe key that this merchant may charge with. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeKeyError {
    /// `pk_…`.
    #[error("is a publishable key, which cannot charge")]
    Publishable,
    /// `whsec_…`.
    #[error("is a webhook secret and not an API key")]
    WebhookSecret,
    /// `sk_org_…`.
    #[error("is an organisation's key, which is not supported yet")]
    Organisation,
    /// `sk_live_…`, `rk_live_…` in test mode.
    #[error("is a live key, though the mode is \"test\"")]
    Live,
    /// `sk_test_…`, `rk_test_…` in live mode.
    #[error("is a test key, though the mode is \"live\"")]
    Test,
    /// Anything else.
    #[error("is not a Stripe API key")]
    Unknown,
}

impl StripeKeyError {
    /// The remedy, for a merchant in this mode.
    #[must_use]
    pub const fn remedy(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Live, _) => {
                "use the account's key for test mode (sk_test_… or rk_test_…); a live key takes real money and needs mode = \"live\""
            }
            (Self::Test, _) => "use the account's live key (rk_live_… or sk_live_…)",
            (_, Mode::Test) => {
                "use the account's secret or restricted key for test mode (sk_test_… or rk_test_…)"
            }
            (_, Mode::Live) => "use the account's restricted or secret live key (rk_live_… or sk_live_…)",
        }
    }
}

/// Checks that a secret is a Stripe key of this mode.
pub fn check_stripe_key(key: &SecretString, mode: Mode) -> Result<(), StripeKeyError> {
    let key = key.expose_secret();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    if begins(&["pk_"]) {
        return Err(StripeKeyError::Publishable);
    }
    if begins(&["whsec_"]) {
        return Err(StripeKeyError::WebhookSecret);
    }
    if begins(&["sk_org_"]) {
        return Err(StripeKeyError::Organisation);
    }
    let live = begins(&["sk_live_", "rk_live_"]);
    let test = begins(&["sk_test_", "rk_test_"]);
    let whole = key.len() > 8 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match mode {
        Mode::Test if live => Err(StripeKeyError::Live),
        Mode::Live if test => Err(StripeKeyError::Test),
        Mode::Test | Mode::Live if (live || test) && whole => Ok(()),
        Mode::Test | Mode::Live => Err(StripeKeyError::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merchant(id: &str) -> MerchantId {
        id.parse().unwrap()
    }

    #[test]
    fn a_secret_ref_reaches_only_the_merchants_own_places() {
        let id = merchant("harbor-coffee");
        let parse = |text: &str| SecretRef::parse(text, &id);
        assert_eq!(
            parse("env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY"),
            Ok(SecretRef::Env("MERCHANT_HARBOR_COFFEE__STRIPE_KEY".to_owned()))
        );
        assert_eq!(parse("file:stripe/key"), Ok(SecretRef::File("harbor-coffee/stripe/key".into())));
        for foreign in ["env:PATH", "env:MERCHANT_HARBOR__STRIPE_KEY", "env:MERCHANT_HARBOR_COFFEE__", "env:"]
        {
            assert_eq!(parse(foreign), Err(SecretRefError::ForeignVariable), "{foreign}");
        }
        for foreign in ["file:", "file:../b/key", "file:/etc/passwd", "file:./key", "file:a/../../b"] {
            assert_eq!(parse(foreign), Err(SecretRefError::ForeignFile), "{foreign}");
        }
        assert_eq!(parse("store:key"), Err(SecretRefError::Store));
        assert_eq!(parse("sk_test_123"), Err(SecretRefError::NotAReference));
    }

    #[test]
    fn a_variable_with_one_underscore_is_refused_with_a_correction() {
        let refused = SecretRef::parse("env:MERCHANT_HARBOR_COFFEE_STRIPE_KEY", &merchant("harbor-coffee"));
        let error = refused.unwrap_err();
        assert_eq!(
            error.remedy("unused"),
            "write \"env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY\", with two underscores behind the id, and rename the variable"
        );
        let of_another = SecretRef::parse("env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY", &merchant("harbor"));
        assert!(of_another.is_err(), "{of_another:?}");
    }

    #[test]
    fn keys_of_the_wrong_kind_or_mode_are_refused_without_being_shown() {
        let check = |key: &str, mode| check_stripe_key(&SecretString::from(key), mode);
        assert_eq!(check("sk_test_abc123", Mode::Test), Ok(()));
        assert_eq!(check("rk_test_abc123", Mode::Test), Ok(()));
        assert_eq!(check("pk_test_abc123", Mode::Test), Err(StripeKeyError::Publishable));
        assert_eq!(check("sk_live_abc123", Mode::Test), Err(StripeKeyError::Live));
        assert_eq!(check("rk_live_abc123", Mode::Test), Err(StripeKeyError::Live));
        assert_eq!(check("sk_test_abc123", Mode::Live), Err(StripeKeyError::Test));
        assert_eq!(check("whsec_abc", Mode::Test), Err(StripeKeyError::WebhookSecret));
        for unknown in ["sk_test_", "sk_test_a b", "hello", "sk_test_a\r\nX: y"] {
            assert_eq!(check(unknown, Mode::Test), Err(StripeKeyError::Unknown), "{unknown}");
        }
    }
}
