//! Paying a checkout with a credential of the Machine Payments Protocol, whichever request brought it.
//!
//! Invariants: a request without a credential changes and stores nothing; the amount is the checkout's own.

use crate::actors::MerchantHandle;
use crate::domain::address::Buyer;
use crate::domain::checkout::model::{Answer, Command, Payment, Rejection};
use crate::domain::ids::SessionId;
use crate::domain::origin::TokenDoor;
use crate::limiter::Source;
use crate::protocol::mpp::credential::{Credential, CredentialError};
use crate::protocol::mpp::reply::{Reply, Shop};
use crate::protocol::rendering::Rendering;

/// A wallet at a checkout of which it holds the key.
pub(super) struct WalletDoor<'a> {
    pub(super) merchant: &'a MerchantHandle,
    pub(super) id: &'a SessionId,
    pub(super) source: &'a Source,
    /// What it says of its program.
    pub(super) user_agent: Option<&'a str>,
}

impl WalletDoor<'_> {
    /// Replies with the state of the checkout, or pays it first.
    pub(super) async fn reply(
        &self,
        present: &Answer,
        sent: Result<Option<Credential>, CredentialError>,
    ) -> Reply {
        let credential = match sent {
            Ok(None) => return self.with_shop(|shop| shop.reply(present)),
            Err(error) => return self.with_shop(|shop| shop.malformed(present, error)),
            Ok(Some(credential)) => credential,
        };
        let revision = match self.with_shop(|shop| shop.accepts(present, &credential)) {
            Ok(revision) => revision,
            Err(reply) => return *reply,
        };
        let payment = Payment {
            door: TokenDoor::Wallet,
            user_agent: self.user_agent.map(str::to_owned),
            challenge: Some(credential.challenge.id),
            revision,
            token: credential.token,
            buyer: Buyer::default(),
        };
        match self.pay(payment.clone()).await {
            Ok(answer) if answer.order.is_some() => {
                self.merchant.limiter().paid(self.id.as_str(), self.source);
                // Whose token has paid is stored with the payment: asked again, the checkout tells it.
                let paid =
                    if answer.repeats_payment { answer } else { self.pay(payment).await.unwrap_or(answer) };
                self.with_shop(|shop| shop.tried(&paid))
            }
            Ok(answer) => self.with_shop(|shop| shop.tried(&answer)),
            Err(rejection) => {
                // What a rejection leaves is the checkout as it is now.
                let present = self.merchant.ask(self.id, Command::Read).await;
                let present = present.as_deref().ok();
                self.with_shop(|shop| shop.rejected(present, &rejection))
            }
        }
    }

    /// The reply where the checkout cannot be read.
    pub(super) fn unread(&self, rejection: &Rejection) -> Reply {
        self.with_shop(|shop| shop.rejected(None, rejection))
    }

    async fn pay(&self, payment: Payment) -> Result<Box<Answer>, Rejection> {
        self.merchant.ask_from(self.id, Command::Complete(payment), self.source.clone()).await
    }

    fn with_shop<T>(&self, reply: impl FnOnce(Shop<'_>) -> T) -> T {
        let (view, links) = (self.merchant.view(), self.merchant.links());
        let rendering = Rendering {
            view: &view,
            capabilities: self.merchant.capabilities(),
            language: view.language,
            now: self.merchant.now(),
        };
        let (base, user_agent) = (&links.base(&view), self.user_agent);
        reply(Shop { rendering, base, keyring: links.keyring(), user_agent })
    }
}
