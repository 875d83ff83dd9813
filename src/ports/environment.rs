//! The process environment.

use std::collections::BTreeMap;

/// The process environment.
pub trait Environment: Send + Sync + 'static {
    /// The value of a variable; `None` when it is unset or not UTF-8.
    fn var(&self, name: &str) -> Option<String>;

    /// Every variable whose name begins with `prefix`, with its value, in the order of their names; those that are
    /// not UTF-8 are left out.
    fn vars_with_prefix(&self, prefix: &str) -> Vec<(String, String)>;
}

/// The real environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
    fn vars_with_prefix(&self, prefix: &str) -> Vec<(String, String)> {
        // `vars_os`, because `vars` panics on a variable that is not UTF-8.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(prefix))?;
            Some((name, value.into_string().ok()?))
        });
        variables.collect::<BTreeMap<_, _>>().into_iter().collect()
    }
}

/// A fixed set of variables, for tests and for `demo`, whose secrets are generated at the start.
#[derive(Clone, Debug, Default)]
pub struct FixedEnvironment(BTreeMap<String, String>);

impl FixedEnvironment {
    /// The environment with exactly these variables.
    #[must_use]
    pub fn new<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Environment for FixedEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn vars_with_prefix(&self, prefix: &str) -> Vec<(String, String)> {
        let variables = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        variables.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
