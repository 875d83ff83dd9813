//! The checkout page as HTML: the forms, which need no script, and the widget that replaces them.

use super::form::{Edit, LastSubmission};
use crate::domain::address::{Address, CountryCode};
use crate::domain::checkout::model::{Answer, Session};
use crate::domain::places;
use crate::http::public::html::{self, PageKind, ShopPage, escape};
use crate::protocol::apps::messages;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::catalogue::fill;

/// Makes a page that waits for Stripe request the checkout again: the present page may be the reply to a form.
fn look_again(link: &str) -> String {
    format!("<meta http-equiv=refresh content=\"2;url={}\">", escape(link))
}

/// The page of a session in its present state. `link` is the page's own address.
pub(super) fn render(
    answer: &Answer,
    rendering: Rendering<'_>,
    link: &str,
    last: LastSubmission<'_>,
) -> String {
    let (session, now) = (&answer.session, rendering.now);
    let shop = ShopPage { view: rendering.view, language: rendering.language };
    let texts = shop.texts();
    let messages = messages::of_session(session, answer.notice.as_ref(), rendering);
    let mut messages_html: Vec<&str> = last.said.into_iter().collect();
    messages_html.extend(messages.iter().map(|message| message.content.as_str()));
    messages_html.dedup();
    let messages_html = html::each(messages_html, |text| format!("<p class=said>{}</p>", escape(text)));
    let state = &session.state;
    let (waits, forms) = if state.is_payable(now) {
        (false, both_forms(session, shop, link, last.typed))
    } else if state.is_the_shoppers() {
        (false, edit_form(session, shop, link, last.typed))
    } else {
        (state.running().is_some(), String::new())
    };
    let order = answer.order.as_ref().map_or_else(String::new, |placed| {
        let number = fill(&texts.order_number, &[("number", &placed.number.to_string())]);
        let (paid, number) = (escape(&texts.paid), escape(&number));
        if answer.is_closed(now) {
            return format!("<p>{paid} {number}</p>");
        }
        format!("<p>{paid} <a href=\"{}\">{number}</a></p>", escape(&placed.permalink))
    });
    let body = format!(
        "<h2>{heading}</h2>{messages_html}{order}{table}{forms}{links}",
        heading = escape(&texts.your_order),
        table = table(session, shop),
        links = html::links(shop)
    );
    let head = if waits { look_again(link) } else { String::new() };
    let title = fill(&texts.checkout_title, &[("shop", &shop.view.name)]);
    match last.page() {
        PageKind::Widget => {
            let id = rendering.capability(&session.id, None).expose();
            html::page_with_widget(shop, &title, &head, &body, &id)
        }
        PageKind::Text | PageKind::Forms => html::page(shop, &title, &head, &body),
    }
}

/// The page for a shopper who returns from Stripe Checkout before Stripe has reported the result.
pub(super) fn waiting(answer: &Answer, shop: ShopPage<'_>) -> String {
    let texts = shop.texts();
    let link = answer.checkout_page.as_deref().unwrap_or_default();
    let body = format!(
        "<h2>{heading}</h2><p class=said>{checking}</p>{table}<p><a href=\"{link}\">{back}</a></p>",
        heading = escape(&texts.your_order),
        checking = escape(&texts.checking),
        table = table(&answer.session, shop),
        link = escape(link),
        back = escape(&texts.back_to_checkout),
    );
    let head = "<meta http-equiv=refresh content=2>";
    html::page(shop, &fill(&texts.checkout_title, &[("shop", &shop.view.name)]), head, &body)
}

fn table(session: &Session, shop: ShopPage<'_>) -> String {
    let rows = match session.quote() {
        Some(quote) => html::rows(shop, quote),
        None => html::each(session.inputs.cart.lines(), |line| {
            // An item that is no longer sold has no title; its id is not shown instead.
            let title = shop.view.catalog.item(&line.id).map(|item| item.title());
            let title = title.unwrap_or_else(|| shop.texts().item_unnamed.clone());
            format!("<tr><td>{}</td><td>{}</td></tr>", escape(&title), line.quantity)
        }),
    };
    format!("<table>{rows}</table>")
}

fn both_forms(session: &Session, shop: ShopPage<'_>, link: &str, typed: Option<&Edit>) -> String {
    format!("{}{}", edit_form(session, shop, link, typed), pay_form(session, shop, link))
}

/// The address of one of the page's forms.
fn action(link: &str, form: &str) -> String {
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    escape(&format!("{path}/{form}?{query}"))
}

