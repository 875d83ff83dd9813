//! What the merchant has elsewhere: pictures, its own pages, the receiver of its order events.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Subject;
use super::finding::Finding;
use super::web::Web;
use crate::delivery::{Receiver, Unanswered, WebhookSender as _};
use crate::domain::ids::OrderEventId;

const PICTURES: &str = "pictures";
const TERMS: &str = "terms of use";
const PRIVACY: &str = "privacy policy";
const RECEIVER: &str = "order events";

/// How many pictures are checked, and how many of them together.
const MOST_PICTURES: usize = 100;
const PICTURES_AT_ONCE: usize = 8;

/// How long the receiver may take to answer, as when events are delivered.
const RECEIVER_MAY_TAKE: Duration = Duration::from_secs(15);

/// How many wrong pictures are named.
const MOST_NAMED: usize = 3;

pub(super) async fn examine(subject: &Subject<'_>) -> Vec<Finding> {
    let web = &subject.web;
    let links = &subject.view.links;
    let (pictures, terms, privacy, receiver) = futures_util::join!(
        pictures(subject, web),
        page(TERMS, "links.terms_of_use", links.terms_of_use.as_deref(), web),
        page(PRIVACY, "links.privacy_policy", links.privacy_policy.as_deref(), web),
        receiver(subject),
    );
    vec![pictures, terms, privacy, receiver]
}

async fn pictures(subject: &Subject<'_>, web: &Web) -> Finding {
    let mut urls: Vec<&str> = Vec::new();
    for product in subject.view.catalog.products() {
        let new = product.images.iter().map(String::as_str).filter(|url| !urls.contains(url));
        let new: Vec<&str> = new.take(MOST_PICTURES.saturating_sub(urls.len())).collect();
        urls.extend(new);
    }
    if urls.is_empty() {
        return Finding::skip(PICTURES, "no product has a picture");
    }
    let looked = stream::iter(urls.iter().copied()).map(|url| async move {
        match web.get(url).await {
            Ok(page) if page.status.as_u16() != 200 => {
                Some(format!("{url} answers {}", page.status.as_u16()))
            }
            Ok(page) if !page.media_type.starts_with("image/") => {
                let is = if page.media_type.is_empty() { "without a type" } else { &page.media_type };
                Some(format!("{url} is no picture ({is})"))
            }
            Ok(_) => None,
            Err(why) => Some(format!("{url} does not answer ({why})")),
        }
    });
    let wrong: Vec<Option<String>> = looked.buffered(PICTURES_AT_ONCE).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    if wrong.is_empty() {
        let are =
            if urls.len() == 1 { "1 picture is".to_owned() } else { format!("{} pictures are", urls.len()) };
        return Finding::pass(PICTURES, format!("{are} there"));
    }
    let shown = wrong.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    let found = format!("{} of {} cannot be shown: {shown}", wrong.len(), urls.len());
    Finding::warn(PICTURES, found, "correct the addresses in products, or the pictures' server")
}

async fn page(check: &'static str, key: &str, url: Option<&str>, web: &Web) -> Finding {
    let Some(url) = url else {
        return Finding::skip(check, format!("{key} is not set; live mode needs it"));
    };
    let remedy = format!("correct {key}, or publish the page");
    match web.get(url).await {
        Ok(page) if page.status.is_success() => Finding::pass(check, format!("{url} answers")),
        Ok(page) => Finding::fail(check, format!("{url} answers {}", page.status.as_u16()), remedy),
        Err(why) => Finding::fail(check, format!("{url} does not answer: {why}"), remedy),
    }
}

/// Sends a signed test event, as `docs/ORDER_EVENTS.md` describes it.
async fn receiver(subject: &Subject<'_>) -> Finding {
    let Some(webhook) = &subject.secrets.webhook else {
        return Finding::skip(
            RECEIVER,
            "no [webhook] is set, so no system of the merchant's is told of orders",
        );
    };
    let doctor = subject.doctor;
    let now = doctor.clock.now();
    let body = json!({
        "type": "webhook.test",
        "timestamp": now.to_string(),
        "data": { "livemode": subject.view.mode.livemode(), "merchant": subject.view.id.as_str() },
    });
    let receiver = Receiver {
        url: webhook.url.clone(),
        secrets: webhook.secrets.iter().map(|secret| secret.expose_secret().into()).collect(),
    };
    let address = webhook.url.host_str().unwrap_or_default().to_owned();
    let id = OrderEventId::from_random(doctor.ids.random_id());
    let sent = async {
        let request = receiver.sign(&id, &body.to_string(), now)?;
        subject.sender.post(request).await
    };
    let sent = tokio::time::timeout(RECEIVER_MAY_TAKE, sent).await;
    let sent = sent.unwrap_or_else(|_| Err(Unanswered("it took longer than 15 seconds".to_owned())));
    match sent {
        Ok((answer, _)) if (200..=299).contains(&answer.status) => {
            Finding::pass(RECEIVER, format!("{address} accepted a signed test event"))
        }
        Ok((answer, _)) => Finding::fail(
            RECEIVER,
            format!("{address} answered {} to a signed test event", answer.status),
            "let it verify the signature with webhook.secret, and answer 2xx to types of event that it does not know",
        ),
        Err(unanswered) => Finding::fail(
            RECEIVER,
            format!("{address} did not answer: {unanswered}"),
            "correct webhook.url, or start the receiver",
        ),
    }
}
