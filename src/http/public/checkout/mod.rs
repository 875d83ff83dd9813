//! `/checkout/{session}?key=…`: a shop's own page of one checkout, where a payment on a Stripe Checkout begins and
//! ends.
//!
//! The page is the buy widget on top of plain forms, which provide the essential functions without a script.
//!
//! The holder of the link may read, edit and pay, as in the widget. Reading changes nothing; forms are posted, name
//! the revision that was shown, and get a redirection as reply, so that a reload repeats nothing.

mod form;
mod page;
mod wallet;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::html::{self, PageKind, ShopPage};
use super::language;
use super::tenant_request::{self, RequestRejected, TenantRequest, not_found};
use super::{Public, read};
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{Answer, Command, HostRejection, Rejection, State, StripeNotification};
use crate::domain::ids::SessionId;
use crate::domain::language::Language;
use crate::limiter::{Budget, Source, TooMany};
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::catalogue;
use crate::protocol::texts::wording::Wording;
use form::{Edit, LastSubmission, Pay};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(read("/checkout/{session}", show))
        .service(web::resource("/checkout/{session}/edit").route(web::post().to(edit)))
        .service(web::resource("/checkout/{session}/pay").route(web::post().to(pay)))
        .service(read("/checkout/{session}/return", came_back))
        .service(
            web::resource("/checkout/{session}/wallet/{key}")
                .route(web::get().to(wallet::answer))
                .route(web::post().to(wallet::answer)),
        );
}

/// The path's parts; the tenant prefix may precede the session.
#[derive(Deserialize)]
struct PagePath {
    session: String,
}

#[derive(Deserialize)]
struct LinkQuery {
    key: String,
}

/// A visitor with a valid link of a checkout.
struct CheckoutLink {
    merchant: MerchantHandle,
    id: SessionId,
    source: Source,
    language: Language,
}

/// A visitor who is rejected.
enum LinkRejected {
    /// A wrong key, checkout or host, without distinction.
    Unknown,
    /// Too many requests at once.
    TooMany(TooMany),
}

impl LinkRejected {
    fn answer(&self) -> HttpResponse {
        match self {
            Self::Unknown => not_found(),
            Self::TooMany(too_many) => tenant_request::too_many(*too_many),
        }
    }
}

impl CheckoutLink {
    /// The visitor of a page or form with a valid key; no body is read before the key is checked.
    fn of(
        tenant_request: Result<TenantRequest, RequestRejected>,
        request: &HttpRequest,
        path: &PagePath,
    ) -> Result<Self, LinkRejected> {
        let tenant_request = tenant_request.map_err(|_| LinkRejected::Unknown)?;
        let link = web::Query::<LinkQuery>::from_query(request.query_string());
        let (Ok(link), Ok(id)) = (link, path.session.parse::<SessionId>()) else {
            return Err(LinkRejected::Unknown);
        };
        let (source, merchant) = (tenant_request.source(), tenant_request.merchant);
        if !merchant.opens_checkout(&id, &link.key) {
            return Err(LinkRejected::Unknown);
        }
        merchant.limiter().take(Budget::Held(id.as_str()), &source).map_err(LinkRejected::TooMany)?;
        let language = language::of(request, &merchant.view());
        Ok(Self { merchant, id, source, language })
    }

