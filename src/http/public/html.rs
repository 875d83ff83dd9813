//! The common parts of the shop's pages: plain HTML that needs no script, and headers that forbid foreign content.
//!
//! Invariant: the only script that any page may run is the buy widget's, by its hash.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::money::Money;
use crate::domain::pricing::Quote;
use crate::protocol::apps::widget::image_origins;
use crate::protocol::apps::widget_parts::WidgetParts;
use crate::protocol::texts::catalogue::{self, Page};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{padding:.4rem 0;text-align:left;border-bottom:1px solid #ddd}\
td:last-child,th:last-child{text-align:right}.test{background:#fff3cd;padding:.5rem 1rem}\
.said{background:#eef3fb;padding:.5rem 1rem}label{display:block;margin:.6rem 0}\
input,select{font:inherit;padding:.4rem;width:100%;box-sizing:border-box}input[type=radio]{width:auto}\
button{font:inherit;padding:.7rem 1.2rem;border:0;border-radius:.4rem;background:#1a1a1a;color:#fff}\
button.quiet{background:#e6e6e6;color:#1a1a1a}\
@media print{form,button,.links{display:none}body{max-width:none;margin:0;font-size:11pt}\
a{color:inherit;text-decoration:none}tr,li{break-inside:avoid}}";

/// The shop of a page, and its language.
#[derive(Clone, Copy)]
pub(super) struct ShopPage<'a> {
    pub(super) view: &'a MerchantView,
    pub(super) language: Language,
}

impl ShopPage<'_> {
    /// The page's texts.
    pub(super) fn texts(self) -> &'static Page {
        &catalogue::of(self.language).page
    }

    /// An amount in the format of the page's language.
    pub(super) fn money(self, amount: Money) -> String {
        catalogue::money(self.language, amount)
    }
}

/// What a page allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    /// Reading only.
    Text,
    /// Sending forms: to the shop itself, and from there to Stripe Checkout.
    Forms,
    /// The same, until the buy widget replaces them.
    Widget,
}

/// The head of a page's response: no foreign content, no search index, no cache.
pub(super) fn answer(status: StatusCode, kind: PageKind, view: &MerchantView) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy(kind, view)))
        // The address contains its key. A form must still send its origin.
        .insert_header((REFERRER_POLICY, if kind == PageKind::Text { "no-referrer" } else { "same-origin" }))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((HeaderName::from_static("x-robots-tag"), "noindex"))
        .insert_header((HeaderName::from_static("x-content-type-options"), "nosniff"));
    answer
}

fn policy(kind: PageKind, view: &MerchantView) -> String {
    let targets = match kind {
        PageKind::Text => "'none'",
        PageKind::Forms | PageKind::Widget if view.mode.livemode() => "'self' https:",
        // In test mode Stripe Checkout may be an emulated one on this machine.
        PageKind::Forms | PageKind::Widget => "'self' https: http://127.0.0.1:* http://localhost:*",
    };
    let widget = match kind {
        PageKind::Text | PageKind::Forms => String::new(),
        PageKind::Widget => {
            let images: Vec<&str> = image_origins(view).into_iter().collect();
            let images = if images.is_empty() { "'none'".to_owned() } else { images.join(" ") };
            let script = &WidgetParts::get().script_source;
            format!(" script-src {script}; connect-src 'self'; img-src {images};")
        }
    };
    format!(
        "default-src 'none';{widget} style-src 'unsafe-inline'; base-uri 'none'; form-action {targets}; frame-ancestors 'none'"
    )
}

/// A whole page of a shop. `head` may add to the document's head, `body` is HTML.
pub(super) fn page(shop: ShopPage<'_>, title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang={language}>{head}<style>{STYLE}</style>{body}</html>\n",
        language = shop.language,
        head = begin(title, head),
        body = plain(shop, body),
    )
}

/// The same, with the widget: its style applies, and the plain part disappears once the widget has content
/// (`widget/src/plain_page.ts`). `head` is for browsers without scripts; `session` is the session's id in tools.
pub(super) fn page_with_widget(
    shop: ShopPage<'_>,
    title: &str,
    head: &str,
    body: &str,
    session: &str,
) -> String {
    let head = if head.is_empty() { String::new() } else { format!("<noscript>{head}</noscript>") };
    let WidgetParts { style, script, .. } = WidgetParts::get();
    format!(
        "<!doctype html><html lang={language} data-host=checkout>{head}<style id=plain-style>{STYLE}</style>\
         <style id=app-style media=\"not all\">{style}</style>\
         <div id=plain>{body}</div><div id=app data-session=\"{session}\"></div><script>{script}</script></html>\n",
        language = shop.language,
        head = begin(title, &head),
        body = plain(shop, body),
        session = escape(session),
    )
}

fn begin(title: &str, head: &str) -> String {
    format!(
        "<meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <meta name=robots content=noindex>{head}<title>{}</title>",
        escape(title)
    )
}

fn plain(shop: ShopPage<'_>, body: &str) -> String {
    let test = if shop.view.mode.livemode() {
        String::new()
    } else {
        format!("<p class=test>{}</p>", escape(&shop.texts().test_mode))
    };
    format!("<h1>{}</h1>{test}{body}", escape(&shop.view.name))
}

/// A quote as the rows of a table.
pub(super) fn rows(shop: ShopPage<'_>, quote: &Quote) -> String {
    let texts = shop.texts();
    let row = |title: &str, amount: Money| {
        format!("<tr><td>{}</td><td>{}</td></tr>", escape(title), shop.money(amount))
    };
    let lines =
        quote.lines.iter().map(|line| row(&format!("{} × {}", line.quantity, line.title), line.subtotal));
    let chosen = quote.options.iter().find(|option| Some(&option.id) == quote.option_id.as_ref());
    let shipping = chosen.map(|option| row(&option.title, option.total));
    let total = format!("<tr><th>{}</th><th>{}</th></tr>", escape(&texts.total), shop.money(quote.total));
    let sums = [row(&texts.tax, quote.tax), total];
    lines.chain(shipping).chain(sums).collect()
}

/// The shop's own pages: support, terms and privacy.
pub(super) fn links(shop: ShopPage<'_>) -> String {
    let (links, texts) = (&shop.view.links, shop.texts());
    let known = [
        (&texts.ask_the_shop, &links.support),
        (&texts.terms, &links.terms_of_use),
        (&texts.privacy, &links.privacy_policy),
    ];
    let shown =
        html_links(known.into_iter().filter_map(|(text, url)| Some((text.as_str(), url.as_deref()?))));
    if shown.is_empty() { shown } else { format!("<p class=links>{shown}</p>") }
}

fn html_links<'a>(links: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let shown: Vec<String> = links
        .map(|(text, url)| format!("<a href=\"{}\" rel=noreferrer>{}</a>", escape(url), escape(text)))
        .collect();
    shown.join(" · ")
}

/// The HTML of several items, one after the other.
pub(super) fn each<T>(things: impl IntoIterator<Item = T>, html: impl Fn(T) -> String) -> String {
    things.into_iter().map(html).collect()
}

/// Text escaped for HTML, also within a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
