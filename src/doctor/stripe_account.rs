//! The merchant's Stripe account: its key, what the key may do, and the endpoint that receives its events.

use super::finding::Finding;
use super::{Subject, webhook_secret};
use crate::config::tenant::grants_tokens;
use crate::domain::ids::Mode;
use crate::domain::merchant::CheckoutMethod;
use crate::stripe::AccountError;
use crate::stripe::followed_events::EVENT_TYPES;
use crate::stripe::inspection::{
    AccountDetails, Inspection, KeyAccess, PERMISSIONS, TOKENS, WebhookEndpoint,
};
use secrecy::{ExposeSecret as _, SecretString};

const ACCOUNT: &str = "Stripe account";
const NEXT_KEY: &str = "next Stripe key";
const PERMITTED: &str = "key permissions";
const NEXT_PERMITTED: &str = "next key permits";
const PAYMENT_TOKENS: &str = "payment tokens";
const WALLETS: &str = "agents' wallets";
const WEBHOOK: &str = "Stripe webhook";

pub(super) async fn examine(subject: &Subject<'_>) -> Vec<Finding> {
    let of_key = |key: &SecretString| {
        let distinction = format!("{:032x}", subject.doctor.ids.random_id());
        Inspection::new(subject.doctor.stripe.clone(), key.clone(), distinction)
    };
    let stripe = of_key(&subject.secrets.stripe_key);
    let account = stripe.account().await;
    let answers = !matches!(
        account,
        Err(AccountError::KeyRefused(_) | AccountError::ClockDiffers | AccountError::ReadFailed(_))
    );
    let mut found = vec![of_account(subject, ACCOUNT, &account)];
    let country = account.as_ref().ok().and_then(|account| account.country.as_deref());
    let wallets = wallets(subject.view.checkout.wallet, country);
    if let Some(next) = &subject.secrets.next_stripe_key {
        let stripe = of_key(next);
        let of_next = stripe.account().await;
        found.push(next_key(subject, &account, &of_next));
        if of_next.is_ok() {
            found.push(permissions(subject, NEXT_PERMITTED, next, &stripe).await);
        }
    }
    if answers {
        found.push(permissions(subject, PERMITTED, &subject.secrets.stripe_key, &stripe).await);
        found.push(payment_tokens(subject, &stripe).await);
        found.push(wallets);
        found.push(webhook(subject, &stripe).await);
    } else {
        found.extend(
            [PERMITTED, PAYMENT_TOKENS, WALLETS, WEBHOOK]
                .map(|check| Finding::skip(check, "the account could not be read")),
        );
    }
    found
}

fn of_account(
    subject: &Subject<'_>,
    check: &'static str,
    account: &Result<AccountDetails, AccountError>,
) -> Finding {
    let mode = subject.view.mode.into_str();
    let named = subject.tenant.account();
    match account {
        Ok(AccountDetails { id, .. }) if named.is_some_and(|named| named != id) => {
            let named = named.map(ToString::to_string).unwrap_or_default();
            Finding::fail(
                check,
                format!("the key opens {id}, and stripe.account_id names {named}"),
                "correct stripe.account_id, or the key",
            )
        }
        Ok(AccountDetails { id, charges_enabled: false, .. }) => {
            let remedy = "complete the account's details in the Stripe Dashboard, Settings, Business";
            match subject.view.mode {
                Mode::Test => Finding::warn(check, format!("{id} makes test payments only"), remedy),
                Mode::Live => Finding::fail(check, format!("{id} may not take payments yet"), remedy),
            }
        }
        Ok(AccountDetails { id, name, country, currency, .. }) => {
            let about: Vec<&str> =
                [name, country, currency].into_iter().flatten().map(String::as_str).collect();
            let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
            Finding::pass(check, format!("{id}{about}, {mode} mode"))
        }
        Err(AccountError::NotPermitted(_)) if named.is_some() => Finding::warn(
            check,
            "the restricted key may not read its account, so only the file says which one it is",
            "let the key read the account, so that Stripe confirms it: Developers, API keys, the key's permissions",
        ),
        Err(error @ AccountError::NotPermitted(_)) => Finding::fail(
            check,
            error.to_string(),
            "let the key read the account in the Stripe Dashboard, Developers, API keys; or set stripe.account_id",
        ),
        Err(error @ AccountError::KeyRefused(_)) => Finding::fail(
            check,
            error.to_string(),
            format!("create a restricted key for {mode} mode in the Stripe Dashboard, Developers, API keys"),
        ),
        Err(error @ AccountError::ClockDiffers) => {
            Finding::fail(check, error.to_string(), "set this machine's clock, for example by NTP")
        }
        Err(error @ AccountError::ReadFailed(_)) => Finding::fail(
            check,
            error.to_string(),
            "check that this machine reaches stripe.api_base: network, firewall, DNS",
        ),
    }
}

