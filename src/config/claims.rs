//! The owner of a host, a Stripe account or a Stripe key that several merchants' files claim.
//!
//! Invariants: the merchant that was there first owns it, by the stored history and never by the names of files;
//! without a history none of them owns it. A rejected merchant takes nothing from the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::diagnostic::{Diagnostic, Place, quoted};
use super::tenant::{TenantConfig, TenantSecrets};
use crate::domain::ids::{AccountId, MerchantId, Mode, NetworkId, Tenant};
use crate::domain::time::Timestamp;
use crate::keyring::Keyring;

/// The stored history of merchants that were served before.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    /// For each host, the merchant that was served there last, and since when.
    pub hosts: BTreeMap<String, (MerchantId, Timestamp)>,
    /// The verified accounts.
    pub accounts: BTreeMap<Tenant, HeldAccount>,
    /// Computes the key fingerprints of these accounts.
    pub keyring: Option<Arc<Keyring>>,
}

/// The account in which a merchant receives payments.
#[derive(Clone, Debug)]
pub struct HeldAccount {
    pub account: AccountId,
    /// The fingerprint of the key that it was last verified with.
    pub key_fingerprint: Option<String>,
    /// Whether Stripe itself confirmed the account of the key.
    pub verified_by_stripe: bool,
}

/// How long a merchant has been served; the longest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// One of its hosts has been served since then.
    Served(Timestamp),
    /// Its account is stored, and none of its hosts.
    Known,
    /// It has no history.
    New,
}

/// How long each merchant with a history has been served.
#[derive(Debug)]
pub struct Standings<'a>(BTreeMap<&'a MerchantId, Standing>);

impl Standings<'_> {
    /// How long a merchant has been served.
    #[must_use]
    pub fn of(&self, merchant: &MerchantId) -> Standing {
        self.0.get(merchant).copied().unwrap_or(Standing::New)
    }
}

impl Holders {
    /// How long each merchant has been served.
    #[must_use]
    pub fn standings(&self) -> Standings<'_> {
        let known = self.accounts.keys().map(|tenant| (&tenant.merchant, Standing::Known));
        let served = self.hosts.values().map(|(merchant, since)| (merchant, Standing::Served(*since)));
        let mut standings = BTreeMap::new();
        for (merchant, standing) in known.chain(served) {
            let longest: &mut Standing = standings.entry(merchant).or_insert(standing);
            *longest = (*longest).min(standing);
        }
        Standings(standings)
    }

    /// Whether a tenant had the thing before.
    fn has(&self, tenant: &Tenant, thing: &Thing<'_>) -> bool {
        let held = self.accounts.get(tenant);
        match thing {
            Thing::Host(host) => self.hosts.get(*host).is_some_and(|(holder, _)| *holder == tenant.merchant),
            Thing::Account(account, _) => held.is_some_and(|held| held.account == **account),
            Thing::Key(key) => {
                let fingerprint = held.and_then(|held| held.key_fingerprint.as_deref());
                let told = self.keyring.as_ref().zip(fingerprint);
                let key = || SecretString::from((*key).to_owned());
                told.is_some_and(|(keyring, fingerprint)| {
                    keyring.verify_key_fingerprint(tenant, &key(), fingerprint)
                })
            }
        }
    }
}

/// A merchant's file, and its secrets if they are readable.
pub(super) struct Claimant<'a> {
    pub(super) tenant: &'a TenantConfig,
    pub(super) secrets: Option<&'a TenantSecrets>,
}

/// A thing that only one merchant may have, or several whose files allow it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing<'a> {
    Host(&'a str),
    /// Test mode and live mode of an account are apart.
    Account(&'a AccountId, Mode),
    Key(&'a str),
}

impl Thing<'_> {
    /// Whether two merchants may both have it.
    fn is_shared(&self, one: &TenantConfig, other: &TenantConfig) -> bool {
        match self {
            Thing::Host(_) => false,
            Thing::Account(..) | Thing::Key(_) => one.shared_account() && other.shared_account(),
        }
    }

    /// Where a file claims it.
    fn place<'t>(&self, tenant: &'t TenantConfig) -> &'t Place {
        let mut hosts = tenant.host_places();
        match self {
            Thing::Host(host) => {
                hosts.find(|(own, _)| own == host).map_or(tenant.account_place(), |(_, place)| place)
            }
            Thing::Account(..) | Thing::Key(_) => tenant.account_place(),
        }
    }

    fn problem(&self, tenant: &TenantConfig, what: &str) -> Diagnostic {
        let (subject, remedy) = match self {
            Thing::Host(host) => (quoted(host), "give each merchant hosts of its own"),
            Thing::Account(account, _) => (format!("the Stripe account {account}"), OF_ACCOUNTS),
            Thing::Key(_) => ("the account of its Stripe key".to_owned(), OF_ACCOUNTS),
        };
        self.place(tenant).problem(format!("{subject} {what}"), remedy)
    }
}

