//! `hosts`, `[links]` and `[chatgpt]`: the shop's addresses and its presentation.

use super::values::{Addresses, once, refuse_empty};
use crate::config::diagnostic::{Place, quoted};
use crate::config::document::{Field, Section};
use crate::config::web;
use crate::domain::channels::{Brand, ChatGptSettings, ContractVersion, MethodsForm};
use crate::domain::ids::Mode;
use crate::domain::merchant::Links;

const MOST_HOSTS: usize = 50;
const LONGEST_CHALLENGE: usize = 256;

/// Reads `hosts`: names with their places in the file. A live shop's must be its own on the internet.
pub(super) fn read_hosts(root: &Section<'_>, mode: Option<Mode>) -> Vec<(String, Place)> {
    const REMEDY: &str = "write a list of host names, such as [\"shop.example\"]";
    let Some(field) = root.required("hosts", REMEDY) else { return Vec::new() };
    let items = field.items(REMEDY);
    if items.is_empty() {
        refuse_empty(&field, REMEDY);
    }
    if items.len() > MOST_HOSTS {
        root.too_many("hosts", items.len(), MOST_HOSTS);
    }
    let mut hosts: Vec<String> = Vec::new();
    let mut placed = Vec::new();
    for item in items.iter().take(MOST_HOSTS) {
        let Some(text) = item.text() else { continue };
        match web::host_name(text) {
            Ok(host) => {
                if let Some(why) = web::not_public(&host).filter(|_| mode == Some(Mode::Live)) {
                    let remedy = "write a name of the merchant's own domain, which live mode needs";
                    item.refuse(format!("{} {why}", quoted(&host)), remedy);
                }
                if once(item, &hosts, &host) {
                    hosts.push(host.clone());
                    placed.push((host, item.place()));
                }
            }
            Err(wrong) => item.refuse(format!("{}: {}", wrong.problem, quoted(text)), wrong.remedy),
        }
    }
    placed
}

pub(super) fn read_links(root: &Section<'_>, addresses: Addresses) -> Links {
    let section = root.section("links");
    let page = |key: &'static str| section.field(key).and_then(|field| addresses.written(&field));
    let links = Links {
        terms_of_use: page("terms_of_use"),
        privacy_policy: page("privacy_policy"),
        support: page("support"),
    };
    section.finish();
    links
}

pub(super) fn read_chatgpt(root: &Section<'_>, addresses: Addresses) -> ChatGptSettings {
    let section = root.section("chatgpt");
    let challenge = section.field("challenge").and_then(|field| read_challenge(&field));
    let widget_domain = section.field("widget_domain").and_then(|field| addresses.origin(&field));
    let contract = section.field("contract").and_then(|field| field.choice(&[("v1", ContractVersion::V1)]));
    let forms = [("objects", MethodsForm::Objects), ("strings", MethodsForm::Strings)];
    let methods_form = section.field("methods_form").and_then(|field| field.choice(&forms));
    let legacy_mime = section.field("legacy_mime").and_then(|field| field.switch()).unwrap_or(false);
    let color = section.field("brand_color").and_then(|field| read_color(&field));
    let logo = section.field("logo").and_then(|field| addresses.written(&field));
    section.finish();
    ChatGptSettings {
        challenge,
        widget_domain,
        contract: contract.unwrap_or(ContractVersion::V1),
        methods_form: methods_form.unwrap_or(MethodsForm::Objects),
        legacy_mime,
        brand: Brand { color, logo },
    }
}

/// OpenAI's domain verification reads one plain token.
fn read_challenge(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let token =
        (1..=LONGEST_CHALLENGE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !token {
        field.refuse("is not a verification token", "copy the token that OpenAI shows, without spaces");
    }
    token.then(|| text.to_owned())
}

fn read_color(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let digits = text.strip_prefix('#').unwrap_or("");
    let right = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !right {
        field.refuse(
            format!("is no colour: {}", quoted(text)),
            "write # and six hexadecimal digits, such as \"#0b5d4e\"",
        );
    }
    right.then(|| text.to_ascii_lowercase())
}