fn next_key(
    subject: &Subject<'_>,
    present: &Result<AccountDetails, AccountError>,
    next: &Result<AccountDetails, AccountError>,
) -> Finding {
    match (present, next) {
        (Ok(present), Ok(next)) if present.id != next.id => Finding::fail(
            NEXT_KEY,
            format!("it opens {}, and the present key opens {}", next.id, present.id),
            "correct stripe.next_secret_key: it must be a key of the same account",
        ),
        (Err(_), Ok(next)) if subject.tenant.account() != Some(&next.id) => Finding::warn(
            NEXT_KEY,
            format!("it opens {}, and the account of the present key is not known", next.id),
            "look again when the present key can be read",
        ),
        (_, next) => of_account(subject, NEXT_KEY, next),
    }
}

async fn permissions(
    subject: &Subject<'_>,
    check: &'static str,
    key: &SecretString,
    stripe: &Inspection,
) -> Finding {
    if key.expose_secret().starts_with("sk_") {
        let found = "an unrestricted key, which may do everything";
        return match subject.view.mode {
            Mode::Test => Finding::pass(check, found),
            Mode::Live => Finding::warn(
                check,
                found,
                "use a restricted key, rk_live_…, with the permissions that docs/OPERATIONS.md lists",
            ),
        };
    }
    let (mut missing, mut unread) = (Vec::new(), Vec::new());
    for permission in PERMISSIONS {
        match stripe.access(permission).await {
            KeyAccess::Granted => {}
            KeyAccess::Refused(named) => {
                let named = named.map_or_else(String::new, |named| format!(" ({named})"));
                missing.push(format!("{}{named}", permission.name));
            }
            KeyAccess::NotOffered => unread.push(format!("{}: Stripe does not know it", permission.name)),
            KeyAccess::Inconclusive(why) => unread.push(format!("{}: {why}", permission.name)),
        }
    }
    let remedy = "grant them in the Stripe Dashboard, Developers, API keys, the key's permissions";
    if !missing.is_empty() {
        return Finding::fail(check, format!("missing: {}", missing.join(", ")), remedy);
    }
    if !unread.is_empty() {
        return Finding::warn(check, format!("not tried: {}", unread.join("; ")), "try again later");
    }
    Finding::pass(check, format!("all {} are granted", PERMISSIONS.len()))
}