fn pay_form(session: &Session, shop: ShopPage<'_>, link: &str) -> String {
    let texts = shop.texts();
    format!(
        "<form method=post action=\"{action}\"><input type=hidden name=revision value={revision}>\
         <h2>{heading}</h2><p>{hint}</p><p><button>{pay}</button></p></form>",
        action = action(link, "pay"),
        revision = session.revision.0,
        heading = escape(&texts.payment),
        hint = escape(&texts.payment_hint),
        pay = escape(&texts.pay_now),
    )
}

fn edit_form(session: &Session, shop: ShopPage<'_>, link: &str, typed: Option<&Edit>) -> String {
    let (view, texts) = (shop.view, shop.texts());
    let address = session.inputs.address.as_ref();
    // Submitted values take precedence over stored ones.
    let of = |written: fn(&Edit) -> &str, part: fn(&Address) -> &str| {
        typed.map(written).or_else(|| address.map(part)).unwrap_or_default()
    };
    // A territory may be listed as a country and stored as a state.
    let known_country = address.map(|address| {
        places::listed(&view.checkout.countries, address.country, &address.state).unwrap_or(address.country)
    });
    let known_country = known_country.as_ref().map(CountryCode::as_str).unwrap_or_default();
    let chosen_country = typed.map_or(known_country, |typed| &typed.country);
    let field = |label: &str, name: &str, complete: &str, value: &str| {
        format!(
            "<label>{}<input name={name} autocomplete={complete} value=\"{}\"></label>",
            escape(label),
            escape(value)
        )
    };
    let countries = html::each(&view.checkout.countries, |country| {
        let selected = if chosen_country == country.as_str() { " selected" } else { "" };
        let name = country.name_in(shop.language).unwrap_or(country.as_str());
        format!("<option value=\"{country}\"{selected}>{}</option>", escape(name))
    });
    let known = session.inputs.buyer.email.as_deref();
    let email = typed.map(|typed| typed.email.as_str()).or(known).unwrap_or_default();
    format!(
        "<form method=post action=\"{action}\"><input type=hidden name=revision value={revision}>{options}\
         <input type=hidden name=options_of value=\"{options_of}\">\
         <h2>{delivery}</h2>{email}{name}{line_one}{line_two}{city}{state}{postal}{phone}\
         <label>{country}<select name=country autocomplete=country>{countries}</select></label>\
         <p><button class=quiet>{update}</button></p></form>",
        action = action(link, "edit"),
        revision = session.revision.0,
        options = options(session, shop),
        delivery = escape(&texts.delivery),
        country = escape(&texts.field_country),
        update = escape(&texts.update),
        options_of = known_country,
        phone = field(
            &texts.field_phone_number,
            "phone_number",
            "tel",
            of(|typed| &typed.phone_number, |address| address.phone_number.as_deref().unwrap_or_default())
        ),
        email = field(&texts.field_email, "email", "email", email),
        name = field(&texts.field_name, "name", "name", of(|typed| &typed.name, |address| &address.name)),
        line_one = field(
            &texts.field_line_one,
            "line_one",
            "address-line1",
            of(|typed| &typed.line_one, |address| &address.line_one)
        ),
        line_two = field(
            &texts.field_line_two,
            "line_two",
            "address-line2",
            of(|typed| &typed.line_two, |address| address.line_two.as_deref().unwrap_or_default())
        ),
        city = field(
            &texts.field_city,
            "city",
            "address-level2",
            of(|typed| &typed.city, |address| &address.city)
        ),
        state = field(
            &texts.field_state,
            "state",
            "address-level1",
            of(|typed| &typed.state, |address| &address.state)
        ),
        postal = field(
            &texts.field_postal_code,
            "postal_code",
            "postal-code",
            of(|typed| &typed.postal_code, |address| &address.postal_code)
        ),
    )
}

fn options(session: &Session, shop: ShopPage<'_>) -> String {
    let Some(quote) = session.quote().filter(|quote| quote.options.len() > 1) else {
        return String::new();
    };
    let rows = html::each(&quote.options, |option| {
        let checked = if Some(&option.id) == quote.option_id.as_ref() { " checked" } else { "" };
        let (id, title) = (escape(option.id.as_str()), escape(&option.title));
        format!(
            "<label><input type=radio name=option value=\"{id}\"{checked}> {title}, {}</label>",
            shop.money(option.total)
        )
    });
    format!("<h2>{}</h2>{rows}", escape(&shop.texts().shipping))
}