const OF_ACCOUNTS: &str =
    "give each merchant an account of its own, or write shared_account = true below [stripe] in both files";

/// A thing that a merchant loses to another one, unless that one is rejected itself.
struct Loss<'a> {
    thing: Thing<'a>,
    to: usize,
    /// Whether it is known that the other one was there first; if not, neither was.
    decided: bool,
}

/// Compares the merchants' claims; returns for each, in their order, the problems that prevent it from being served.
/// `unread` are the merchants with unreadable files: other merchants must not take their hosts and accounts.
pub(super) fn evaluate_claims(
    claimants: &[Claimant<'_>],
    unread: &BTreeMap<MerchantId, PathBuf>,
    holders: &Holders,
) -> Vec<Vec<Diagnostic>> {
    let claims: Vec<Vec<Thing<'_>>> = claimants.iter().map(things).collect();
    let without_key = claimants.iter().filter(|claimant| claimant.secrets.is_none());
    let keyless =
        without_key.map(|claimant| (claimant.tenant.id().clone(), claimant.tenant.file().to_path_buf()));
    let silent = Silent { unread, keyless: keyless.collect() };
    let mut problems: Vec<Vec<Diagnostic>> = claimants
        .iter()
        .zip(&claims)
        .map(|(claimant, things)| kept_for_silent(claimant.tenant, things, (&silent, holders)))
        .collect();
    let losses = losses(claimants, &claims, holders);
    let served = served(&losses, &problems);
    for (index, claimant) in claimants.iter().enumerate() {
        if served.get(index) == Some(&Some(true)) {
            continue;
        }
        let mut told = BTreeSet::new();
        // A merchant that is rejected because of a third takes nothing from this one.
        for loss in losses[index].iter().filter(|loss| served[loss.to] != Some(false)) {
            if !told.insert(loss.thing) {
                continue;
            }
            let other = loss.thing.place(claimants[loss.to].tenant);
            let what = if loss.decided {
                format!("already belongs to {other}")
            } else {
                format!(
                    "is claimed by {other} too; a gateway goes on with the one that it served first, and with neither if it served \
                     none"
                )
            };
            problems[index].push(loss.thing.problem(claimant.tenant, &what));
        }
    }
    problems
}

fn things<'a>(claimant: &Claimant<'a>) -> Vec<Thing<'a>> {
    let tenant = claimant.tenant;
    let hosts = tenant.hosts().iter().map(|host| Thing::Host(host));
    let account = tenant.account().map(|account| Thing::Account(account, tenant.mode()));
    let keys = claimant.secrets.into_iter().flat_map(TenantSecrets::stripe_keys);
    hosts.chain(account).chain(keys.map(|key| Thing::Key(key.expose_secret()))).collect()
}

/// Merchants whose claims are not known.
struct Silent<'a> {
    /// Their files are not readable.
    unread: &'a BTreeMap<MerchantId, PathBuf>,
    /// Their keys are not readable.
    keyless: BTreeMap<MerchantId, PathBuf>,
}