async fn payment_tokens(subject: &Subject<'_>, stripe: &Inspection) -> Finding {
    let version = &subject.doctor.config.stripe.version;
    let remedy = "grant it in the Stripe Dashboard, Developers, API keys, the key's permissions";
    let checkout = &subject.view.checkout;
    match (stripe.access(TOKENS).await, checkout.method) {
        (KeyAccess::Granted, _) => {
            Finding::pass(PAYMENT_TOKENS, format!("Shared Payment Tokens can be read in version {version}"))
        }
        (_, CheckoutMethod::StripeCheckout) if !checkout.wallet => {
            Finding::skip(PAYMENT_TOKENS, "this shop is paid on Stripe's page only (checkout.method)")
        }
        (KeyAccess::Refused(_), _) => {
            Finding::fail(PAYMENT_TOKENS, format!("missing: {}", TOKENS.name), remedy)
        }
        (KeyAccess::NotOffered, method) => {
            let found = format!("this account cannot read Shared Payment Tokens in version {version}");
            let remedy =
                "ask Stripe for access to Shared Payment Tokens, or write checkout.method = \"hosted\"";
            match method {
                CheckoutMethod::PaymentSheet => Finding::fail(PAYMENT_TOKENS, found, remedy),
                CheckoutMethod::Auto | CheckoutMethod::StripeCheckout => {
                    Finding::warn(PAYMENT_TOKENS, found, remedy)
                }
            }
        }
        (KeyAccess::Inconclusive(why), _) => {
            Finding::warn(PAYMENT_TOKENS, format!("not tried: {why}"), "try again later")
        }
    }
}

/// Whether agents' wallets can pay this shop, by the country of its Stripe account.
fn wallets(is_offered: bool, country: Option<&str>) -> Finding {
    if !is_offered {
        return Finding::skip(WALLETS, "this shop is not paid by them (checkout.wallet)");
    }
    match country {
        Some(country) if !grants_tokens(country) => Finding::warn(
            WALLETS,
            format!("Stripe grants no payment tokens to sellers in {country}, so none can pay"),
            format!("write stripe.country = \"{country}\", and no checkout.wallet = true"),
        ),
        Some(country) => Finding::pass(WALLETS, format!("they can pay a seller in {country}")),
        None => Finding::skip(WALLETS, "the country of the account could not be read"),
    }
}

async fn webhook(subject: &Subject<'_>, stripe: &Inspection) -> Finding {
    let url = format!("{}/webhooks/stripe", subject.base);
    let endpoints = match stripe.webhook_endpoints().await {
        Ok(endpoints) => endpoints,
        Err(KeyAccess::Refused(_)) => {
            return Finding::skip(
                WEBHOOK,
                format!(
                    "the key may not read webhook endpoints; look for {url} in the Dashboard, Developers, Webhooks"
                ),
            );
        }
        Err(KeyAccess::Granted | KeyAccess::NotOffered | KeyAccess::Inconclusive(_)) => {
            return Finding::warn(WEBHOOK, "Stripe did not list the webhook endpoints", "try again later");
        }
    };
    let lacking = |endpoint: &WebhookEndpoint| -> Vec<&str> {
        EVENT_TYPES.into_iter().filter(|kind| !endpoint.receives(kind)).collect()
    };
    let is_enabled = |endpoint: &WebhookEndpoint| endpoint.status == "enabled";
    // Of several the best one counts: a second enabled one would receive everything twice.
    let ours = endpoints.iter().filter(|endpoint| endpoint.url == url);
    let best = ours.min_by_key(|endpoint| (!is_enabled(endpoint), lacking(endpoint).len()));
    let Some(endpoint) = best else {
        return missing_endpoint(subject, stripe, &url).await;
    };
    let lacking = lacking(endpoint);
    if is_enabled(endpoint) && lacking.is_empty() {
        return has_secret(subject, &url, endpoint);
    }
    if subject.doctor.fix {
        let mut events: Vec<&str> = endpoint.enabled_events.iter().map(String::as_str).collect();
        events.extend(&lacking);
        return match stripe.update_webhook_endpoint(&endpoint.id, &events).await {
            Ok(()) => {
                let finding = has_secret(subject, &url, endpoint);
                Finding { found: format!("changed {}; {}", endpoint.id, finding.found), ..finding }
            }
            Err(why) => not_fixed(&why),
        };
    }
    let remedy = "run doctor --fix, or change the endpoint in the Stripe Dashboard, Developers, Webhooks";
    let found = if lacking.is_empty() {
        format!("the endpoint {url} is disabled")
    } else {
        format!("the endpoint {url} does not receive {}", lacking.join(", "))
    };
    Finding::warn(WEBHOOK, found, remedy)
}