    /// Takes from the payment limits if the form's payment still has to create a Stripe Checkout; an open one costs
    /// nothing, and neither does a form that was shown for an earlier revision.
    async fn may_pay(&self, form: &Pay) -> Result<(), LinkRejected> {
        match self.merchant.ask(&self.id, Command::Read).await {
            Ok(answer)
                if matches!(answer.session.state, State::Ready { .. })
                    && form.is_of(answer.session.revision) =>
            {
                let budget = Budget::StripeCheckout(self.id.as_str());
                self.merchant.limiter().take(budget, &self.source).map_err(LinkRejected::TooMany)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The page of the present session, with the message for the visitor.
    async fn page(&self, status: StatusCode, last: LastSubmission<'_>) -> HttpResponse {
        match self.merchant.ask(&self.id, Command::Read).await {
            Ok(answer) => self.rendered(status, &answer, last),
            Err(rejection) => self.refused(&rejection),
        }
    }

    fn rendered(&self, status: StatusCode, answer: &Answer, last: LastSubmission<'_>) -> HttpResponse {
        let view = self.merchant.view();
        match &answer.checkout_page {
            Some(link) => html::answer(status, last.page(), &view).body(page::render(
                answer,
                Rendering {
                    view: &view,
                    capabilities: self.merchant.capabilities(),
                    language: self.language,
                    now: self.merchant.now(),
                },
                link,
                last,
            )),
            // The shop no longer takes payments on its page: a session that is paid can still be shown.
            None => match self.permalink(answer) {
                Some(permalink) => redirect(permalink),
                None => not_found(),
            },
        }
    }

    /// The link of the checkout's order, as long as it is given out.
    fn permalink<'a>(&self, answer: &'a Answer) -> Option<&'a str> {
        let placed = answer.order.as_ref().filter(|_| !answer.is_closed(self.merchant.now()));
        placed.map(|placed| placed.permalink.as_str())
    }

    /// A redirection to this checkout's page.
    fn link(answer: &Answer) -> HttpResponse {
        answer.checkout_page.as_deref().map_or_else(not_found, redirect)
    }
}

async fn show(request: HttpRequest, path: web::Path<PagePath>, public: web::Data<Public>) -> HttpResponse {
    match CheckoutLink::of(TenantRequest::of(&request, &public), &request, &path) {
        Ok(link_holder) => link_holder.page(StatusCode::OK, LastSubmission::default()).await,
        Err(away) => away.answer(),
    }
}

/// Where Stripe Checkout redirects the shopper: Stripe is read now, and the page shows the result.
async fn came_back(
    request: HttpRequest,
    path: web::Path<PagePath>,
    public: web::Data<Public>,
) -> HttpResponse {
    let link_holder = match CheckoutLink::of(TenantRequest::of(&request, &public), &request, &path) {
        Ok(link_holder) => link_holder,
        Err(away) => return away.answer(),
    };
    // The result is read below, or by the page's next refresh.
    let _ =
        link_holder.merchant.ask(&link_holder.id, Command::CheckStripe(StripeNotification::payment())).await;
    match link_holder.merchant.ask(&link_holder.id, Command::Read).await {
        Ok(answer) => match (link_holder.permalink(&answer), &answer.session.state) {
            (Some(permalink), _) => {
                link_holder.merchant.limiter().paid(link_holder.id.as_str(), &link_holder.source);
                redirect(permalink)
            }
            (None, State::AwaitingStripeCheckout { .. }) => {
                let view = link_holder.merchant.view();
                let shop = ShopPage { view: &view, language: link_holder.language };
                html::answer(StatusCode::OK, PageKind::Forms, &view).body(page::waiting(&answer, shop))
            }
            (None, _) => CheckoutLink::link(&answer),
        },
        Err(rejection) => link_holder.refused(&rejection),
    }
}

/// Applies the form's address, buyer and shipping option.
async fn edit(
    request: HttpRequest,
    path: web::Path<PagePath>,
    public: web::Data<Public>,
    payload: web::Payload,
) -> HttpResponse {
    let link_holder = match CheckoutLink::of(TenantRequest::with_form(&request, &public), &request, &path) {
        Ok(link_holder) => link_holder,
        Err(away) => return away.answer(),
    };
    let Some(form) = form::read::<Edit>(payload).await else {
        let said = link_holder.texts().form_unreadable.as_str();
        return link_holder.page(StatusCode::BAD_REQUEST, LastSubmission::said(said)).await;
    };
    match form.command() {
        Err(wrong) => {
            let message = wrong.message(link_holder.language);
            link_holder.page(StatusCode::BAD_REQUEST, LastSubmission::wrong(&message, &form)).await
        }
        Ok(command) => match link_holder.merchant.ask(&link_holder.id, command).await {
            Ok(answer) => CheckoutLink::link(&answer),
            Err(rejection) => link_holder.rejected(&rejection).await,
        },
    }
}

/// Creates a Stripe Checkout, or redirects to the open one.
async fn pay(
    request: HttpRequest,
    path: web::Path<PagePath>,
    public: web::Data<Public>,
    payload: web::Payload,
) -> HttpResponse {
    let link_holder = match CheckoutLink::of(TenantRequest::with_form(&request, &public), &request, &path) {
        Ok(link_holder) => link_holder,
        Err(away) => return away.answer(),
    };
    let Some(form) = form::read::<Pay>(payload).await else {
        let said = link_holder.texts().form_unreadable.as_str();
        return link_holder.page(StatusCode::BAD_REQUEST, LastSubmission::said(said)).await;
    };
    if let Err(away) = link_holder.may_pay(&form).await {
        return away.answer();
    }
    match link_holder.merchant.ask(&link_holder.id, form.command()).await {
        Ok(answer) => {
            let state = &answer.session.state;
            if let State::AwaitingStripeCheckout { checkout, .. } = state {
                redirect(&checkout.url)
            } else if let Some(permalink) = link_holder.permalink(&answer) {
                redirect(permalink)
            } else if state.running().is_some() {
                // It is still being created, or other work is in progress: the page refreshes by itself.
                CheckoutLink::link(&answer)
            } else if matches!(state, State::Ready { .. }) {
                let said = link_holder.texts().not_opened.as_str();
                link_holder.rendered(StatusCode::SERVICE_UNAVAILABLE, &answer, LastSubmission::said(said))
            } else {
                link_holder.rendered(StatusCode::CONFLICT, &answer, LastSubmission::plain())
            }
        }
        Err(rejection) => link_holder.rejected(&rejection).await,
    }
}

impl CheckoutLink {
    /// The page, with the reason of a rejection.
    async fn rejected(&self, rejection: &Rejection) -> HttpResponse {
        let view = self.merchant.view();
        let said = Wording::for_shopper(&view, self.language).rejection(rejection);
        self.page(StatusCode::CONFLICT, LastSubmission::said(&said)).await
    }

    /// The texts of the shop's pages.
    fn texts(&self) -> &'static catalogue::Page {
        &catalogue::of(self.language).page
    }

    /// The reply if the session cannot be shown at all.
    fn refused(&self, rejection: &Rejection) -> HttpResponse {
        if matches!(rejection, Rejection::Host(HostRejection::NotFound)) {
            return not_found();
        }
        HttpResponse::ServiceUnavailable()
            .insert_header(("retry-after", "2"))
            .content_type("text/plain; charset=utf-8")
            .body(format!("{}\n", self.texts().checkout_unavailable))
    }
}

/// 303: the browser continues with a GET.
fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header(("cache-control", "no-store"))
        .finish()
}