/// The problems with claims that belong to a merchant with unknown claims.
fn kept_for_silent(
    tenant: &TenantConfig,
    things: &[Thing<'_>],
    (silent, holders): (&Silent<'_>, &Holders),
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for thing in things {
        // A file that shares it may share it with that merchant, too.
        if thing.is_shared(tenant, tenant) {
            continue;
        }
        let has = |merchant: &MerchantId| {
            merchant != tenant.id()
                && holders.has(&Tenant { merchant: merchant.clone(), mode: tenant.mode() }, thing)
        };
        let keyless = silent.keyless.iter().filter(|_| matches!(thing, Thing::Key(_)));
        if let Some((_, file)) = silent.unread.iter().chain(keyless).find(|(merchant, _)| has(merchant)) {
            let what =
                format!("already belongs to {}, in which something is wrong at present", file.display());
            found.push(thing.problem(tenant, &what));
        }
    }
    found
}

/// For each merchant, its losses to others.
fn losses<'a>(
    claimants: &[Claimant<'_>],
    claims: &[Vec<Thing<'a>>],
    holders: &Holders,
) -> Vec<Vec<Loss<'a>>> {
    let mut by_thing: BTreeMap<Thing<'a>, Vec<usize>> = BTreeMap::new();
    for (index, things) in claims.iter().enumerate() {
        for thing in things {
            by_thing.entry(*thing).or_default().push(index);
        }
    }
    let mut losses: Vec<Vec<Loss<'a>>> = claims.iter().map(|_| Vec::new()).collect();
    let standings = holders.standings();
    for (thing, among) in by_thing.into_iter().filter(|(_, among)| among.len() > 1) {
        let shares = |index: &usize| thing.is_shared(claimants[*index].tenant, claimants[*index].tenant);
        // Those that share it exclude nobody among themselves, however many they are.
        if among.iter().all(shares) {
            continue;
        }
        let rank = |index: &usize| {
            let tenant = claimants[*index].tenant.tenant();
            (!holders.has(&tenant, &thing), standings.of(&tenant.merchant))
        };
        let ranked: Vec<_> = among.iter().map(|index| (*index, shares(index), rank(index))).collect();
        let alone: Vec<_> = ranked.iter().filter(|(_, shares, _)| !shares).collect();
        for (index, shares, own) in &ranked {
            let mut loses_to = |(to, _, others): &(usize, bool, (bool, Standing))| {
                if index != to && others <= own {
                    losses[*index].push(Loss { thing, to: *to, decided: others < own });
                }
            };
            if *shares {
                for other in &alone {
                    loses_to(other);
                }
            } else {
                for other in &ranked {
                    loses_to(other);
                }
            }
        }
    }
    losses
}

/// The merchants that are served: those that lose nothing to a served one. `None` for those that exclude each other.
fn served(losses: &[Vec<Loss<'_>>], problems: &[Vec<Diagnostic>]) -> Vec<Option<bool>> {
    let mut served: Vec<Option<bool>> =
        problems.iter().map(|problems| if problems.is_empty() { None } else { Some(false) }).collect();
    loop {
        let mut changed = false;
        for index in 0..losses.len() {
            if served[index].is_some() {
                continue;
            }
            let mut others = losses[index].iter().map(|loss| served[loss.to]);
            let decided = if others.clone().any(|other| other == Some(true)) {
                Some(false)
            } else {
                others.all(|other| other == Some(false)).then_some(true)
            };
            changed |= decided.is_some();
            served[index] = decided;
        }
        if !changed {
            return served;
        }
    }
}

/// Merchants in test mode whose order events go to a live merchant's receiver.
pub(super) fn same_receivers(tenants: &[Arc<TenantConfig>]) -> Vec<Diagnostic> {
    let of_mode = |mode: Mode| tenants.iter().filter(move |tenant| tenant.mode() == mode);
    let live: BTreeMap<_, _> =
        of_mode(Mode::Live).filter_map(|tenant| Some((tenant.receiver()?, tenant))).collect();
    let shared = of_mode(Mode::Test).filter_map(|tenant| Some((tenant, live.get(tenant.receiver()?)?)));
    let warning = |(tenant, live): (&Arc<TenantConfig>, &&Arc<TenantConfig>)| {
        tenant.place("webhook.url").problem(
            format!("is also the receiver of the live merchant in {}", live.file().display()),
            "give the test merchant a receiver of its own, unless that one tells both apart by livemode",
        )
    };
    shared.map(warning).collect()
}

/// Merchants with the same Network ID that do not share one account on purpose: tokens granted to one cannot be
/// charged by the other.
pub(super) fn same_networks(tenants: &[Arc<TenantConfig>]) -> Vec<Diagnostic> {
    let mut all: BTreeMap<&NetworkId, Vec<&Arc<TenantConfig>>> = BTreeMap::new();
    let mut alone = all.clone();
    for tenant in tenants {
        all.entry(&tenant.seed().network_id).or_default().push(tenant);
        if !tenant.shared_account() {
            alone.entry(&tenant.seed().network_id).or_default().push(tenant);
        }
    }
    let warning = |tenant: &Arc<TenantConfig>| {
        let network = &tenant.seed().network_id;
        // One that shares its account excludes only those that do not.
        let others = if tenant.shared_account() { alone.get(network) } else { all.get(network) };
        let other = others?.iter().find(|other| other.id() != tenant.id())?;
        Some(tenant.place("stripe.network_id").problem(
            format!("{} is also the Network ID in {}", quoted(network.as_str()), other.file().display()),
            "write each account's own Network ID, since payment tokens are granted to that account alone",
        ))
    };
    tenants.iter().filter_map(warning).collect()
}