fn has_secret(subject: &Subject<'_>, url: &str, endpoint: &WebhookEndpoint) -> Finding {
    let written = webhook_secret::written(&subject.doctor.config, subject.tenant);
    if subject.secrets.stripe_webhooks.is_empty()
        && let Some((path, name)) = written
    {
        return Finding::fail(
            WEBHOOK,
            format!("the endpoint {} at {url} exists, and the file names no secret of it", endpoint.id),
            format!("add \"file:{name}\" to stripe.webhook_secrets: the secret is in {}", path.display()),
        );
    }
    if subject.secrets.stripe_webhooks.is_empty() {
        return Finding::fail(
            WEBHOOK,
            format!("the endpoint {} at {url} exists, and the file names no secret of it", endpoint.id),
            "copy its signing secret from the Stripe Dashboard, Developers, Webhooks, and name it in stripe.webhook_secrets",
        );
    }
    Finding::pass(WEBHOOK, format!("{url} receives {} types of event", EVENT_TYPES.len()))
}

async fn missing_endpoint(subject: &Subject<'_>, stripe: &Inspection, url: &str) -> Finding {
    if !subject.doctor.fix {
        let found = format!("Stripe has no endpoint for {url}");
        let remedy =
            "run doctor --fix, or add it in the Stripe Dashboard, Developers, Webhooks (docs/MERCHANTS.md)";
        return match subject.view.mode {
            Mode::Test => Finding::warn(WEBHOOK, found, remedy),
            Mode::Live => Finding::fail(WEBHOOK, found, remedy),
        };
    }
    // Stripe shows the secret once, so its place is made sure of first.
    let place = match webhook_secret::Place::new(&subject.doctor.config, subject.tenant) {
        Ok(place) => place,
        Err(why) => {
            return Finding::fail(
                WEBHOOK,
                format!("not created: {why}"),
                "correct that, and run doctor --fix again",
            );
        }
    };
    match stripe.create_webhook_endpoint(url, &EVENT_TYPES).await {
        Ok(created) => match place.write(&created.secret) {
            Ok(written) => Finding::warn(
                WEBHOOK,
                format!("created {} for {url}; {}", created.id, written.where_it_is),
                written.next,
            ),
            Err(why) => Finding::fail(
                WEBHOOK,
                format!("created {} for {url}, and its secret could not be written: {why}", created.id),
                "delete the endpoint in the Stripe Dashboard, Developers, Webhooks, and run doctor --fix again",
            ),
        },
        Err(why) => not_fixed(&why),
    }
}

fn not_fixed(why: &KeyAccess) -> Finding {
    let found = match why {
        KeyAccess::Refused(Some(permission)) => format!("not changed: the key lacks {permission}"),
        KeyAccess::Refused(None) => "not changed: Stripe refuses the key".to_owned(),
        KeyAccess::Inconclusive(why) => format!("not changed: {why}"),
        KeyAccess::Granted | KeyAccess::NotOffered => "not changed: Stripe's answer says nothing".to_owned(),
    };
    Finding::fail(WEBHOOK, found, "change the endpoint in the Stripe Dashboard, Developers, Webhooks")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_seller_whose_country_gets_no_tokens_is_told() {
        let found = |is_offered, country| {
            let finding = wallets(is_offered, country);
            (finding.verdict, finding.remedy.unwrap_or_default())
        };
        assert_eq!(found(true, Some("DE")).0, Verdict::Pass);
        let (verdict, remedy) = found(true, Some("JP"));
        assert_eq!(verdict, Verdict::Warn);
        assert!(remedy.contains("stripe.country = \"JP\""), "{remedy}");
        assert_eq!(found(true, None).0, Verdict::Skip);
        assert_eq!(found(false, Some("JP")).0, Verdict::Skip);
    }
}
