//! Where an order comes from: the door through which it was paid, the host that began its checkout, and the agent that
//! paid it.
//!
//! Invariant: only Stripe's profile of an agent is established; everything else is what a program says of itself, for
//! people to read, bounded and without hidden characters.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::text::shown;

/// The longest name or version of a host that is kept, in characters.
const LONGEST_NAME: usize = 100;

/// The longest `User-Agent` that is kept, in characters.
const LONGEST_USER_AGENT: usize = 200;

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenDoor {
    /// The host's payment sheet.
    PaymentSheet,
    /// An agent's wallet, over HTTP 402.
    Wallet,
}

/// The way through which an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Door {
    /// The host's payment sheet.
    Sheet,
    /// Stripe's hosted page.
    Page,
    /// An agent's wallet, over HTTP 402.
    Wallet,
}

impl From<TokenDoor> for Door {
    fn from(door: TokenDoor) -> Self {
        match door {
            TokenDoor::PaymentSheet => Self::Sheet,
            TokenDoor::Wallet => Self::Wallet,
        }
    }
}

/// The program in which the shopper talks to an assistant, such as ChatGPT: its own name and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    /// `None` if it names none.
    pub version: Option<String>,
}

impl Host {
    /// The host of this name and version; `None` without a name.
    #[must_use]
    pub fn of(name: &str, version: Option<&str>) -> Option<Self> {
        let version = version.and_then(|version| shown(version, LONGEST_NAME));
        Some(Self { name: shown(name, LONGEST_NAME)?, version })
    }

    /// The first product of a `User-Agent` (RFC 9110, 10.1.5), for hosts that do not name themselves in the message.
    #[must_use]
    pub fn of_user_agent(user_agent: &str) -> Option<Self> {
        let (name, version) = products(user_agent).next()?;
        Self::of(name, version)
    }
}

/// A `User-Agent` as it is kept: bounded, and without hidden characters.
#[must_use]
pub fn user_agent(sent: &str) -> Option<String> {
    shown(sent, LONGEST_USER_AGENT)
}

/// A program that pays for a shopper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// What the paying request said of its program (RFC 9110, `User-Agent`).
    pub user_agent: Option<String>,
    /// The Stripe profile of the business that granted the token, as Stripe shows it.
    pub profile: Option<String>,
}

impl Agent {
    /// The agent with what is known of it; `None` if nothing is.
    #[must_use]
    pub fn of(user_agent: Option<&str>, profile: Option<&str>) -> Option<Self> {
        let user_agent = user_agent.and_then(self::user_agent);
        let profile = profile.and_then(|text| shown(text, LONGEST_NAME));
        (user_agent.is_some() || profile.is_some()).then_some(Self { user_agent, profile })
    }
}

/// An agent as a merchant names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentName {
    /// A Stripe profile, `profile_…`: Stripe vouches for it.
    Profile(String),
    /// A product of a `User-Agent`, in any case of letters: what a program says of itself.
    Program(String),
}

/// Whose payments by token a merchant takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentRules {
    /// If there are any, only these agents pay.
    pub allow: Vec<AgentName>,
    /// These agents do not pay, whatever is allowed.
    pub refuse: Vec<AgentName>,
}

impl AgentRules {
    /// Whether this agent may pay, once its token was read.
    #[must_use]
    pub fn admit(&self, agent: Option<&Agent>) -> bool {
        let is_named = |names: &[AgentName]| names.iter().any(|name| name.names(agent));
        !is_named(&self.refuse) && (self.allow.is_empty() || is_named(&self.allow))
    }

    /// Whether an agent of which only the `User-Agent` is known may pay, as far as that can be said before its token is
    /// read.
    #[must_use]
    pub fn may_admit(&self, user_agent: Option<&str>) -> bool {
        let agent = Agent::of(user_agent, None);
        let is_named = |names: &[AgentName]| names.iter().any(|name| name.names(agent.as_ref()));
        let allows_a_profile = self.allow.iter().any(|name| matches!(name, AgentName::Profile(_)));
        !is_named(&self.refuse) && (self.allow.is_empty() || allows_a_profile || is_named(&self.allow))
    }
}

