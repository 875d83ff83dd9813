//! The operators' token for the admin API.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::gateway_secret::{GatewaySecretRef, Unreachable};
use crate::ports::Environment;

/// The fewest characters of a token: those of 16 random bytes in hexadecimal.
const SHORTEST: usize = 32;

/// A bearer token (RFC 6750).
pub struct AdminToken(SecretString);

/// A token that is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin token in {reference} {problem}; {}", problem.remedy())]
pub struct AdminTokenError {
    pub reference: GatewaySecretRef,
    pub problem: AdminTokenProblem,
}

/// Why a token is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminTokenProblem {
    /// It is not readable.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// It is too short to be random, or has characters that a header cannot contain.
    #[error("is not at least 32 visible characters")]
    Form,
}

impl AdminTokenProblem {
    fn remedy(self) -> String {
        const NEW: &str = "a new one is made by: openssl rand -hex 32";
        match self {
            Self::Unreachable(why) if why.is_absence() => format!("{}; {NEW}", why.remedy()),
            Self::Unreachable(why) => why.remedy().to_owned(),
            Self::Form => NEW.to_owned(),
        }
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

impl AdminToken {
    /// Reads the token.
    pub fn load(
        reference: &GatewaySecretRef,
        environment: &dyn Environment,
    ) -> Result<Self, AdminTokenError> {
        let failed = |problem| AdminTokenError { reference: reference.clone(), problem };
        let text = reference.read(environment).map_err(|why| failed(why.into()))?;
        let token = text.expose_secret().trim();
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(failed(AdminTokenProblem::Form));
        }
        Ok(Self(SecretString::from(token.to_owned())))
    }

    /// The token, to be sent to a gateway.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether this is the token, in a time that reveals only its length.
    #[must_use]
    pub fn is(&self, offered: &str) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(offered.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::FixedEnvironment;

    fn load(token: &str) -> Result<AdminToken, AdminTokenError> {
        let environment = FixedEnvironment::new([("TOKEN".to_owned(), token.to_owned())]);
        AdminToken::load(&GatewaySecretRef::parse("env:TOKEN").unwrap(), &environment)
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = load(" 0123456789abcdef0123456789abcdef\n").unwrap();
        assert!(token.is("0123456789abcdef0123456789abcdef"));
        for other in ["", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdeF"] {
            assert!(!token.is(other), "{other}");
        }
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_without_being_shown() {
        for weak in ["letmein", "0123456789abcdef 0123456789abcdef"] {
            let error = load(weak).unwrap_err();
            assert_eq!(error.problem, AdminTokenProblem::Form);
            assert!(!error.to_string().contains(weak));
        }
        assert_eq!(load(" ").unwrap_err().problem, AdminTokenProblem::Unreachable(Unreachable::Empty));
    }
}