impl AgentName {
    fn names(&self, agent: Option<&Agent>) -> bool {
        let Some(agent) = agent else { return false };
        match self {
            Self::Profile(profile) => agent.profile.as_ref() == Some(profile),
            Self::Program(program) => agent.user_agent.as_deref().is_some_and(|user_agent| {
                products(user_agent).any(|(name, _)| name.eq_ignore_ascii_case(program))
            }),
        }
    }
}

/// The products of a `User-Agent`, with their versions; comments in brackets are left out.
fn products(user_agent: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut depth = 0_u32;
    let outside = move |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => return letter == ' ',
            _ => {}
        }
        true
    };
    user_agent.split(outside).filter(|product| !product.is_empty()).map(|product| {
        match product.split_once('/') {
            Some((name, version)) => (name, Some(version)),
            None => (product, None),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_name_of_its_own_is_named_by_its_user_agent() {
        let named = |text: &str| Host::of_user_agent(text).map(|host| (host.name, host.version));
        let of = |name: &str, version: Option<&str>| Some((name.to_owned(), version.map(str::to_owned)));
        assert_eq!(named("openai-mcp/1.0.0 (ChatGPT) more/2"), of("openai-mcp", Some("1.0.0")));
        assert_eq!(named("(a (nested) comment) node"), of("node", None));
        assert_eq!(named("unclosed/1 (comment never ends/2"), of("unclosed", Some("1")));
        for nameless in ["", "   ", "(only a comment)", "/1"] {
            assert_eq!(named(nameless), None, "{nameless}");
        }
    }

    #[test]
    fn what_a_program_says_of_itself_is_bounded_and_hides_nothing() {
        let host = Host::of("Chat\u{202e}GPT\n", Some(&"9".repeat(500))).unwrap();
        assert_eq!(host.name, "ChatGPT");
        assert_eq!(host.version.unwrap().chars().count(), LONGEST_NAME);
        assert_eq!(Agent::of(Some("\u{7}"), Some("")), None);
        let agent = Agent::of(Some(&"ü".repeat(500)), None).unwrap();
        assert_eq!(agent.user_agent.unwrap().chars().count(), LONGEST_USER_AGENT);
    }

    #[test]
    fn an_agent_is_admitted_by_profile_or_by_program_and_a_refusal_comes_first() {
        let profile = || AgentName::Profile("profile_link".to_owned());
        let program = || AgentName::Program("link-cli".to_owned());
        let link = Agent::of(Some("Link-CLI/0.15.1 node/22"), Some("profile_link"));
        let other = Agent::of(Some("mppx/0.11.0 (link-cli)"), Some("profile_other"));
        let rules = |allow: Vec<_>, refuse: Vec<_>| AgentRules { allow, refuse };
        for (rules, admits_link, admits_other, admits_unknown) in [
            (rules(vec![], vec![]), true, true, true),
            (rules(vec![profile()], vec![]), true, false, false),
            (rules(vec![program()], vec![]), true, false, false),
            (rules(vec![], vec![profile()]), false, true, true),
            (rules(vec![], vec![program()]), false, true, true),
            (rules(vec![profile()], vec![program()]), false, false, false),
        ] {
            let admits = [rules.admit(link.as_ref()), rules.admit(other.as_ref()), rules.admit(None)];
            assert_eq!(admits, [admits_link, admits_other, admits_unknown], "{rules:?}");
        }
    }

    #[test]
    fn an_agent_that_will_be_refused_is_refused_before_its_token_is_read() {
        let profile = || AgentName::Profile("profile_link".to_owned());
        let program = || AgentName::Program("link-cli".to_owned());
        let rules = |allow: Vec<_>, refuse: Vec<_>| AgentRules { allow, refuse };
        for (rules, link, other) in [
            (rules(vec![], vec![]), true, true),
            (rules(vec![profile()], vec![]), true, true),
            (rules(vec![program()], vec![]), true, false),
            (rules(vec![program(), profile()], vec![]), true, true),
            (rules(vec![], vec![program()]), false, true),
            (rules(vec![], vec![profile()]), true, true),
        ] {
            let may = [rules.may_admit(Some("link-cli/1")), rules.may_admit(None)];
            assert_eq!(may, [link, other], "{rules:?}");
        }
    }
}
